package main

import (
	"bytes"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/golden"
)

// A selective restore that is ended says what was done, and how to go on and back. Made again it does the rest; undo leads to before both.
func TestSelectiveRestoreIsEnded(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "lictor") // by this name the test binary is the program
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	startServer(t)
	backend := os.Getenv("CONSUL_HTTP_ADDR")
	archive := absolute(t, golden.Path("consul-1.21.4/large-kv.snap"))
	for _, c := range []struct {
		name   string
		number int // of the transaction that hangs
		signal syscall.Signal
		code   int
		stderr string // a part
	}{
		{"interrupted at the first transaction", 1, syscall.SIGINT, 1, "the same command again goes on where this one stopped"},
		{"interrupted", 5, syscall.SIGINT, 1, "To take it back: lictor snapshot undo "},
		{"killed", 5, syscall.SIGKILL, -1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("CONSUL_HTTP_ADDR", backend)
			lictor("kv", "put", "before", "x")
			hangs, ended := make(chan struct{}), make(chan struct{})
			holdTransaction(t, backend, c.number, hangs, ended)
			undo := filepath.Join(t.TempDir(), "undo")
			args := []string{"snapshot", "restore", "-only=kv:", "-delete", "-yes", "-limit=1", "-undo=" + undo, archive}
			var stderr bytes.Buffer
			cmd := exec.Command(program, args...)
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-hangs:
			case <-time.After(time.Minute):
				t.Error("it did not come to that")
			}
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // the code says it
			close(ended)
			if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("exit %d, stderr %q", cmd.ProcessState.ExitCode(), stderr.String())
			}
			t.Setenv("CONSUL_HTTP_ADDR", backend)
			if got := lictor(args...); got.code != 0 || !strings.Contains(got.err, "is extended") {
				t.Errorf("again: exit %d\n%s%s", got.code, got.out, got.err)
			}
			if got := lictor("snapshot", "restore", "-only=kv:", "-delete", "-yes", archive); !strings.Contains(got.out, "Nothing to do") {
				t.Errorf("something is left to do:\n%s%s", got.out, got.err)
			}
			if got := lictor("snapshot", "undo", "-yes", "-limit=1", undo); got.code != 0 {
				t.Errorf("undo: exit %d\n%s%s", got.code, got.out, got.err)
			}
			if got := lictor("kv", "get", "-keys", "-recurse"); strings.TrimSpace(got.out) != "before" {
				t.Errorf("after undo there is %.200q", got.out)
			}
		})
	}
}

// holdTransaction puts a server in front of another one, which holds the answer to one transaction, and all after it, until ended.
func holdTransaction(t *testing.T, backend string, number int, hangs, ended chan struct{}) {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: backend})
	var mu sync.Mutex
	seen := 0
	inFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if r.URL.Path == "/v1/txn" {
			seen++
		}
		hold, first := r.URL.Path == "/v1/txn" && seen >= number, seen == number
		mu.Unlock()
		if !hold {
			proxy.ServeHTTP(w, r)
			return
		}
		if first {
			close(hangs)
		}
		select {
		case <-ended:
		case <-r.Context().Done():
		}
	}))
}
