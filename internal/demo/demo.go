package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// ErrDifferent is returned when what came back is not what was saved.
var ErrDifferent = errors.New("what came back is not what was saved")

// Options are what the demo may be told.
type Options struct {
	Out  io.Writer
	Keep bool // leaves the restored server running

	// Program and Name are how this program is started again: the path of its executable, and the name it was called by.
	Program, Name string
	// Call is what a person types to call it.
	Call string
}

// A demo is one run.
type demo struct {
	Options
	dir     string
	written map[string]entry // what the demo has written over HTTP, by key
	first   *process         // the server that is destroyed
	second  *process         // the one that is restored into
	steps   int
}

// Run runs the demo, printing as it goes. After an error nothing runs any more; if ctx has ended, nothing is left at all.
func Run(ctx context.Context, o Options) error {
	dir, err := os.MkdirTemp("", "lictor-demo-")
	if err != nil {
		return err
	}
	d := &demo{Options: o, dir: dir}
	fmt.Fprintf(d.Out, "Everything happens in %s and on 127.0.0.1; nothing else is touched.\n\n", dir)
	began := time.Now()
	err = d.run(ctx)
	d.first.kill()
	if err != nil || !d.Keep {
		d.second.kill()
	}
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), os.RemoveAll(dir))
	}
	if err != nil {
		return fmt.Errorf("%w (logs are in %s)", err, dir)
	}
	if !d.Keep {
		d.tidy()
	}
	d.farewell(time.Since(began))
	return nil
}

// tidy leaves the archive alone.
func (d *demo) tidy() {
	for _, name := range []string{"server-1.log", "server-2.log", "server-2"} {
		_ = os.RemoveAll(d.path(name)) // what stays is in a temporary directory
	}
}

// run takes the steps.
func (d *demo) run(ctx context.Context) error {
	for _, s := range []struct {
		title string
		do    func(context.Context) (string, error)
	}{
		{"start a server with a data directory", d.startFirst},
		{"fill it with a believable state", d.fill},
		{"save a snapshot", d.save},
		{"prove it: rebuild it in a second engine, compare", d.prove},
		{"disaster: kill -9, and the data is deleted", d.destroy},
		{"start a fresh, empty server", d.startSecond},
		{"restore the snapshot into it", d.restore},
		{"compare every record with the archive", d.compareRecords},
		{"read every key back over HTTP", d.compareKeys},
	} {
		began := time.Now()
		said, err := s.do(ctx)
		d.steps++
		if err != nil {
			fmt.Fprintf(d.Out, "%2d. %-50s FAILED\n", d.steps, s.title)
			return fmt.Errorf("%s: %w", s.title, err)
		}
		fmt.Fprintf(d.Out, "%2d. %-50s %6.2f s\n    %s\n", d.steps, s.title, time.Since(began).Seconds(), said)
	}
	return nil
}

// path returns a path in the demo's directory.
func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

func (d *demo) archive() string { return d.path("demo.snap") }

func (d *demo) farewell(took time.Duration) {
	fmt.Fprintf(d.Out, `
Every record came back, in %.1f s. The archive stays in
    %s

What to type next:
    %[3]s snapshot inspect -kvdetails %[2]s
    %[3]s snapshot restore -dry-run %[2]s
    %[3]s agent -dev
`, took.Seconds(), d.archive(), d.Call)
	if d.Keep {
		fmt.Fprintf(d.Out, `
The restored server is running, pid %d:
    %s kv get -http-addr=%s -keys
    kill %[1]d
`, d.second.pid(), d.Call, d.second.addr)
	}
}
