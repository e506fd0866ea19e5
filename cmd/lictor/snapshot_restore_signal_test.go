package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A process that is ended says what has happened, and leaves nothing that is half done.
func TestRestoreIsEnded(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "lictor") // by this name the test binary is the program
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		method string // of the requests for /v1/snapshot
		number int    // of the one of these that hangs
		signal syscall.Signal
		code   int
		sent   int // archives that arrived whole
		left   string
		stderr string // a part
	}{
		{"while the target is saved", "GET", 1, syscall.SIGINT, 1, 0, "", "nothing was restored: the target is as it was"},
		{"killed while the target is saved", "GET", 1, syscall.SIGKILL, -1, 0, "", ""},
		{"during the upload", "PUT", 1, syscall.SIGTERM, 1, 0, "before.snap", "The safety snapshot of the target stays: "},
		{"killed during the upload", "PUT", 1, syscall.SIGKILL, -1, 0, "before.snap", ""},
		{"before the comparison", "GET", 2, syscall.SIGINT, 2, 1, "before.snap", "because that was interrupted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSnapshotServer(t)
			s.archive = fixtureBytes(t, "consul-1.21.4/full")
			hangs, ended, seen := make(chan struct{}), make(chan struct{}), 0
			var mu sync.Mutex
			inFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				if r.URL.Path == "/v1/snapshot" && r.Method == c.method {
					seen++
				}
				hang := seen == c.number && r.URL.Path == "/v1/snapshot" && r.Method == c.method
				mu.Unlock()
				if !hang {
					s.ServeHTTP(w, r)
					return
				}
				if r.Method == http.MethodGet {
					w.Write(s.archive[:100])
					w.(http.Flusher).Flush()
				}
				close(hangs)
				<-ended // a request whose body is not read does not notice
			}))
			dir := t.TempDir()
			var stderr bytes.Buffer
			cmd := exec.Command(program, "snapshot", "restore", "-compare", "-safety-file="+filepath.Join(dir, "before.snap"),
				absolute(t, fixturePath("consul-1.21.4/large-kv")))
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
			if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(stderr.String(), c.stderr) || len(s.arrived()) != c.sent {
				t.Errorf("exit %d, %d sent, stderr %q", cmd.ProcessState.ExitCode(), len(s.arrived()), stderr.String())
			}
			if left := entries(t, dir); left != c.left {
				t.Errorf("left %q", left)
			}
		})
	}
}

// inFront starts another server and points the commands at it.
func inFront(t *testing.T, handler http.Handler) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Setenv("CONSUL_HTTP_ADDR", server.Listener.Addr().String())
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
