//go:build heavy

package drill

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/testproc"
)

// The code of servers, mutated in its source and built anew, does not prove archives that are good: neither where the tables show it, nor
// where the codec undoes in writing what it does in reading, nor in the code that the codec and the digests share.
func TestMutatedSourceIsFound(t *testing.T) {
	for _, c := range []struct{ name, file, from, to string }{
		{"flags are not read", "record/kvcodec.go", "if e.Flags, b, ok = uintField(b, kvKeys[1])", "if _, b, ok = uintField(b, kvKeys[1])"},
		{"flags and lock index change places, there and back", "record/kvcodec.go", "", ""},
		{"the lock index is shown as flags", "httpapi/kvjson.go", `,"Flags":` + "`...), e.Flags, 10)", `,"Flags":` + "`...), e.LockIndex, 10)"},
		{"checks are written without what they check", "state/encode.go", "e.put(e.node.AppendCheck(", `x.HealthCheck.ServiceID = ""; e.put(e.node.AppendCheck(`},
		{"integers lose their upper half", "msgpack/decoder.go", "return false, beUint(arg), nil", "return false, beUint(arg) & 0xffffffff, nil"},
	} {
		t.Run(c.name, func(t *testing.T) {
			source, err := os.ReadFile(filepath.Join("..", c.file))
			if err != nil {
				t.Fatal(err)
			}
			mutant := strings.Replace(string(source), c.from, c.to, 1)
			if c.from == "" {
				mutant = strings.NewReplacer("e.Flags", "e.LockIndex", "e.LockIndex", "e.Flags").Replace(string(source))
			}
			if mutant == string(source) {
				t.Fatalf("%s has no %q: the mutation must follow the code", c.file, c.from)
			}
			out := testMutant(t, c.file, mutant)
			if !strings.Contains(out, "--- FAIL: TestGoldenArchivesAreProven/full") || !strings.Contains(out, ": bad, ") {
				t.Errorf("the mutant survives:\n%.2000s", out)
			}
		})
	}
}

// testMutant runs the test of the golden archives with another source in place of a file, and returns what it says.
func testMutant(t *testing.T, file, mutant string) string {
	t.Helper()
	overlay := testproc.Overlay(t, filepath.Join("..", file), mutant)
	out, _ := exec.CommandContext(t.Context(), "go", "test", "-vet=off", overlay, "-run=^TestGoldenArchivesAreProven$", ".").CombinedOutput()
	return string(out) // that the test fails is what is wanted
}
