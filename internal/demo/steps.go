package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/drill"
)

func (d *demo) startFirst(ctx context.Context) (said string, err error) {
	d.first, err = d.startServer(ctx, "server-1")
	return d.describe(d.first, err)
}

func (d *demo) startSecond(ctx context.Context) (said string, err error) {
	d.second, err = d.startServer(ctx, "server-2")
	return d.describe(d.second, err)
}

func (d *demo) describe(p *process, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("pid %d answers on http://%s", p.pid(), p.addr), nil
}

func (d *demo) save(ctx context.Context) (string, error) {
	said, err := d.invoke(ctx, "snapshot", "save", "-http-addr="+d.first.addr, d.archive())
	if err != nil {
		return "", err
	}
	info, err := os.Stat(d.archive())
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %d bytes, mode %04o", said, info.Size(), info.Mode().Perm()), nil
}

func (d *demo) prove(ctx context.Context) (string, error) {
	report, err := drill.Run(ctx, d.open("demo.snap"))
	if err != nil {
		return "", err
	}
	if !report.Proven() {
		return "", different(report.Differences)
	}
	return fmt.Sprintf("%d of %d records equal, %d kinds", report.Records, report.Records, len(report.Families)), nil
}

// open opens a file in the demo's directory, again and again.
func (d *demo) open(name string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(d.path(name)) }
}

func different(all []digest.Difference) error {
	const most = 5
	var b strings.Builder
	for _, x := range all[:min(most, len(all))] {
		fmt.Fprintf(&b, "\n    %s %s: %s", x.Type, x.Name, x.What)
	}
	if len(all) > most {
		fmt.Fprintf(&b, "\n    and %d more", len(all)-most)
	}
	return fmt.Errorf("%w:%s", ErrDifferent, b.String())
}

func (d *demo) destroy(context.Context) (string, error) {
	pid := d.first.pid()
	d.first.kill()
	if err := os.RemoveAll(d.path("server-1")); err != nil {
		return "", err
	}
	if _, err := os.Stat(d.path("server-1")); !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("server-1 is still there: %v", err)
	}
	return fmt.Sprintf("pid %d is gone, and so is %s", pid, d.path("server-1")), nil
}

func (d *demo) restore(ctx context.Context) (string, error) {
	return d.invoke(ctx, "snapshot", "restore", "-http-addr="+d.second.addr, d.archive())
}

// compareRecords saves the restored server and compares the two archives.
func (d *demo) compareRecords(ctx context.Context) (string, error) {
	if _, err := d.invoke(ctx, "snapshot", "save", "-http-addr="+d.second.addr, d.path("after.snap")); err != nil {
		return "", err
	}
	before, after := drill.Archive(d.open("demo.snap")), drill.Archive(d.open("after.snap"))
	differences, err := digest.Compare(before, after)
	if err != nil {
		return "", err
	}
	if len(differences) > 0 {
		return "", different(differences)
	}
	set, err := digest.Of(after)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d of %d records equal", set.Records(), set.Records()), os.Remove(d.path("after.snap"))
}

// compareKeys reads the keys over HTTP and compares them with what has been written.
func (d *demo) compareKeys(ctx context.Context) (string, error) {
	got, err := read(ctx, d.second.api)
	if err != nil {
		return "", err
	}
	var wrong []string
	for key, want := range d.written {
		if !got[key].equal(want) {
			wrong = append(wrong, key)
		}
		delete(got, key)
	}
	for key := range got {
		wrong = append(wrong, key)
	}
	if len(wrong) > 0 {
		return "", fmt.Errorf("%w: %d keys, %q among them", ErrDifferent, len(wrong), wrong[0])
	}
	return fmt.Sprintf("%d keys with values, flags and locks as they were written", len(d.written)), nil
}
