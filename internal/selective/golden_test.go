package selective

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

// goldenSource is an archive of a real Consul.
func goldenSource(t *testing.T, name string) digest.Source {
	t.Helper()
	file, err := archive.OpenFile(golden.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return func(visit func(record.Raw) error) error {
		_, err := file.Read(func(_ *archive.Meta, state io.Reader) error { return digest.Walk(state, visit) })
		return err
	}
}

// All that can be brought back of a real Consul's state comes back into an empty cluster, differs in nothing afterwards, and goes again.
// Lictor's servers refuse one role, whose template they do not know; that is said, and nothing else is kept from coming.
func TestGolden(t *testing.T) {
	for name, refused := range map[string]int{"consul-1.21.4/full.snap": 1, "consul-1.21.4/kv.snap": 0} {
		t.Run(name, func(t *testing.T) {
			c := aclCluster(t)
			before := c.records(t)
			file := filepath.Join(t.TempDir(), "undo")
			p := plan(t, c.target(manager), goldenSource(t, name), options(t, ""))
			out := apply(t, p, file)
			if len(out.Failed) != refused || len(out.Conflicts)+len(out.Remaining) > 0 || !out.Compared || out.Done() != int64(p.Len()-refused) {
				t.Errorf("outcome: %+v", out)
			}
			if again := plan(t, c.target(manager), goldenSource(t, name), options(t, "")); again.Len() != refused {
				t.Errorf("done again, something differs:\n%s", text(t, again))
			}
			back, out := undo(t, c.target(manager), file)
			wantEqual(t, out)
			rest := plan(t, c.target(manager), before, deleting(options(t, "")))
			if rest.Len() > 0 || len(back.Changed) > 0 {
				t.Errorf("taken back, something differs: %v\n%s", back.Changed, text(t, rest))
			}
		})
	}
}
