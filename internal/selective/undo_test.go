package selective

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/undofile"
)

// Undo touches only what is as the restore left it, and names the rest.
func TestUndoLeavesWhatOthersChanged(t *testing.T) {
	c := newCluster(t)
	c.put(t, map[string]pair{"changed": {"0", 0}, "theirs": {"0", 0}, "deleted": {"0", 0}, "gone": {"0", 0}, "again": {"0", 0}, "flags": {"0", 0}})
	file := filepath.Join(t.TempDir(), "undo")
	archive := archiveOf(t, map[string]pair{
		"changed": {"1", 0}, "theirs": {"1", 0}, "made": {"1", 0}, "made theirs": {"1", 0}, "made gone": {"1", 0}, "gone": {"1", 0}, "flags": {"0", 7},
	})
	wantEqual(t, apply(t, plan(t, c.target(""), archive, deleting(options(t, "kv:"))), file))
	c.put(t, map[string]pair{"theirs": {"2", 0}, "made theirs": {"2", 0}, "again": {"2", 0}})
	for _, key := range []string{"made gone", "gone"} {
		if _, err := c.KVApply(t.Context(), "delete", &record.KVEntry{Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	p, out := undo(t, c.target(""), file)
	wantEqual(t, out)
	samePairs(t, "taken back", c.pairs(), map[string]pair{
		"changed": {"0", 0}, "theirs": {"2", 0}, "deleted": {"0", 0}, "made theirs": {"2", 0}, "again": {"2", 0}, "flags": {"0", 0},
	})
	got := text(t, p)
	for _, want := range []string{
		"3 keys again, made theirs, theirs: has been changed since the restore", "key gone: has been removed since the restore",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the plan does not say %q:\n%s", want, got)
		}
	}
	if p, _ := undo(t, c.target(""), file); p.Len() > 0 {
		t.Errorf("taken back twice, there is something to do:\n%s", text(t, p))
	}
}

// Restores that were broken off, with others writing in between: undo leads to before the first, but for what others wrote.
func TestUndoOfSeveral(t *testing.T) {
	c := newCluster(t)
	c.put(t, map[string]pair{"a": {"0", 0}, "b": {"0", 0}})
	file := filepath.Join(t.TempDir(), "undo")
	first := plan(t, c.target(""), archiveOf(t, map[string]pair{"a": {"1", 0}, "b": {"1", 0}, "c": {"1", 0}}), options(t, "kv:"))
	if err := first.writeUndo(t.Context(), file); err != nil { // broken off before the first change
		t.Fatal(err)
	}
	if p, _ := undo(t, c.target(""), file); p.Len() > 0 || len(p.Changed) > 0 {
		t.Errorf("nothing was done, and undo finds something:\n%s", text(t, p))
	}
	if _, err := first.Apply(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	c.put(t, map[string]pair{"b": {"theirs", 0}})
	second := plan(t, c.target(""), archiveOf(t, map[string]pair{"a": {"2", 0}, "b": {"2", 0}, "d": {"2", 0}}), options(t, "kv:"))
	wantEqual(t, apply(t, second, file))
	samePairs(t, "after the second", c.pairs(), map[string]pair{"a": {"2", 0}, "b": {"2", 0}, "c": {"1", 0}, "d": {"2", 0}})
	_, out := undo(t, c.target(""), file)
	wantEqual(t, out)
	samePairs(t, "taken back", c.pairs(), map[string]pair{"a": {"0", 0}, "b": {"0", 0}})
}

// An undo file is never replaced: neither one of a restore that came to its end, nor one of another cluster, nor what is none.
func TestUndoFileIsKept(t *testing.T) {
	c := newCluster(t)
	dir := t.TempDir()
	archive := archiveOf(t, map[string]pair{"a": {"1", 0}})
	finished, foreign, text := filepath.Join(dir, "finished"), filepath.Join(dir, "foreign"), filepath.Join(dir, "text")
	wantEqual(t, apply(t, plan(t, c.target(""), archive, options(t, "kv:")), finished))
	w, err := undofile.Create(t.Context(), foreign, &undofile.Header{Datacenter: "dc2"})
	if err != nil || w.Commit() != nil || os.WriteFile(text, []byte("my notes"), 0o600) != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{finished: "was finished", foreign: "is of datacenter \"dc2\"", text: "no undo file"} {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p := plan(t, c.target(""), archiveOf(t, map[string]pair{"a": {path, 0}}), options(t, "kv:"))
		out, err := p.Apply(t.Context(), path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "nothing was changed") || out.NotDone != 1 {
			t.Errorf("%s: %v, %d not done", path, err, out.NotDone)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Errorf("%s is another: %v", path, err)
		}
	}
	samePairs(t, "after", c.pairs(), map[string]pair{"a": {"1", 0}})
	f, err := undofile.Open(foreign)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Undo(t.Context(), c.target(""), f, false, options(t, "")); !errors.Is(err, ErrOtherCluster) {
		t.Errorf("of another cluster: %v", err)
	}
	p, err := Undo(t.Context(), c.target(""), f, true, options(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Close()
}

// Without a way back nothing is changed.
func TestNoUndoFile(t *testing.T) {
	c := newCluster(t)
	c.fail(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s was sent", r.Method, r.URL)
		}
		next.ServeHTTP(w, r)
	})
	p := plan(t, c.target(""), archiveOf(t, map[string]pair{"a": {"1", 0}}), options(t, "kv:"))
	if _, err := p.Apply(t.Context(), filepath.Join(t.TempDir(), "no", "such", "directory")); err == nil {
		t.Error("it went on without a way back")
	}
}

// An entry that is sound by its checksum and nonsense all the same is refused before anything is asked.
func FuzzUndo(f *testing.F) {
	c := newCluster(f)
	c.fail(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodGet && r.URL.Path != "/v1/txn" {
			f.Errorf("%s %s was sent", r.Method, r.URL)
		}
		next.ServeHTTP(w, r)
	})
	key, err := record.Append(nil, &record.KVEntry{Key: "a", Value: []byte("1")})
	if err != nil {
		f.Fatal(err)
	}
	policy, err := record.Append(nil, policyNamed(oldOps, "ops", ""))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("key", key, []byte(nil))
	f.Add("key", []byte(nil), key)
	f.Add("ACL policy", policy, policy)
	f.Add("service", key, key)
	f.Fuzz(func(t *testing.T, family string, before, after []byte) {
		path := filepath.Join(t.TempDir(), "undo")
		w, err := undofile.Create(t.Context(), path, &undofile.Header{Datacenter: "dc1", Keys: []undofile.Span{{Key: "", Prefix: true}}})
		if err != nil {
			t.Fatal(err)
		}
		e := &undofile.Entry{Family: family, After: [][]byte{nil}}
		if len(before) > 0 {
			e.Before = before
		}
		if len(after) > 0 {
			e.After[0] = after
		}
		if err := errors.Join(w.Add(e), w.Commit()); err != nil {
			t.Fatal(err)
		}
		u, err := undofile.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		if p, err := Undo(t.Context(), c.target(""), u, false, options(t, "")); err == nil {
			_ = text(t, p)
			_ = p.Close()
		}
	})
}
