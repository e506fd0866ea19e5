package drill

import (
	"os"
	"strings"
	"testing"
)

// A program that does not do leaves the backup unproven, and nothing behind.
func TestConsulThatDoesNotRun(t *testing.T) {
	for _, c := range []struct{ name, path, reason string }{
		{"ends at once", os.Args[0], "no server today"},
		{"is not there", "/nonexistent/consul", "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			report, err := ProveWithConsul(t.Context(), c.path, opener("consul-1.21.4/kv.snap"))
			if err != nil {
				t.Fatal(err)
			}
			if report.Proof != Unproven || !strings.Contains(report.Reason, c.reason) {
				t.Errorf("%s: %s", report.Proof, report.Reason)
			}
			if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
