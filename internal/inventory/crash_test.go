package inventory

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/record"
)

// eachCrash runs do on a store that stops working at its first operation, at its second, and so on until do gets through; once so that
// the operation at which it stops had no effect, and once so that it had, but nobody was told. What is left is shown to check; then
// do is repeated, and has to come to the same end as without a crash.
func eachCrash(t *testing.T, start *shelfStore, do func(*shelfStore) error, check func(*testing.T, *shelfStore)) {
	t.Helper()
	whole := start.clone()
	if err := do(whole); err != nil {
		t.Fatal(err)
	}
	trace := whole.trace
	if len(trace) < 2 {
		t.Fatalf("only %v", trace)
	}
	check(t, whole.clone())
	for n, op := range trace {
		for _, applied := range []bool{false, true} {
			s := start.clone()
			s.left, s.applied = n, applied
			err := do(s)
			if inListing := err == nil && strings.HasPrefix(op, "get "); !inListing && !errors.Is(err, errCrashed) {
				t.Errorf("crash at %s: %v", op, err)
			}
			left := s.clone()
			check(t, left)
			if err := do(left); err != nil {
				t.Errorf("again after a crash at %s: %v", op, err)
			}
			check(t, left)
			if !reflect.DeepEqual(left.objects, whole.objects) {
				t.Errorf("again after a crash at %s: %v, want %v", op, left.names(), whole.names())
			}
			if t.Failed() {
				t.Fatalf("operation %d of %v, applied %v, left %v", n+1, trace, applied, s.names())
			}
		}
	}
}

// seen fails unless the inventory is one of those wanted.
func seen(t *testing.T, s *shelfStore, want ...string) {
	t.Helper()
	got := show(list(t, s))
	for _, w := range want {
		if got == w {
			return
		}
	}
	t.Errorf("seen %q, want one of %q", got, want)
}

func TestCrashInCommit(t *testing.T) {
	s := newStore()
	add(t, s, "1")
	s.put("consul-2.snap", []byte("bytes"))
	eachCrash(t, s, func(s *shelfStore) error {
		return Commit(t.Context(), s, sound("2"))
	}, func(t *testing.T, s *shelfStore) {
		seen(t, s, "2 foreign, 1 proven", "2 proven, 1 proven")
	})
}

func TestCrashInMarkProof(t *testing.T) {
	s := newStore()
	add(t, s, "1", unproven)
	eachCrash(t, s, func(s *shelfStore) error {
		_, err := MarkProof(t.Context(), s, "consul-1.snap", Verdict{Proof: Proven, At: noon, SHA256: sound("1").SHA256})
		return err
	}, func(t *testing.T, s *shelfStore) {
		seen(t, s, "1 unproven", "1 proven")
	})
}

// At no moment does a bad backup look like a good one, and at none is its archive lost.
func TestCrashInSetAside(t *testing.T) {
	for _, committed := range []bool{false, true} {
		s := newStore()
		for _, id := range []string{"2", "3", "4"} {
			if err := SetAside(t.Context(), s, add(t, s, id), "differs", noon); err != nil {
				t.Fatal(err)
			}
		}
		add(t, s, "1")
		if committed {
			add(t, s, "9")
		} else {
			s.put("consul-9.snap", []byte("bytes"))
		}
		start := maps.Clone(s.objects)
		eachCrash(t, s, func(s *shelfStore) error {
			return SetAside(t.Context(), s, sound("9"), "differs", noon)
		}, func(t *testing.T, s *shelfStore) {
			inv := list(t, s)
			if b := inv.Find("9"); b != nil && b.Good() && !reflect.DeepEqual(s.objects, start) {
				t.Error("it looks like a good backup")
			}
			if b := inv.Find("9"); b != nil && b.Foreign() && !reflect.DeepEqual(s.objects, start) {
				t.Error("it looks like an archive that could be adopted")
			}
			if string(s.objects["consul-9.snap"])+string(s.objects["consul-9.snap.bad"]) == "" {
				t.Error("the bad archive is lost")
			}
			if b := inv.LatestProven("prod"); b == nil || b.ID != "1" && !reflect.DeepEqual(s.objects, start) {
				t.Error("the good backup is lost")
			}
		})
	}
}

// ending is a store that ends the caller's time with the first deletion.
type ending struct {
	*shelfStore
	end context.CancelFunc
}

func (e ending) Delete(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.end()
	return e.shelfStore.Delete(context.WithoutCancel(ctx), name)
}

// An agent that is told to stop while it deletes a backup deletes all of that one, and no other.
func TestEndInPrune(t *testing.T) {
	s := newStore()
	for _, id := range []string{"1", "2", "3"} {
		add(t, s, id)
	}
	inv := list(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	done, err := Prune(ctx, ending{s, cancel}, inv, Keep{Cluster: "prod", Retain: 1})
	if !errors.Is(err, context.Canceled) || len(done) != 1 || done[0].ID != "1" {
		t.Errorf("%+v, %v", done, err)
	}
	left := slices.Sorted(maps.Keys(s.objects))
	if want := []string{"consul-2.snap", "consul-2.snap.json", "consul-3.snap", "consul-3.snap.json"}; !slices.Equal(left, want) {
		t.Errorf("left: %q", left)
	}
}

// What a crash leaves of a deletion is not a backup, and the next run clears it away.
func TestCrashInPrune(t *testing.T) {
	s := newStore()
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		add(t, s, id)
	}
	add(t, s, "6", unproven)
	add(t, s, "7", of("b"))
	s.put("consul-8.snap", []byte("x"))
	for _, id := range []string{"11", "12", "13", "14"} {
		s.put(BadName(ArchiveName(id)), []byte("x"))
		e := sound(id)
		bad(e)
		data, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		s.put(EntryName(BadName(ArchiveName(id))), data)
	}
	start := maps.Clone(s.objects)
	eachCrash(t, s, func(s *shelfStore) error {
		inv, err := List(t.Context(), s, nil)
		if err != nil {
			return err
		}
		_, err = Prune(t.Context(), s, inv, Keep{Cluster: "prod", Retain: 2})
		return err
	}, func(t *testing.T, s *shelfStore) {
		inv := list(t, s)
		for _, b := range inv.Backups {
			if _, there := s.objects[b.Name]; b.Good() && !there {
				t.Errorf("%s looks like a good backup", b.ID)
			}
			if _, had := start[EntryName(b.Name)]; had && b.Foreign() {
				t.Errorf("%s has lost its owner", b.ID)
			}
		}
		if b := inv.LatestProven("prod"); b == nil || b.ID != "5" {
			t.Error("the last proven backup is gone")
		}
		for _, name := range []string{
			"consul-5.snap", "consul-6.snap", "consul-7.snap", "consul-7.snap.json", "consul-8.snap", "consul-14.snap.bad",
		} {
			if _, there := s.objects[name]; !there {
				t.Errorf("%s is gone", name)
			}
		}
	})
}

func TestCrashInAdopt(t *testing.T) {
	s := newStore()
	data := pack(t, &record.KVEntry{Key: "a"})
	s.put("consul-1.snap", data)
	eachCrash(t, s, func(s *shelfStore) error {
		_, err := Adopt(t.Context(), s, "1", claim)
		return err
	}, func(t *testing.T, s *shelfStore) {
		seen(t, s, "1 foreign", "1 unproven")
		if string(s.objects["consul-1.snap"]) != string(data) {
			t.Error("the archive has changed")
		}
	})
}

func TestCrashInRebuild(t *testing.T) {
	s := newStore()
	s.put("consul-1.snap", pack(t, &record.KVEntry{Key: "a"}))
	s.put("consul-2.snap", pack(t, &record.KVEntry{Key: "b"}))
	s.put("consul-2.snap.json", []byte("{"))
	eachCrash(t, s, func(s *shelfStore) error {
		out, err := Rebuild(t.Context(), s, claim)
		for _, skip := range out.Skipped {
			err = errors.Join(err, skip.Err)
		}
		return err
	}, func(t *testing.T, s *shelfStore) {
		seen(t, s, "2 unreadable, 1 foreign", "2 unproven, 1 foreign", "2 unreadable, 1 unproven", "2 unproven, 1 unproven")
	})
}

var _ blobstore.Store = (*shelfStore)(nil)
