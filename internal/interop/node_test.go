//go:build clients && unix

package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

const npmPackage = "consul@2.0.1"

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
			a := startAgent(t, lictor, false)
			if err := tt.prepare(a.client); err != nil {
				t.Fatalf("prepare: %v", err)
			}
			_, port, _ := strings.Cut(a.address, ":")
			cmd := exec.Command("node", "client.js", port, tt.kind, tt.name)
			cmd.Dir = dir
			p := start(t, cmd)
			// What is read is what the watch begins with.
			if err := p.await(p.lines(tt.before, tt.before)); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			if err := tt.change(a.client); err != nil {
				t.Fatalf("change: %v", err)
			}
			if err := p.await(p.lines(tt.before, tt.before, tt.after)); err != nil {
				t.Fatalf("after the change: %v", err)
			}
		})
	}
}

// lines tells whether the process has printed these lines and no others.
func (p *process) lines(want ...string) func() error {
	return func() error {
		if got := strings.TrimSpace(p.said()); got != strings.Join(want, "\n") {
			return fmt.Errorf("it has printed:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
		}
		return nil
	}
}

// nodeClient returns a folder with the client and the package that it needs.
func nodeClient(t *testing.T) string {
	t.Helper()
	needNode(t)
	dir := t.TempDir()
	source, err := os.ReadFile("testdata/client.js")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "client.js"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := within(t, dir, "npm", "install", "--ignore-scripts", "--no-save", "--no-audit", "--no-fund", npmPackage)
	if err != nil {
		t.Skipf("SKIPPED: npm cannot install %s: %v\n%s", npmPackage, err, out)
	}
	return dir
}

// needNode skips the test where Node.js is missing. A CI machine that lacks it installs it.
func needNode(t *testing.T) {
	t.Helper()
	if haveNode() {
		return
	}
	if os.Getenv("CI") != "true" || os.Getuid() != 0 {
		t.Skip("SKIPPED: node and npm are not on the PATH")
	}
	for _, args := range [][]string{{"update", "-qq"}, {"install", "-y", "-qq", "--no-install-recommends", "nodejs", "npm"}} {
		if out, err := within(t, "", "apt-get", args...); err != nil {
			t.Skipf("SKIPPED: node and npm are not on the PATH, and cannot be installed: %v\n%s", err, out)
		}
	}
	if !haveNode() {
		t.Fatal("node and npm are not on the PATH after they were installed")
	}
}

func haveNode() bool {
	_, node := exec.LookPath("node")
	_, npm := exec.LookPath("npm")
	return node == nil && npm == nil
}

// within runs a command that may take minutes, and returns what it prints.
func within(t *testing.T, dir, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return cmd.CombinedOutput()
}
