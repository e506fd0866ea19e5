package consulsnapshot

import (
	"fmt"
	"io"
	"log"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
)

// A Log writes lines as consul-snapshot does: the date and time of Go's log, the level in brackets, and the text. It is safe for concurrent
// use.
type Log struct{ lines *log.Logger }

// NewLog makes a log that writes to w.
func NewLog(w io.Writer) *Log { return &Log{log.New(w, "", log.LstdFlags)} }

// Info tells what has happened.
func (l *Log) Info(format string, args ...any) { l.lines.Printf("[INFO] "+format, args...) }

// Warn tells what is not as it should be.
func (l *Log) Warn(format string, args ...any) { l.lines.Printf("[WARN] "+format, args...) }

// Err tells what has failed.
func (l *Log) Err(format string, args ...any) { l.lines.Printf("[ERR] "+format, args...) }

// Named is the log as other packages of Lictor write to it, from warnings up.
func (l *Log) Named(name string) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: name, Level: hclog.Warn, Output: &relay{log: l}, DisableTime: true})
}

// relay passes on lines of an hclog.Logger.
type relay struct {
	log *Log
	mu  sync.Mutex
}

// Write takes one line or more.
func (r *relay) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range strings.Lines(string(p)) {
		line = strings.Replace(strings.TrimSpace(line), "[ERROR]", "[ERR]", 1)
		r.log.lines.Print(strings.Join(strings.Fields(line), " "))
	}
	return len(p), nil
}

// some is a number of things, for people.
func some(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "y") && !strings.HasSuffix(what, "key"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(what, "y"))
	}
	return fmt.Sprintf("%d %ss", n, what)
}
