package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/klauspost/pgzip"
)

// limits measures what no server can do better on this machine: what the same bytes, answers and syncs cost by themselves.
func (c *comparison) limits(ctx context.Context) error {
	for range min(c.runs, 3) {
		for _, limit := range []struct {
			measure measure
			run     func(context.Context) (float64, error)
		}{{limitPack, c.packs}, {limitReads, c.bareReads}, {limitSyncs, c.syncs}} {
			value, err := limit.run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", limit.measure.Name, err)
			}
			c.report.addTool(limit.measure, value)
		}
	}
	return nil
}

// packs compresses the load in parallel, with blocks as they are in an archive.
func (c *comparison) packs(context.Context) (float64, error) {
	f, err := os.Open(c.files.state)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	z, err := pgzip.NewWriterLevel(io.Discard, 3)
	if err != nil {
		return 0, err
	}
	if err := z.SetConcurrency(256<<10, runtime.GOMAXPROCS(0)+1); err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := io.Copy(z, f); err != nil {
		return 0, err
	}
	return time.Since(began).Seconds(), z.Close()
}

// syncs appends as many bytes as a write has to a file, each time until they are on disk.
func (c *comparison) syncs(ctx context.Context) (float64, error) {
	f, err := os.CreateTemp(filepath.Dir(c.files.state), "syncs-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 700)
	began, n := time.Now(), 0
	for ; time.Since(began) < c.span/2 && ctx.Err() == nil; n++ {
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), ctx.Err()
}

// bareArgument makes this program a server that does nothing, see serveBare.
const bareArgument = "serve-nothing"

// bareReads asks a server of the standard library, in a process of its own, for an answer that is made already.
func (c *comparison) bareReads(ctx context.Context) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, bareArgument)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Kill() // which ends it however it is
		_ = cmd.Wait()
	}()
	address := make([]byte, 64)
	n, err := out.Read(address)
	if err != nil {
		return 0, err
	}
	t := newTarget("net/http", strings.TrimSpace(string(address[:n])), cmd.Process.Pid)
	p, err := t.press(ctx, c.conns, c.span/2, func(w *wire, _ int) (bool, error) { return true, w.get("/") })
	return p.rate, err
}

// serveBare answers all requests with as many bytes as a key of the load is answered with, on an address that it prints.
func serveBare() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	answer := make([]byte, 900)
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer) // to who is not there any more
	}))
}
