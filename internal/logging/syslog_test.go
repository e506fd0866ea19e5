package logging

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agentconfig"
)

// fakeDaemon answers each send when the test lets it.
type fakeDaemon struct {
	entered  chan struct{} // told of each send that begins, if there is room
	answers  chan error    // one for each send; closed means success from now on
	messages []string      // owned by the queue's goroutine until it is done
	closed   bool
}

func newFakeDaemon() *fakeDaemon {
	return &fakeDaemon{entered: make(chan struct{}, 1), answers: make(chan error)}
}

func (d *fakeDaemon) send(level hclog.Level, message string) error {
	select {
	case d.entered <- struct{}{}:
	default:
	}
	err := <-d.answers
	if err == nil {
		d.messages = append(d.messages, level.String()+" "+message)
	}
	return err
}

func (d *fakeDaemon) Close() error {
	d.closed = true
	return nil
}

func TestSyslogIsTriedPatiently(t *testing.T) {
	tests := []struct {
		name     string
		failures int
		err      error
		waits    int
		opens    bool
	}{
		{"at once", 0, nil, 0, true},
		{"third time", 2, errors.New("no such file"), 2, true},
		{"last time", 11, errors.New("no such file"), 11, true},
		{"never", 12, errors.New("no such file"), 11, false},
		{"no syslog on this platform", 12, errNoSyslog, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			began, tries := c.now(), 0
			s := c.system()
			d := newFakeDaemon()
			s.dial = func(string) (daemon, error) {
				if tries++; tries <= tt.failures {
					return nil, tt.err
				}
				return d, nil
			}
			var stdout bytes.Buffer
			_, closer, err := s.open(agentconfig.LogConfig{Level: "INFO", Syslog: true, SyslogFacility: "local0"}, &stdout)
			if (err == nil) != tt.opens || (err != nil && !errors.Is(err, tt.err)) {
				t.Fatalf("open = %v", err)
			}
			if waited := c.now().Sub(began); waited != time.Duration(tt.waits)*5*time.Second {
				t.Errorf("waited %s, want %d times 5s", waited, tt.waits)
			}
			if n := strings.Count(stdout.String(), "[WARN]  syslog does not answer, will retry: retry_interval=5s"); n != tt.waits {
				t.Errorf("stdout told of %d retries, want %d: %q", n, tt.waits, stdout.String())
			}
			if !tt.opens {
				return
			}
			if err := closer.Close(); err != nil || !d.closed {
				t.Errorf("Close = %v, daemon closed: %t", err, d.closed)
			}
		})
	}
}

func TestQueueSendsAllBeforeItCloses(t *testing.T) {
	d := newFakeDaemon()
	q := newQueue(d, 10, time.Hour)
	for _, level := range []hclog.Level{hclog.Warn, hclog.Info} {
		if err := q.write(level, []byte("line\n")); err != nil {
			t.Fatal(err)
		}
	}
	close(d.answers)
	if err := q.close(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"warn line", "info line"}; !slices.Equal(d.messages, want) || !d.closed {
		t.Errorf("sent %q, want %q; closed: %t", d.messages, want, d.closed)
	}
}

// hanging returns a queue of two lines whose daemon does not come back from a first one.
func hanging(t *testing.T, patient time.Duration) (*queue, *fakeDaemon) {
	t.Helper()
	d := newFakeDaemon()
	q := newQueue(d, 2, patient)
	if err := q.write(hclog.Info, []byte("first")); err != nil {
		t.Fatal(err)
	}
	<-d.entered
	return q, d
}

func TestHangingDaemonCostsLinesOnly(t *testing.T) {
	q, d := hanging(t, time.Millisecond)
	for i := range 10 {
		err := q.write(hclog.Info, []byte("line"))
		if (err != nil) != (i >= 2) || (err != nil && !strings.Contains(err.Error(), "does not keep up")) {
			t.Errorf("line %d: %v", i, err)
		}
	}
	if err := q.close(); err == nil || !strings.Contains(err.Error(), "2 lines were not sent") {
		t.Errorf("close = %v", err)
	}
	close(d.answers) // lets the goroutine end
	<-q.done
}

func TestOverflowEndsWhenTheQueueIsEmpty(t *testing.T) {
	q, d := hanging(t, time.Hour)
	for q.write(hclog.Info, []byte("x")) == nil {
	}
	d.answers <- nil
	<-d.entered // now there is room for one, which an overflowed queue does not use
	if err := q.write(hclog.Info, []byte("y")); err == nil {
		t.Error("the queue took a line while others were waiting")
	}
	close(d.answers)
	poll(t, func() bool { return q.write(hclog.Info, []byte("z")) == nil })
	if err := q.close(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"info first", "info x", "info x", "info z"}; !slices.Equal(d.messages, want) {
		t.Errorf("sent %q, want %q", d.messages, want)
	}
}

func TestSendErrorIsToldWithALaterLine(t *testing.T) {
	d := newFakeDaemon()
	q := newQueue(d, 10, time.Hour)
	if err := q.write(hclog.Info, []byte("lost")); err != nil {
		t.Fatal(err)
	}
	d.answers <- errors.New("connection refused")
	close(d.answers)
	var told bool
	poll(t, func() bool {
		err := q.write(hclog.Info, []byte("later"))
		told = told || err != nil
		return told && err == nil
	})
	if err := q.close(); err != nil {
		t.Fatal(err)
	}
}

// poll waits until a condition holds.
func poll(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the condition did not come true within 10 s")
		}
	}
}
