//go:build heavy && linux

package chaos

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// jumpable builds the program with a clock of its own: on SIGUSR1 the time of day jumps an hour ahead, on SIGUSR2 an hour back. The monotonic
// clock goes on, as on a machine whose clock is set.
func jumpable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	edit := func(path, old, new string) {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(source), old) {
			t.Fatalf("%s has no %q: it is another version", path, old)
		}
		replace[path] = filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(replace[path], []byte(strings.Replace(string(source), old, new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit(filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go"), "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n",
		"// WallJump is what is added to the time of day, in seconds.\nvar WallJump int64\n\nfunc Now() Time {\n\tsec, nsec, mono := runtimeNow()\n\tsec += WallJump\n")
	program, err := filepath.Abs("../../cmd/lictor/main.go")
	if err != nil {
		t.Fatal(err)
	}
	edit(program, "import (\n\t\"os\"\n", `import (
	"os"
	"os/signal"
	"syscall"
	"time"
`)
	edited, err := os.ReadFile(replace[program])
	if err != nil {
		t.Fatal(err)
	}
	jumps := `
func init() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for s := range signals {
			if s == syscall.SIGUSR1 {
				time.WallJump += 3600
			} else {
				time.WallJump -= 3600
			}
		}
	}()
}
`
	if err := os.WriteFile(replace[program], append(edited, jumps...), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(config, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "lictor")
	if out, err := exec.Command("go", "build", "-overlay="+config, "-o", binary, "../../cmd/lictor").CombinedOutput(); err != nil {
		t.Fatalf("build with a clock that jumps: %v\n%s", err, out)
	}
	return binary
}

// jump sets the clock of a server an hour ahead or back; the end sets it right.
var jump = fault{"a clock jumps", func(tr *trial) (func() error, error) {
	victim := tr.some(1)[0]
	if tr.rng.IntN(2) == 0 {
		leader, err := tr.leader()
		if err != nil {
			return nil, err
		}
		victim = leader
	}
	there, back := syscall.SIGUSR1, syscall.SIGUSR2
	if tr.rng.IntN(2) == 0 {
		there, back = back, there
	}
	p, _ := victim.process()
	return func() error { return p.Signal(back) }, p.Signal(there)
}}

// The time of day decides nothing between servers: neither who leads, nor what is written, nor how long a lock is held.
func TestClocksJump(t *testing.T) {
	if spell < 30*time.Second && os.Getenv("LICTOR_CHAOS_CLOCKS") == "" {
		t.Skip("it builds the standard library too, which takes minutes: LICTOR_CHAOS_CLOCKS=1, or LICTOR_CHAOS_MINUTES=7 and more")
	}
	usual := program
	program = jumpable(t)
	t.Cleanup(func() { program = usual })
	endure(t, 3, jump)
}
