package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrDifferent is returned when what came back is not what was saved.
var ErrDifferent = errors.New("what came back is not what was saved")

// Options are what the demo may be told.
type Options struct {
	Out      io.Writer
	Terminal bool // whether Out is one, on which dots show that something is going on
	Keep     bool // leaves the restored servers running
	Servers  int  // of the cluster: 1, 3 or 5

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
	started []*process       // every server, whatever has become of it
	last    []*process       // those that are restored into
}

// A step is a part of the demo. It says what was done, and fails if that is not what should have come of it.
type step struct {
	title string
	do    func(context.Context) (said string, err error)
}

// Run runs the demo, printing as it goes. After an error nothing runs any more; if ctx has ended, nothing is left at all. The settings for
// Consul clients in this process's environment are removed: they are about other servers.
func Run(ctx context.Context, o Options) error {
	if o.Servers != 1 && o.Servers != 3 && o.Servers != 5 {
		return fmt.Errorf("a cluster of %d servers is not shown, only 1, 3 and 5: an even number survives the loss of no more than one less "+
			"does, and more would keep this machine busy and show nothing new", o.Servers)
	}
	forgetSettings()
	dir, err := os.MkdirTemp("", "lictor-demo-")
	if err != nil {
		return err
	}
	d := &demo{Options: o, dir: dir, written: map[string]entry{}}
	fmt.Fprintf(d.Out, "Everything happens in %s and on 127.0.0.1; nothing else is touched.\n\n", dir)
	began := time.Now()
	err = d.take(ctx, d.story())
	if err != nil || !d.Keep {
		kill(d.started...)
	}
	if ctx.Err() != nil {
		kill(d.started...)
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

// story is what is shown.
func (d *demo) story() []step {
	if d.Servers == 1 {
		return (&single{demo: d}).steps()
	}
	return (&clustered{demo: d}).steps()
}

// take takes the steps.
func (d *demo) take(ctx context.Context, steps []step) error {
	for i, s := range steps {
		l := startLine(d.Out, d.Terminal, fmt.Sprintf("%2d. %s", i+1, s.title))
		began := time.Now()
		said, err := s.do(ctx)
		if err != nil {
			l.end("FAILED")
			return fmt.Errorf("%s: %w", s.title, err)
		}
		l.end(fmt.Sprintf("%6.2f s", time.Since(began).Seconds()))
		fmt.Fprintf(d.Out, "    %s\n", said)
	}
	return nil
}

// tidy leaves the archive alone.
func (d *demo) tidy() {
	files, _ := os.ReadDir(d.dir) // what stays is in a temporary directory
	for _, f := range files {
		if f.Name() != archiveName {
			_ = os.RemoveAll(d.path(f.Name()))
		}
	}
}

// path returns a path in the demo's directory.
func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// archiveName is the file that is restored in the end.
const archiveName = "demo.snap"

func (d *demo) archive() string { return d.path(archiveName) }

func (d *demo) farewell(took time.Duration) {
	fmt.Fprintf(d.Out, `
Every record came back, in %.1f s. The archive stays in
    %s

What to type next:
    %[3]s snapshot inspect -kvdetails %[2]s
    %[3]s snapshot restore -dry-run %[2]s
    %[3]s agent -dev
`, took.Seconds(), d.archive(), d.Call)
	if !d.Keep {
		return
	}
	pids := make([]string, len(d.last))
	for i, p := range d.last {
		pids[i] = fmt.Sprint(p.pid())
	}
	running := "The restored server is running, pid "
	if len(pids) > 1 {
		running = "The restored servers are running, pids "
	}
	fmt.Fprintf(d.Out, `
%s%s:
    %s kv get -http-addr=%s -keys
    kill %s
`, running, strings.Join(pids, ", "), d.Call, d.last[0].addr, strings.Join(pids, " "))
}
