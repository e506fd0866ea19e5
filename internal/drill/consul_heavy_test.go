//go:build heavy

package drill

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/testproc"
)

// A server of Lictor's stands in for a consul program, unless LICTOR_DRILL_CONSUL names one.
func TestDrillWithAServerProgram(t *testing.T) {
	testproc.WithLictor("LICTOR_DRILL_CONSUL", func(binary string) int {
		for _, name := range []string{"empty", "kv", "full", "large-kv"} {
			t.Run(name, func(t *testing.T) {
				tmp := t.TempDir()
				t.Setenv("TMPDIR", tmp)
				t.Setenv("CONSUL_HTTP_ADDR", "http://192.0.2.1:1") // of the operator's own cluster
				report, err := ProveWithConsul(t.Context(), binary, opener("consul-1.21.4/"+name+".snap"))
				if err != nil {
					t.Fatal(err)
				}
				if !report.Proven() || report.Facts == 0 || !strings.HasPrefix(report.Engine, "consul 1.") {
					t.Errorf("%s: %s, %s: %+v", report.Engine, report.Proof, report.Reason, report.Answers)
				}
				if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
				t.Logf("%d facts in %v", report.Facts, report.Duration)
			})
		}
		t.Run("random states", func(t *testing.T) { randomStates(t, binary) })
		t.Run("another state than expected", func(t *testing.T) { differentState(t, binary) })
		t.Run("in the child process", func(t *testing.T) {
			child := Child{ConsulBinary: binary, Limits: Limits{Memory: 1 << 30, Timeout: time.Minute}}
			report, err := child.Run(t.Context(), golden.Path("consul-1.21.4/full.snap"), nil)
			if err != nil || !report.Proven() || report.Consul == nil || !report.Consul.Proven() {
				t.Errorf("%+v, %v", report, err)
			}
		})
		return 0
	})
}

func randomStates(t *testing.T, binary string) {
	for seed := range uint64(5) {
		report, err := ProveWithConsul(t.Context(), binary, holding(pack(t, newMaker(t, seed).stream())))
		if err != nil || !report.Proven() {
			t.Errorf("seed %d: %+v, %v", seed, report, err)
		}
	}
}

// differentState restores something else into the server than what its answers are compared with.
func differentState(t *testing.T, binary string) {
	c, err := startConsul(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	if info, err := os.Stat(c.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Join(c.dir, "drill.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("configuration %v, %v", info.Mode(), err)
	}
	if err := c.restore(t.Context(), opener("consul-1.21.4/full.snap")); err != nil {
		t.Fatal(err)
	}
	response, err := c.request(t.Context(), http.MethodPut, "/v1/kv/one/more", strings.NewReader("?"))
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response, err)
	}
	response.Body.Close()
	expected, report := tally{}, new(Report)
	open := Open(opener("consul-1.21.4/full.snap"))
	if err := expectedOf(open)(expected.add); err != nil {
		t.Fatal(err)
	}
	if err := compareAnswers(open, expected, c.answers(t.Context(), true), builtin, report); err != nil {
		t.Fatal(err)
	}
	if len(report.Answers) != 1 || report.Answers[0].Name != "one/more" {
		t.Errorf("answers %+v", report.Answers)
	}
}
