package logging

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// monitorLines is how many lines wait for a subscriber before lines are lost.
const monitorLines = 512

// A Monitor lets subscribers read along what the process logs, without any effect on the log itself.
type Monitor struct {
	logger hclog.InterceptLogger
	now    func() time.Time
}

// NewMonitor returns a monitor of all loggers that are made from logger, and of logger, which New has returned.
func NewMonitor(logger hclog.InterceptLogger) *Monitor {
	return &Monitor{logger: logger, now: time.Now}
}

// An UnknownLevelError is the name of a log level that is none.
type UnknownLevelError string

func (e UnknownLevelError) Error() string { return "Unknown log level: " + string(e) }

// Subscribe returns the lines that are logged from now on, each with its newline: those of a level (as Level knows them
// by name; empty is info) and above, whatever the level of the log itself, as text or as JSON. The error for any
// other level is an UnknownLevelError.
//
// A subscriber who is slow never holds up those who log: lines that it cannot take are lost, and in their place comes
// a line that says how many they were. The subscriber must call stop; then the channel is closed.
func (m *Monitor) Subscribe(level string, json bool) (lines <-chan []byte, stop func(), err error) {
	threshold := hclog.Info
	if level != "" {
		if threshold, err = Level(level); err != nil {
			return nil, nil, UnknownLevelError(level)
		}
	}
	s := &subscriber{lines: make(chan []byte), wake: make(chan struct{}, 1), done: make(chan struct{}), level: threshold}
	s.format = hclog.NewSinkAdapter(&hclog.LoggerOptions{Level: hclog.Trace, JSONFormat: json, TimeFn: m.now, Output: &s.text})
	s.sending.Go(s.send)
	m.logger.RegisterSink(s)
	return s.lines, sync.OnceFunc(func() {
		m.logger.DeregisterSink(s)
		close(s.done)
		s.sending.Wait()
	}), nil
}

// Stream writes what Subscribe gives to w until ctx is done, which is no error. It fails with an UnknownLevelError
// before it writes anything, and if w fails. If w is an http.ResponseWriter it is flushed at once and after every line.
func (m *Monitor) Stream(ctx context.Context, w io.Writer, level string, json bool) error {
	lines, stop, err := m.Subscribe(level, json)
	if err != nil {
		return err
	}
	defer stop()
	flush(w)
	for {
		select {
		case line := <-lines:
			if _, err := w.Write(line); err != nil {
				return err
			}
			flush(w)
		case <-ctx.Done():
			return nil
		}
	}
}

func flush(w io.Writer) {
	if rw, ok := w.(http.ResponseWriter); ok {
		_ = http.NewResponseController(rw).Flush() // a failure shows with the next write
	}
}

// subscriber is a sink of the logger. A goroutine of its own sends what waits.
type subscriber struct {
	lines   chan []byte
	wake    chan struct{} // has a value when something waits
	done    chan struct{}
	sending sync.WaitGroup
	level   hclog.Level

	mu      sync.Mutex // guards what follows
	format  hclog.SinkAdapter
	text    bytes.Buffer // what format writes to
	waiting [][]byte
	lost    int // lines lost after those that wait
}

// Accept is called by the logger, and never blocks.
func (s *subscriber) Accept(name string, level hclog.Level, msg string, args ...any) {
	if level < s.level {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost > 0 && len(s.waiting) < monitorLines-1 { // there is room for the notice and for this line
		s.waiting = append(s.waiting, s.notice())
	}
	if s.lost > 0 || len(s.waiting) >= monitorLines {
		s.lost++
		return
	}
	s.waiting = append(s.waiting, s.line(name, level, msg, args...))
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// line makes a line. The caller holds mu.
func (s *subscriber) line(name string, level hclog.Level, msg string, args ...any) []byte {
	s.text.Reset()
	s.format.Accept(name, level, msg, args...)
	return bytes.Clone(s.text.Bytes())
}

// notice makes the line that stands for those lost, and forgets them. The caller holds mu.
func (s *subscriber) notice() []byte {
	n := s.lost
	s.lost = 0
	return s.line("logging", hclog.Warn, "this monitor is too slow, lines are lost", "lost", n)
}

// next takes the first line that waits, or the notice when the last one before it has been taken; nil if there is none.
func (s *subscriber) next() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.waiting = nil
		if s.lost > 0 {
			return s.notice()
		}
		return nil
	}
	line := s.waiting[0]
	s.waiting[0] = nil
	s.waiting = s.waiting[1:]
	return line
}

func (s *subscriber) send() {
	defer close(s.lines)
	for {
		line := s.next()
		if line == nil {
			select {
			case <-s.wake:
				continue
			case <-s.done:
				return
			}
		}
		select {
		case s.lines <- line:
		case <-s.done:
			return
		}
	}
}
