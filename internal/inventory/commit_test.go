package inventory

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

func TestCommit(t *testing.T) {
	for _, c := range []struct {
		name string
		fill func(*shelfStore)
		want string // in the error; nothing if there is none
	}{
		{"archive is there", func(s *shelfStore) { s.put("consul-1.snap", []byte("bytes")) }, ""},
		{"entry is there too", func(s *shelfStore) { add(t, s, "1", unproven) }, ""},
		{"listing is stale", func(s *shelfStore) { s.put("consul-1.snap", []byte("bytes")); s.hidden = "consul-1.snap" }, ""},
		{"archive was lost", func(s *shelfStore) {}, "no such object"},
		{"archive is cut", func(s *shelfStore) { s.put("consul-1.snap", []byte("byte")) }, "has 4 bytes, not the 5"},
		{"archive is too long", func(s *shelfStore) { s.put("consul-1.snap", []byte("bytes.")) }, "has 6 bytes, not the 5"},
		{"archive of another backup", func(s *shelfStore) { s.put("consul-2.snap", []byte("bytes")) }, "no such object"},
		{"entry is lost", func(s *shelfStore) { s.put("consul-1.snap", []byte("bytes")); s.lose = "consul-1.snap.json" }, "no such object"},
		{"old entry stays", func(s *shelfStore) { add(t, s, "1", unproven); s.lose = "consul-1.snap.json" }, "cannot be trusted"},
		{"archive cannot be read", func(s *shelfStore) { s.broken["consul-1.snap"] = errors.New("denied") }, "denied"},
		{"store is down", func(s *shelfStore) { s.left = 0 }, "stopped working"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore()
			c.fill(s)
			err := Commit(t.Context(), s, sound("1"))
			if c.want == "" {
				s.hidden = ""
				if err != nil || show(list(t, s)) != "1 proven" {
					t.Errorf("%v, %s", err, show(list(t, s)))
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if lost := strings.Contains(c.want, "no such"); lost != errors.Is(err, blobstore.ErrNotFound) {
				t.Errorf("%v: not found is %v", err, lost)
			}
		})
	}
}

func TestCommitWritesTheEntryLast(t *testing.T) {
	s := newStore()
	s.put("consul-1.snap", []byte("bytes"))
	if err := Commit(t.Context(), s, sound("1")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.trace, ", "); got != "list, put consul-1.snap.json, get consul-1.snap.json" {
		t.Errorf("did %s", got)
	}
}

func TestCommitRefusesFaultyEntries(t *testing.T) {
	s := newStore()
	s.put("consul-1.snap", []byte("bytes"))
	e := sound("1")
	e.Proof = ""
	if err := Commit(t.Context(), s, e); !errors.Is(err, ErrEntry) || len(s.trace) > 0 {
		t.Errorf("%v after %v", err, s.trace)
	}
}

// An object with one fixed name is committed like any other, but is in no listing of backups.
func TestCommitOfAFixedName(t *testing.T) {
	s := newStore()
	s.put("latest.snap", []byte("bytes"))
	s.hidden = "latest.snap"
	e := sound("1")
	e.Name = "latest.snap"
	if err := Commit(t.Context(), s, e); err != nil {
		t.Fatal(err)
	}
	if got := show(list(t, s)); got != "" || s.objects["latest.snap.json"] == nil {
		t.Errorf("%q, %v", got, s.names())
	}
	if _, err := MarkProof(t.Context(), s, "latest.snap", Verdict{Proof: Unproven, Reason: "no memory"}); err != nil {
		t.Error(err)
	}
	if err := SetAside(t.Context(), s, e, "differs", noon); err != nil {
		t.Error(err)
	}
	names := strings.Join(s.names(), " ")
	if names != "latest.snap latest.snap.json" || !bytes.Contains(s.objects["latest.snap.json"], []byte(`"proof": "bad"`)) {
		t.Errorf("%s", names)
	}
}

func TestMarkProof(t *testing.T) {
	proven := Verdict{Proof: Proven, At: noon.Add(time.Hour), SHA256: sound("1").SHA256}
	for _, c := range []struct {
		name    string
		verdict Verdict
		fill    func(*shelfStore)
		want    string
		err     error
	}{
		{"proven", proven, func(s *shelfStore) { add(t, s, "1", unproven) }, "1 proven", nil},
		{"proven again", proven, func(s *shelfStore) { add(t, s, "1") }, "1 proven", nil},
		{"no longer proven", Verdict{Proof: Unproven, Reason: "unknown type"}, func(s *shelfStore) { add(t, s, "1") }, "1 unproven", nil},
		{"bad", Verdict{Proof: Bad, Reason: "differs"}, func(s *shelfStore) { add(t, s, "1") }, "1 bad", nil},
		{"no reason", Verdict{Proof: Unproven}, func(s *shelfStore) { add(t, s, "1") }, "1 proven", ErrEntry},
		{"no verdict", Verdict{}, func(s *shelfStore) { add(t, s, "1", unproven) }, "1 unproven", ErrEntry},
		{"another archive", Verdict{Proof: Proven, At: noon, SHA256: strings.Repeat("00", 32)},
			func(s *shelfStore) { add(t, s, "1", unproven) }, "1 unproven", ErrSwapped},
		{"no entry", proven, func(s *shelfStore) { s.put("consul-1.snap", []byte("x")) }, "1 foreign", blobstore.ErrNotFound},
		{"damaged entry", proven, func(s *shelfStore) { add(t, s, "1"); s.put("consul-1.snap.json", nil) }, "1 unreadable", ErrEntry},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore()
			c.fill(s)
			e, err := MarkProof(t.Context(), s, "consul-1.snap", c.verdict)
			if !errors.Is(err, c.err) {
				t.Errorf("%v, want %v", err, c.err)
			}
			if got := show(list(t, s)); got != c.want {
				t.Errorf("now %q, want %q", got, c.want)
			}
			if err == nil && (e.Proof != c.verdict.Proof || e.Reason != c.verdict.Reason) {
				t.Errorf("returned %+v", e)
			}
		})
	}
}

// A rewritten entry keeps what a newer program wrote into it.
func TestMarkProofKeepsUnknownFields(t *testing.T) {
	s := newStore()
	add(t, s, "1", unproven)
	s.put("consul-1.snap.json", bytes.Replace(s.objects["consul-1.snap.json"], []byte("{"), []byte(`{"signature": "x",`), 1))
	if _, err := MarkProof(t.Context(), s, "consul-1.snap", Verdict{Proof: Proven, At: noon, SHA256: sound("1").SHA256}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(s.objects["consul-1.snap.json"], []byte(`"signature": "x"`)) {
		t.Errorf("%s", s.objects["consul-1.snap.json"])
	}
}

func TestSetAside(t *testing.T) {
	for _, c := range []struct {
		name string
		fill func(*shelfStore)
		want string
	}{
		{"committed", func(s *shelfStore) { add(t, s, "9") }, "9 aside true"},
		{"not committed", func(s *shelfStore) { s.put("consul-9.snap", []byte("bytes")) }, "9 aside true"},
		{"cut in the store", func(s *shelfStore) { s.put("consul-9.snap", []byte("by")) }, "9 aside true"},
		{"lost in the store", func(s *shelfStore) {}, "9 aside false"},
		{"damaged entry", func(s *shelfStore) { add(t, s, "9"); s.put("consul-9.snap.json", []byte("{")) }, "9 aside true"},
		{"beside others", func(s *shelfStore) { add(t, s, "9"); add(t, s, "8"); s.put("consul-7.snap", nil) },
			"8 proven, 7 foreign, 9 aside true"},
		{"the fourth", func(s *shelfStore) {
			add(t, s, "9")
			for _, id := range []string{"5", "6", "7"} {
				e := add(t, s, id)
				if err := SetAside(t.Context(), s, e, "differs", noon); err != nil {
					t.Fatal(err)
				}
			}
		}, "9 aside true, 7 aside true, 6 aside true"},
		{"beside another cluster's", func(s *shelfStore) {
			add(t, s, "9")
			for _, id := range []string{"4", "5", "6"} {
				if err := SetAside(t.Context(), s, add(t, s, id, of("b")), "differs", noon); err != nil {
					t.Fatal(err)
				}
			}
		}, "9 aside true, 6 aside true, 5 aside true, 4 aside true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore()
			c.fill(s)
			bytesBefore, there := s.objects["consul-9.snap"]
			e := sound("9")
			e.Committed = time.Time{}
			if err := SetAside(t.Context(), s, e, "3 records differ", noon); err != nil {
				t.Fatal(err)
			}
			inv := list(t, s)
			if got := show(inv); got != c.want {
				t.Errorf("now %q, want %q", got, c.want)
			}
			if b := inv.Bad[0]; b.Entry == nil || b.Entry.Proof != Bad || b.Entry.Reason != "3 records differ" || b.Entry.ProvenAt != nil {
				t.Errorf("%+v", b.Entry)
			}
			if kept, ok := s.objects["consul-9.snap.bad"]; ok != there || !bytes.Equal(kept, bytesBefore) {
				t.Errorf("kept %q, was %q", kept, bytesBefore)
			}
			if e.Proof != Proven || !e.Committed.IsZero() {
				t.Errorf("the caller's entry has changed: %+v", e)
			}
		})
	}
}
