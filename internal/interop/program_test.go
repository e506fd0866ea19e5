//go:build unix

package interop

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// consulVariable names the environment variable with the path of a real Consul.
const consulVariable = "LICTOR_TEST_CONSUL"

// A program is a binary with Consul's command line.
type program struct {
	name string
	path string
}

// consul is the real Consul. The test is skipped if nobody has named one.
func consul(t testing.TB) program {
	t.Helper()
	path := os.Getenv(consulVariable)
	if path == "" {
		t.Skipf("SKIPPED: there is no real Consul to exchange archives with: set %s to the path of one", consulVariable)
	}
	out, err := exec.Command(path, "version").CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %s version: %v\n%s", consulVariable, path, err, out)
	}
	version, _, _ := strings.Cut(string(out), "\n")
	t.Logf("%s is %s", path, version)
	return program{"Consul", path}
}

// inspects wants the program's own command to read an archive.
func (p program) inspects(t *testing.T, archive string) {
	t.Helper()
	if out, err := exec.Command(p.path, "snapshot", "inspect", archive).CombinedOutput(); err != nil {
		t.Errorf("%s: snapshot inspect: %v\n%s", p.name, err, out)
	}
}
