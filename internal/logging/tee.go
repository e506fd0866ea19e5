package logging

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/go-hclog"
)

// output is a place that lines go to besides standard output. The tee never calls two methods of one at a time,
// and none after close.
type output interface {
	// write takes one whole line, or several that belong together. It must not keep p.
	write(level hclog.Level, p []byte) error
	close() error
}

// tee writes every line to standard output and to all outputs.
type tee struct {
	stdout  io.Writer
	notices hclog.Logger // writes to what works, with mu held

	mu      sync.Mutex // guards outputs and orders all writes
	outputs []*branch
}

// branch is an output and what is known of it.
type branch struct {
	name string
	output
	failing bool
}

var _ hclog.LevelWriter = (*tee)(nil)

// newTee returns a tee that tells of failing outputs with a logger like the one opts describe.
func newTee(stdout io.Writer, opts hclog.LoggerOptions) *tee {
	t := &tee{stdout: stdout}
	opts.Name = "logging"
	opts.Level = hclog.Info
	opts.Output = working{t}
	t.notices = hclog.New(&opts)
	return t
}

func (t *tee) add(name string, o output) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outputs = append(t.outputs, &branch{name: name, output: o})
}

// Write is LevelWrite at the level of plain information.
func (t *tee) Write(p []byte) (int, error) {
	return t.LevelWrite(hclog.Info, p)
}

// LevelWrite writes p everywhere. Its result is that of standard output: the others' failures are told in the log.
func (t *tee) LevelWrite(level hclog.Level, p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.stdout.Write(p)
	for _, b := range t.outputs {
		t.note(b, b.write(level, p))
	}
	return n, err
}

// note tells when an output begins to fail, and when it works again.
func (t *tee) note(b *branch, err error) {
	was := b.failing
	b.failing = err != nil
	switch {
	case b.failing && !was:
		t.notices.Error("log output fails, its lines may be lost", "output", b.name, "error", err)
	case was && !b.failing:
		t.notices.Info("log output works again", "output", b.name)
	}
}

// Close closes all outputs and leaves standard output. A second call does nothing.
func (t *tee) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for _, b := range t.outputs {
		if err := b.close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", b.name, err))
		}
	}
	t.outputs = nil
	return errors.Join(errs...)
}

// working is standard output and the outputs that do not fail; the tee's lock is held.
type working struct{ *tee }

// Write is LevelWrite at the level of plain information.
func (w working) Write(p []byte) (int, error) {
	return w.LevelWrite(hclog.Info, p)
}

// LevelWrite ignores failures: the next line will meet them again.
func (w working) LevelWrite(level hclog.Level, p []byte) (int, error) {
	for _, b := range w.outputs {
		if !b.failing {
			_ = b.write(level, p)
		}
	}
	return w.stdout.Write(p)
}
