package inventory

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

var claim = Claim{Cluster: "prod", Datacenter: "dc1", Writer: "lictor 0.1.0", Now: func() time.Time { return noon }}

const domain = "c39ecaf2-c83a-903b-b729-5dff6c677601.consul" // of the golden archives

func withDomain(d string, any bool) Claim {
	c := claim
	c.TrustDomain, c.AnyTrustDomain = d, any
	return c
}

func TestAdopt(t *testing.T) {
	plain := pack(t, &record.KVEntry{Key: "a"})
	full := golden.Read(t, "consul-1.21.4/full.snap")
	for _, c := range []struct {
		name  string
		fill  func(*shelfStore)
		claim Claim
		want  string
		err   error
	}{
		{"foreign archive", func(s *shelfStore) { s.put("consul-1.snap", plain) }, claim, "1 unproven", nil},
		{"of the same trust domain", func(s *shelfStore) { s.put("consul-1.snap", full) }, withDomain(domain, false), "1 unproven", nil},
		{"trust domain not known", func(s *shelfStore) { s.put("consul-1.snap", full) }, claim, "1 unproven", nil},
		{"archive without trust domain", func(s *shelfStore) { s.put("consul-1.snap", plain) }, withDomain(domain, false), "1 unproven", nil},
		{"of another trust domain", func(s *shelfStore) { s.put("consul-1.snap", full) },
			withDomain("other.consul", false), "1 foreign", ErrClaimed},
		{"of another, and that is wanted", func(s *shelfStore) { s.put("consul-1.snap", full) },
			withDomain("other.consul", true), "1 unproven", nil},
		{"ours already", func(s *shelfStore) { add(t, s, "1") }, claim, "1 proven", nil},
		{"another cluster's", func(s *shelfStore) { add(t, s, "1", of("b")) }, claim, "1 proven", ErrClaimed},
		{"with a damaged entry", func(s *shelfStore) { s.put("consul-1.snap", plain); s.put("consul-1.snap.json", nil) },
			claim, "1 unproven", nil},
		{"with a newer entry", func(s *shelfStore) {
			s.put("consul-1.snap", plain)
			s.put("consul-1.snap.json", []byte(`{"format":2}`))
		}, claim, "1 unreadable", ErrFormat},
		{"bad archive", func(s *shelfStore) { s.put("consul-1.snap", plain[:99]) }, claim, "1 foreign", archive.ErrCorrupt},
		{"no archive", func(s *shelfStore) {}, claim, "", blobstore.ErrNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore()
			c.fill(s)
			e, err := Adopt(t.Context(), s, "1", c.claim)
			if !errors.Is(err, c.err) {
				t.Errorf("%v, want %v", err, c.err)
			}
			if got := show(list(t, s)); got != c.want {
				t.Errorf("now %q, want %q", got, c.want)
			}
			if err == nil && e.Cluster != "prod" {
				t.Errorf("adopted as %+v", e)
			}
		})
	}
	if _, err := Adopt(t.Context(), newStore(), "../1", claim); err == nil {
		t.Error("what is no ID was adopted")
	}
}

func TestAdoptedEntry(t *testing.T) {
	s := newStore()
	s.put("consul-1479360073448728784.snap", golden.Read(t, "consul-1.21.4/full.snap"))
	e, err := Adopt(t.Context(), s, "1479360073448728784", claim)
	if err != nil {
		t.Fatal(err)
	}
	if e.Index != 148 || e.Size != 18325 || len(e.Census) == 0 || !e.Rebuilt || e.Proof != Unproven ||
		!strings.Contains(e.Reason, "adopted") || e.Saved.UnixNano() != 1479360073448728784 || !e.Committed.Equal(noon) || e.Datacenter != "dc1" {
		t.Errorf("%+v", e)
	}
	s.put("consul-2.snap", pack(t, &record.Opaque{Type: 77, Value: []byte{0x80}}))
	if e, err = Adopt(t.Context(), s, "2", claim); err != nil || !strings.Contains(e.Reason, "type <77>") {
		t.Errorf("with unknown records: %+v, %v", e, err)
	}
}

// An adopted archive is pruned like any other; before, never.
func TestAdoptedArchivesArePruned(t *testing.T) {
	s := newStore()
	s.put("consul-1.snap", pack(t, &record.KVEntry{Key: "a"}))
	add(t, s, "2")
	keep := Keep{Cluster: "prod", Retain: 1}
	if got := ids(Plan(list(t, s), keep)); got != "" {
		t.Errorf("foreign archive: %q would be deleted", got)
	}
	if _, err := Adopt(t.Context(), s, "1", claim); err != nil {
		t.Fatal(err)
	}
	if got := ids(Plan(list(t, s), keep)); got != "1" {
		t.Errorf("adopted archive: %q would be deleted", got)
	}
}

func TestRebuild(t *testing.T) {
	plain := pack(t, &record.KVEntry{Key: "a"})
	full := golden.Read(t, "consul-1.21.4/full.snap")
	fill := func() *shelfStore {
		s := newStore()
		s.put("consul-1.snap", full)
		s.put("consul-2.snap", plain)
		s.put("consul-3.snap", full[:4000])
		s.put("consul-4.snap", full)
		s.put("consul-4.snap.json", []byte("{"))
		s.put("consul-5.snap", full)
		s.put("consul-5.snap.json", []byte(`{"format":2}`))
		s.put("consul-6.snap.bad", full)
		s.put("consul-7.snap.json", []byte("{"))
		add(t, s, "8", of("b"))
		add(t, s, "9")
		return s
	}
	for _, c := range []struct {
		name           string
		claim          Claim
		rebuilt, skips string
	}{
		{"by trust domain", withDomain(domain, false), "4 1", "5 3 2"},
		{"cluster without one", claim, "2", "5 4 3 1"},
		{"another cluster", withDomain("other.consul", false), "", "5 4 3 2 1"},
		{"whatever there is", withDomain("other.consul", true), "4 2 1", "5 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := fill()
			before := s.clone()
			out, err := Rebuild(t.Context(), s, c.claim)
			if err != nil {
				t.Fatal(err)
			}
			var rebuilt, skips []string
			for _, e := range out.Rebuilt {
				rebuilt = append(rebuilt, e.ID)
				if e.Proof != Unproven || !e.Rebuilt || e.Reason == "" {
					t.Errorf("%+v", e)
				}
				delete(before.objects, EntryName(e.Name))
			}
			for _, s := range out.Skipped {
				skips = append(skips, s.ID)
				if s.Err == nil || s.Name != ArchiveName(s.ID) {
					t.Errorf("%+v", s)
				}
			}
			if got := strings.Join(rebuilt, " "); got != c.rebuilt {
				t.Errorf("rebuilt %q, want %q", got, c.rebuilt)
			}
			if got := strings.Join(skips, " "); got != c.skips {
				t.Errorf("skipped %q, want %q", got, c.skips)
			}
			for name, data := range before.objects {
				if string(s.objects[name]) != string(data) {
					t.Errorf("%s has changed", name)
				}
			}
		})
	}
}

func TestRebuildEndsWithItsContext(t *testing.T) {
	s := newStore()
	for _, name := range []string{"consul-1.snap", "consul-2.snap"} {
		s.put(name, pack(t, &record.KVEntry{Key: "a"}))
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, err := Rebuild(ctx, &cancelling{s, cancel}, claim)
	if !errors.Is(err, context.Canceled) || len(out.Rebuilt) > 0 || len(out.Skipped) > 0 {
		t.Errorf("%+v, %v", out, err)
	}
}
