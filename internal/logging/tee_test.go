package logging

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// scripted is an output that fails on request and keeps what it gets.
type scripted struct {
	err    error
	lines  bytes.Buffer
	levels []hclog.Level
	closed int
}

func (s *scripted) write(level hclog.Level, p []byte) error {
	if s.err != nil {
		return s.err
	}
	s.levels = append(s.levels, level)
	s.lines.Write(p)
	return nil
}

func (s *scripted) close() error {
	s.closed++
	return s.err
}

// teeOf returns a logger without times that writes to a tee with two outputs.
func teeOf(a, b output) (hclog.Logger, *tee, *bytes.Buffer) {
	var stdout bytes.Buffer
	opts := hclog.LoggerOptions{DisableTime: true}
	outputs := newTee(&stdout, opts)
	outputs.add("a", a)
	outputs.add("b", b)
	opts.Output = outputs
	return hclog.New(&opts), outputs, &stdout
}

func TestFailingOutputIsToldOnce(t *testing.T) {
	var a, b scripted
	logger, _, stdout := teeOf(&a, &b)
	logger.Info("1")
	a.err = errors.New("disk full")
	logger.Warn("2")
	logger.Info("3")
	a.err = nil
	logger.Info("4")
	logger.Info("5")

	const fails = `[ERROR] logging: log output fails, its lines may be lost: output=a error="disk full"` + "\n"
	const works = "[INFO]  logging: log output works again: output=a\n"
	all := "[INFO]  1\n[WARN]  2\n" + fails + "[INFO]  3\n[INFO]  4\n" + works + "[INFO]  5\n"
	// b comes after a: it hears of a's failure before it gets the line that a failed on.
	inB := "[INFO]  1\n" + fails + "[WARN]  2\n[INFO]  3\n" + works + "[INFO]  4\n[INFO]  5\n"
	for _, out := range []struct{ name, got, want string }{
		{"stdout", stdout.String(), all},
		{"failing", a.lines.String(), "[INFO]  1\n[INFO]  4\n" + works + "[INFO]  5\n"},
		{"working", b.lines.String(), inB},
	} {
		if out.got != out.want {
			t.Errorf("%s got\n%swant\n%s", out.name, out.got, out.want)
		}
	}
	if want := []hclog.Level{hclog.Info, hclog.Error, hclog.Warn}; len(b.levels) < 3 || b.levels[0] != want[0] || b.levels[1] != want[1] || b.levels[2] != want[2] {
		t.Errorf("levels = %v, want them to begin with %v", b.levels, want)
	}
}

func TestBrokenStdoutSparesTheRest(t *testing.T) {
	var a scripted
	outputs := newTee(brokenWriter{}, hclog.LoggerOptions{})
	outputs.add("a", &a)
	if _, err := outputs.Write([]byte("line\n")); err == nil {
		t.Error("the failure of stdout was swallowed")
	}
	if got := a.lines.String(); got != "line\n" {
		t.Errorf("the output got %q", got)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestCloseOfTee(t *testing.T) {
	a := scripted{err: errors.New("no space")}
	var b scripted
	logger, outputs, stdout := teeOf(&a, &b)
	if err := outputs.Close(); err == nil || err.Error() != "close a: no space" {
		t.Errorf("Close = %v", err)
	}
	if err := outputs.Close(); err != nil {
		t.Errorf("second Close = %v", err)
	}
	logger.Info("after")
	if !strings.Contains(stdout.String(), "after") || b.lines.Len() != 0 || a.closed != 1 || b.closed != 1 {
		t.Errorf("stdout %q, output %q, closed %d and %d times", stdout, &b.lines, a.closed, b.closed)
	}
}
