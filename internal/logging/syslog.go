package logging

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	// syslogTag is the program's name in syslog: Consul's, so that filters made for it keep working.
	syslogTag = "consul"
	// queueLength is how many lines may wait for the syslog daemon.
	queueLength = 1024
	// closeWait is how long closing waits for the lines in the queue.
	closeWait = time.Second
)

// errNoSyslog is the reason on platforms that have no syslog.
var errNoSyslog = fmt.Errorf("enable_syslog: %s has no syslog: use log_file instead", runtime.GOOS)

// facilities are the names of syslog_facility, in the order of their numbers in RFC 3164.
var facilities = []string{
	"KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV", "FTP",
	"", "", "", "", // 12 to 15 have no common names
	"LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7",
}

// checkFacility refuses what is not a name of a facility; case does not matter.
func checkFacility(name string) error {
	if name != "" && slices.Contains(facilities, strings.ToUpper(name)) {
		return nil
	}
	known := slices.DeleteFunc(slices.Clone(facilities), func(f string) bool { return f == "" })
	return fmt.Errorf("unknown syslog_facility %q: use one of %s", name, strings.Join(known, ", "))
}

// daemon is a connection to a syslog daemon.
type daemon interface {
	// send delivers one message, connecting again if need be. It may block.
	send(level hclog.Level, message string) error
	Close() error
}

// queue is the output to syslog. Its goroutine run owns the daemon; write only ever fills the channel, so that a
// daemon that hangs costs lines and not the program.
type queue struct {
	daemon  daemon
	lines   chan line     // written by write, closed by close
	done    chan struct{} // closed by run when lines is closed and drained
	patient time.Duration // how long close waits

	overflowed bool // lines are dropped until the queue is empty

	mu  sync.Mutex // guards err
	err error      // of the last send that failed, until it has been told
}

// line is one message to send.
type line struct {
	level   hclog.Level
	message string
}

func newQueue(d daemon, length int, patient time.Duration) *queue {
	q := &queue{daemon: d, lines: make(chan line, length), done: make(chan struct{}), patient: patient}
	go q.run()
	return q
}

func (q *queue) run() {
	defer close(q.done)
	for l := range q.lines {
		if err := q.daemon.send(l.level, l.message); err != nil {
			q.mu.Lock()
			q.err = err
			q.mu.Unlock()
		}
	}
}

// write puts an entry into the queue. Its error is that of an earlier line, or that the queue is full.
func (q *queue) write(level hclog.Level, p []byte) error {
	if q.overflowed && len(q.lines) > 0 {
		return q.full()
	}
	q.overflowed = false
	select {
	case q.lines <- line{level, string(bytes.TrimRight(p, "\n"))}:
	default:
		q.overflowed = true
		return q.full()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	err := q.err
	q.err = nil
	return err
}

func (q *queue) full() error {
	return fmt.Errorf("syslog does not keep up: %d lines are waiting, later ones are dropped", cap(q.lines))
}

// close sends what is in the queue and disconnects. If the daemon hangs, it gives up after a while.
func (q *queue) close() error {
	close(q.lines)
	select {
	case <-q.done:
		return q.daemon.Close()
	case <-time.After(q.patient):
		return fmt.Errorf("syslog took no more lines for %s: %d lines were not sent", q.patient, len(q.lines))
	}
}
