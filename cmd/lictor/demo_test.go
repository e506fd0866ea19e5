package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// An interrupt at any moment leaves no process and no file.
func TestDemoInterrupted(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, title string // of the step in which it is interrupted
		servers     int
	}{
		{"one server starts", " 1. start a server", 1},
		{"servers start", " 1. start three servers", 3},
		{"writes go on", " 5. disaster: kill -9 the leader while writes go on", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := &exec.Cmd{Path: program, Args: []string{"lictor", "demo", fmt.Sprintf("-servers=%d", c.servers)}}
			cmd.Env = append(os.Environ(), "TMPDIR="+dir)
			var errs bytes.Buffer
			cmd.Stderr = &errs
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			seen := readUntil(out, c.title)
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(out)
			if err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			const said = "Demo interrupted: its servers are stopped, its directory is gone\n"
			if code := cmd.ProcessState.ExitCode(); code != 1 || errs.String() != said {
				t.Errorf("exit %d\n%s%s\n%s", code, seen, rest, &errs)
			}
			checkNothingLeft(t, dir)
		})
	}
}

// readUntil reads up to a text, or to the end.
func readUntil(r io.Reader, text string) string {
	var seen strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(seen.String(), text); {
		if _, err := r.Read(b); err != nil {
			break
		}
		seen.Write(b)
	}
	return seen.String()
}

// checkNothingLeft looks for files in a directory and, where the system shows them, for processes that work in it.
func checkNothingLeft(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range processes {
		if line, err := os.ReadFile(path); err == nil && bytes.Contains(line, []byte(dir)) {
			t.Errorf("still running: %q", line)
		}
	}
}
