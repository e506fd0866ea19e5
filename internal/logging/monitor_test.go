package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agentconfig"
)

// monitored is a logger at a level, with a monitor on the same clock, and what the logger writes.
func monitored(t *testing.T, level string) (hclog.InterceptLogger, *Monitor, *bytes.Buffer) {
	t.Helper()
	c := newClock()
	logger, stdout := start(t, c.system(), agentconfig.LogConfig{Level: level})
	return logger, &Monitor{logger: logger, now: c.now}, stdout
}

func subscribe(t *testing.T, m *Monitor, level string, asJSON bool) (<-chan []byte, func()) {
	t.Helper()
	lines, stop, err := m.Subscribe(level, asJSON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return lines, stop
}

// read waits for the next line.
func read(t *testing.T, lines <-chan []byte) string {
	t.Helper()
	select {
	case line := <-lines:
		return string(line)
	case <-time.After(10 * time.Second):
		t.Fatal("no line came within 10 s")
		return ""
	}
}

// logAll logs a line of each level.
func logAll(l hclog.Logger) {
	for level := hclog.Trace; level <= hclog.Error; level++ {
		l.Log(level, "m", "n", int(level))
	}
}

func TestMonitorLevels(t *testing.T) {
	const at = "2025-11-21T10:30:15.250Z "
	all := []string{
		at + "[TRACE] agent.server: m: k=v n=1\n", at + "[DEBUG] agent.server: m: k=v n=2\n", at + "[INFO]  agent.server: m: k=v n=3\n",
		at + "[WARN]  agent.server: m: k=v n=4\n", at + "[ERROR] agent.server: m: k=v n=5\n",
	}
	tests := []struct {
		level string
		want  []string
	}{
		{"trace", all}, {"DEBUG", all[1:]}, {"", all[2:]}, {"info", all[2:]}, {"Warn", all[3:]}, {"err", all[4:]}, {"error", all[4:]},
	}
	logger, m, stdout := monitored(t, "WARN")
	sub := logger.Named("agent").With("k", "v").Named("server")
	for _, tt := range tests {
		t.Run(tt.level, func(t *testing.T) {
			stdout.Reset()
			lines, _ := subscribe(t, m, tt.level, false)
			logAll(sub)
			for _, want := range tt.want {
				if got := read(t, lines); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			if got := stdout.String(); got != all[3]+all[4] {
				t.Errorf("the log itself became %q", got)
			}
		})
	}
}

func TestMonitorJSON(t *testing.T) {
	logger, m, stdout := monitored(t, "INFO")
	lines, _ := subscribe(t, m, "debug", true)
	logger.Named("agent").Debug("Synced service", "service", "web")
	var got map[string]string
	if err := json.Unmarshal([]byte(read(t, lines)), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"@level": "debug", "@message": "Synced service", "@module": "agent", "service": "web"} {
		if got[key] != want {
			t.Errorf("%s is %q", key, got[key])
		}
	}
	if stdout.Len() != 0 {
		t.Errorf("the log itself became %q", stdout)
	}
}

func TestMonitorOfUnknownLevel(t *testing.T) {
	_, m, _ := monitored(t, "INFO")
	for _, level := range []string{"zz", "off"} {
		_, _, err := m.Subscribe(level, false)
		var unknown UnknownLevelError
		if !errors.As(err, &unknown) || err.Error() != "Unknown log level: "+level {
			t.Errorf("Subscribe = %v", err)
		}
		w := &flushed{}
		if err := m.Stream(t.Context(), w, level, false); !errors.As(err, &unknown) || w.n != 0 {
			t.Errorf("Stream = %v after %d flushes", err, w.n)
		}
	}
}

func TestSlowMonitorIsToldWhatItLost(t *testing.T) {
	logger, m, stdout := monitored(t, "INFO")
	slow, _ := subscribe(t, m, "info", false)
	fast, _ := subscribe(t, m, "info", false)
	const logged = 3 * monitorLines
	for i := range logged {
		logger.Info(strconv.Itoa(i))
		if got := read(t, fast); !strings.HasSuffix(got, fmt.Sprintf("%d\n", i)) {
			t.Fatalf("line %d: %q", i, got)
		}
	}
	// What the goroutine of the slow one already holds is one line beside those that wait.
	lost := regexp.MustCompile(`\[WARN\]  logging: this monitor is too slow, lines are lost: lost=(\d+)\n$`)
	for i := 0; ; i++ {
		line := read(t, slow)
		if strings.HasSuffix(line, fmt.Sprintf("[INFO]  %d\n", i)) {
			continue
		}
		match := lost.FindStringSubmatch(line)
		if match == nil || i < monitorLines || i > monitorLines+1 || match[1] != strconv.Itoa(logged-i) {
			t.Fatalf("line %d of %d is %q", i, logged, line)
		}
		break
	}
	if got := strings.Count(stdout.String(), "\n"); got != logged {
		t.Errorf("the log itself has %d lines, want %d", got, logged)
	}
	logger.Info("after")
	if got := read(t, slow); !strings.HasSuffix(got, "after\n") {
		t.Errorf("got %q", got)
	}
}

func TestNoticeStandsWhereTheLinesAreMissing(t *testing.T) {
	logger, m, _ := monitored(t, "INFO")
	lines, _ := subscribe(t, m, "info", false)
	for range monitorLines + 10 {
		logger.Info("before")
	}
	for range 5 {
		read(t, lines)
	}
	logger.Info("after")
	var last string
	for {
		line := read(t, lines)
		if strings.Contains(line, "after") {
			break
		}
		last = line
	}
	if !strings.Contains(last, "lines are lost: lost=") {
		t.Errorf("before the line that follows the gap comes %q", last)
	}
}

func TestStopOfMonitor(t *testing.T) {
	logger, m, _ := monitored(t, "INFO")
	lines, stop := subscribe(t, m, "info", false)
	logger.Info("nobody reads this")
	stop()
	stop()
	logger.Info("nor this")
	for range lines { // ends, because the channel is closed
		t.Error("a line after the stop")
	}
}

func TestMonitorsComeAndGo(t *testing.T) {
	logger, m, _ := monitored(t, "ERROR")
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for range 200 {
				logger.Info("m")
			}
		})
		all.Go(func() {
			for range 50 {
				lines, stop, err := m.Subscribe("info", false)
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case <-lines:
				default:
				}
				stop()
			}
		})
	}
	all.Wait()
}

// flushed is a server's writer that counts flushes.
type flushed struct {
	http.ResponseWriter
	io.Writer
	n int
}

func (f *flushed) Write(p []byte) (int, error) { return f.Writer.Write(p) }
func (f *flushed) Flush()                      { f.n++ }

func TestMonitorStream(t *testing.T) {
	logger, m, _ := monitored(t, "ERROR")
	ctx, cancel := context.WithCancel(t.Context())
	r, pipe := io.Pipe()
	w := &flushed{Writer: pipe}
	ended := make(chan error, 1)
	go func() { ended <- m.Stream(ctx, w, "debug", false) }()
	stopLogging := make(chan struct{})
	var logging sync.WaitGroup
	logging.Go(func() { // until the stream has subscribed
		for {
			select {
			case <-stopLogging:
				return
			default:
				logger.Debug("hello")
			}
		}
	})
	line := make([]byte, len("2025-11-21T10:30:15.250Z [DEBUG] hello\n"))
	if _, err := io.ReadFull(r, line); err != nil || string(line) != "2025-11-21T10:30:15.250Z [DEBUG] hello\n" {
		t.Errorf("got %q, %v", line, err)
	}
	close(stopLogging)
	logging.Wait()
	cancel()
	if err := r.Close(); err != nil { // a write that waits ends too
		t.Fatal(err)
	}
	if err := <-ended; err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Stream = %v", err)
	}
	if w.n == 0 {
		t.Error("nothing was flushed")
	}
}
