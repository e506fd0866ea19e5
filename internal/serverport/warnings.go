package serverport

import (
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	warnAgain   = 10 * time.Minute
	maxWarnings = 1000 // that are remembered
)

// warnings logs what goes wrong with connections: each text once in a while for each address. What others can cause fills neither the
// log nor the memory: while there are too many addresses, new ones are not logged.
type warnings struct {
	log hclog.Logger
	now func() time.Time

	mu    sync.Mutex
	given map[warning]time.Time
}

type warning struct{ host, text string }

func newWarnings(log hclog.Logger) *warnings {
	return &warnings{log: log, now: time.Now, given: make(map[warning]time.Time)}
}

// warn logs a text about the connections from an address. details are pairs of names and values.
func (w *warnings) warn(from net.Addr, text string, details ...any) {
	host, _, err := net.SplitHostPort(from.String())
	if err != nil {
		host = from.String()
	}
	if w.due(warning{host, text}) {
		w.log.Warn(text, append([]any{"from", from}, details...)...)
	}
}

func (w *warnings) due(about warning) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if last, ok := w.given[about]; ok && now.Sub(last) < warnAgain {
		return false
	}
	if len(w.given) >= maxWarnings {
		for other, last := range w.given {
			if now.Sub(last) >= warnAgain {
				delete(w.given, other)
			}
		}
	}
	if len(w.given) >= maxWarnings {
		return false
	}
	w.given[about] = now
	return true
}
