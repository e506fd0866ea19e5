package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"time"
)

// A spent is what a command took.
type spent struct {
	wall   time.Duration
	cpu    time.Duration
	memory int64 // bytes resident at its peak; 0 where the system does not say
	output int64 // bytes
}

// timeCommand runs a command to its end. Its output is counted.
func timeCommand(ctx context.Context, name string, args ...string) (spent, error) {
	shrink()
	var out counter
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return spent{}, fmt.Errorf("run %s: %w", cmd, err)
	}
	wall := time.Since(start)
	p := cmd.ProcessState
	return spent{wall, p.UserTime() + p.SystemTime(), peakMemory(p), int64(out)}, nil
}

// shrink gives back what this process does not need: Linux counts the peak of the parent as that of the child.
func shrink() {
	debug.FreeOSMemory()
	_ = resetPeak(os.Getpid()) // without it the figure is too high, which its reader will see
}

// counter counts bytes and drops them.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// discard reads r to its end.
func discard(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
