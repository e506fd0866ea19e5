//go:build unix

package alarm

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	t.Setenv("LICTOR_ID", "of somebody else")
	c := &Command{[]string{"sh", "-c", `cat > "$1"; printf '%s' "$LICTOR_EVENT/$LICTOR_ID/$LICTOR_LAST_GOOD" > "$1.env"`, "sh", file}}
	if err := c.Do(t.Context(), sample()); err != nil {
		t.Fatal(err)
	}
	env, err := os.ReadFile(file + ".env")
	if err != nil || string(env) != "failure/17/2026-11-21T12:00:00Z" {
		t.Errorf("environment %q, %v", env, err)
	}
	var e Event
	if text, err := os.ReadFile(file); err != nil || json.Unmarshal(text, &e) != nil || e.Cluster != "prod" || !strings.HasSuffix(string(text), "}\n") {
		t.Errorf("input %s, %v", text, err)
	}
	if err := (&Command{[]string{"true"}}).Do(t.Context(), sample()); err != nil { // does not read its input
		t.Error(err)
	}
}

func TestCommandFails(t *testing.T) {
	for _, c := range []struct {
		name, script, want string
	}{
		{"code", "echo why >&2; exit 3", "exit status 3: why"},
		{"silent", "exit 1", "exit status 1"},
		{"loud", "yes lictor | head -c 100000; exit 1", "lictor\nlictor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := (&Command{[]string{"sh", "-c", c.script}}).Do(t.Context(), sample())
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 2*maxOutput {
				t.Errorf("%v", err)
			}
		})
	}
	err := (&Command{[]string{"/nowhere/program"}}).Do(t.Context(), sample())
	if _, refused := err.(*refusal); !refused {
		t.Errorf("%v", err)
	}
}

// A command is killed with its children, when its time is over and when it leaves them behind.
func TestCommandIsKilledWithItsChildren(t *testing.T) {
	for _, c := range []struct{ name, end string }{{"hangs", "wait"}, {"leaves a child", "exit 0"}} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pid")
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				done <- (&Command{[]string{"sh", "-c", `sleep 1000 & echo $! > "$1.new"; mv "$1.new" "$1"; ` + c.end, "sh", file}}).Do(ctx, sample())
			}()
			var pid int
			until(t, nil, "started", func() bool {
				text, _ := os.ReadFile(file)
				pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
				return pid > 0
			})
			if c.end == "wait" {
				cancel()
			}
			select {
			case err := <-done:
				if (err != nil) != (c.end == "wait") {
					t.Errorf("%v", err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it does not end")
			}
			cancel()
			until(t, nil, "dead", func() bool { return gone(pid) })
		})
	}
}

// gone tells whether a process does not run any more; one that nobody has waited for does not.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}
