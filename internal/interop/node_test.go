//go:build clients && unix

package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/testproc"
)

func TestNodeClient(t *testing.T) {
	dir := nodeClient(t)
	tests := []struct {
		kind, name string
		prepare    func(*api.Client) error
		before     string
		change     func(*api.Client) error
		after      string
	}{
		{"key", "app/greeting", put("app/greeting", "hello"), `"hello"`, put("app/greeting", "good bye"), `"good bye"`},
		{"service", "web", instance("web", "app-1", api.HealthPassing), `"app-1:80"`,
			instance("web", "app-2", api.HealthPassing), `"app-1:80 app-2:80"`},
	}
	for _, tt := range tests {
		t.Run(tt.kind, func(t *testing.T) {
			s := serve(t, lictor, false)
			if err := tt.prepare(s.client); err != nil {
				t.Fatalf("prepare: %v", err)
			}
			cmd := exec.Command("node", "client.js", strconv.Itoa(s.port), tt.kind, tt.name)
			cmd.Dir = dir
			p := testproc.Start(t, cmd)
			// What is read is what the watch begins with.
			if err := p.Await(patience, printed(p, tt.before, tt.before)); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			if err := tt.change(s.client); err != nil {
				t.Fatalf("change: %v", err)
			}
			if err := p.Await(patience, printed(p, tt.before, tt.before, tt.after)); err != nil {
				t.Fatalf("after the change: %v", err)
			}
		})
	}
}

// printed tells whether the process has printed these lines and no others.
func printed(p *testproc.Process, want ...string) func() error {
	return func() error {
		if got := strings.TrimSpace(p.Said()); got != strings.Join(want, "\n") {
			return fmt.Errorf("it has printed:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
		}
		return nil
	}
}

// nodeClient returns a folder with the client and the packages that it needs, as package-lock.json has them.
func nodeClient(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"node", "npm"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("SKIPPED: %s is not on the PATH", name)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/node")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm cannot install the packages of testdata/node (does it reach its registry?): %v\n%s", err, out)
	}
	return dir
}
