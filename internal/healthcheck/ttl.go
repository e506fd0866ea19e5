package healthcheck

import (
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/definition"
)

// TTL is a check whose state is told by somebody else. It reports critical when nothing was told for the TTL.
type TTL struct {
	ttl    time.Duration
	report Report
	told   chan time.Duration // to wait from now on
	stop   chan struct{}
	once   sync.Once
	done   sync.WaitGroup

	mu     sync.Mutex
	output string
}

// NewTTL prepares a check with a TTL. The output, which may be empty, is the last that was told.
func NewTTL(ttl time.Duration, output string, report Report) *TTL {
	return &TTL{ttl: ttl, report: report, told: make(chan time.Duration, 1), stop: make(chan struct{}), output: output}
}

// Start begins to wait; left is how long for the first time, normally the TTL. It is called once.
func (t *TTL) Start(left time.Duration) {
	t.done.Go(func() { t.run(left) })
}

// Stop ends the check and waits.
func (t *TTL) Stop() {
	t.once.Do(func() { close(t.stop) })
	t.done.Wait()
}

// Touch notes that the state was told, with its output. The TTL begins anew.
func (t *TTL) Touch(output string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.output = output
	select {
	case <-t.told: // one that was not taken yet says the same
	default:
	}
	t.told <- t.ttl
}

func (t *TTL) run(left time.Duration) {
	timer := time.NewTimer(left)
	defer timer.Stop()
	for {
		select {
		case <-t.stop:
			return
		case left := <-t.told:
			timer.Reset(left)
		case <-timer.C:
			t.expire()
		}
	}
}

func (t *TTL) expire() {
	t.mu.Lock()
	late := len(t.told) > 0 // told in the last moment
	output := t.output
	t.mu.Unlock()
	if late {
		return
	}
	text := "TTL expired"
	if output != "" {
		text += " (last output before timeout follows): " + output
	}
	t.report(definition.Critical, text)
}
