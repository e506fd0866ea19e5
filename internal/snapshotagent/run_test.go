package snapshotagent

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// leftovers are the files in the scratch directory.
func (s *stage) leftovers(t *testing.T) (n int) {
	t.Helper()
	files, err := os.ReadDir(s.scratch)
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// A run ends with a proven entry beside the archive in every destination, of which no more are kept than asked for.
func TestRun(t *testing.T) {
	s := newStage(t, 2, nil)
	for range 4 {
		if err := s.run(t.Context(), s.term); err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(time.Hour)
	}
	for _, store := range s.stores {
		all := s.entries(t, store)
		if len(all) != 2 || len(store.names()) != 4 {
			t.Fatalf("%d backups, objects %v", len(all), store.names())
		}
		e := all[0]
		if e.Proof != inventory.Proven || e.ProvenAt == nil || e.LockIndex != 7 || e.Datacenter != "dc1" || e.ServerVersion != "1.21.4" ||
			e.Committed.Before(e.Saved) || e.Size != int64(len(s.cluster.archive)) || e.Cluster == "" || e.Essence == "" {
			t.Errorf("entry %+v", e)
		}
	}
	status := s.Status()
	if status.LastProven.IsZero() || status.LastError != "" || status.Retained["a"] != 2 || status.Behind["a"] || status.Bytes != 8*int64(len(s.cluster.archive)) {
		t.Errorf("status %+v", status)
	}
	if s.leftovers(t) != 0 {
		t.Error("scratch files are left")
	}
}

// Whatever fails in all destinations makes a run fail: it commits nothing, deletes nothing and leaves nothing.
func TestRunFails(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name  string
		spoil func(*stage)
		stage Stage
	}{
		{"no cluster", func(s *stage) { s.cluster.err = boom }, StageFetch},
		{"no identity", func(s *stage) {
			s.config.Identify = func(context.Context) (Identity, error) { return Identity{}, boom }
		}, StageFetch},
		{"cut off", func(s *stage) { s.cluster.archive = s.cluster.archive[:500] }, StageVerify},
		{"bit flipped on the way", func(s *stage) { s.cluster.archive[300] ^= 1 }, StageVerify},
		{"store down", func(s *stage) { s.stores[0].down = boom }, StageUpload},
		{"store spoils", func(s *stage) {
			s.stores[0].spoil = func(b []byte) []byte { return append(b, 0) }
		}, StageReadBack},
		{"lock lost", func(s *stage) { s.term.err = boom }, StageLock},
		{"bad proof", func(s *stage) { s.judge.verdicts = []Verdict{{inventory.Bad, "2 keys differ"}} }, StageDrill},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 1, func(c *Config) { c.Destinations[0].Retain = 1 })
			if err := s.run(t.Context(), s.term); err != nil {
				t.Fatal(err)
			}
			before := s.entries(t, s.stores[0])[0].ID
			s.cluster.archive = append([]byte(nil), s.cluster.archive...)
			s.clock.Advance(time.Hour)
			c.spoil(s)
			err := s.run(t.Context(), s.term)
			var at *failed
			if !errors.As(err, &at) || at.stage != c.stage {
				t.Errorf("error %v, want one of stage %s", err, c.stage)
			}
			s.stores[0].fail(nil)
			s.stores[0].spoil = nil
			if all := s.entries(t, s.stores[0]); len(all) != 1 || all[0].ID != before {
				t.Errorf("backups %+v", all)
			}
			status := s.Status()
			if status.Failing != 1 || status.Failures[c.stage] == 0 || status.LastError == "" {
				t.Errorf("status %+v", status)
			}
			if s.leftovers(t) != 0 {
				t.Error("scratch files are left")
			}
		})
	}
}

// A backup that fails its proof is set aside; another is taken at once.
func TestBadBackupIsSetAside(t *testing.T) {
	s := newStage(t, 1, nil)
	s.judge.verdicts = []Verdict{{inventory.Bad, "2 keys differ"}, proven}
	if err := s.run(t.Context(), s.term); err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.List(t.Context(), s.stores[0], nil)
	if err != nil || len(inv.Bad) != 1 || inv.Bad[0].Entry.Reason != "2 keys differ" || len(inv.Backups) != 1 || !inv.Backups[0].Proven() {
		t.Errorf("%+v, %v", inv, err)
	}
	if status := s.Status(); status.Failures[StageDrill] != 1 || status.Failing != 0 {
		t.Errorf("status %+v", status)
	}
}

// What is taken in the place of a bad backup is rebuilt, whatever the turn of the drills.
func TestReplacementOfABadBackupIsRebuilt(t *testing.T) {
	s := newStage(t, 1, func(c *Config) { c.DrillEvery = 3 })
	s.judge.verdicts = []Verdict{{inventory.Bad, "2 keys differ"}, proven}
	if err := s.run(t.Context(), s.term); err != nil {
		t.Fatal(err)
	}
	if e := s.entries(t, s.stores[0])[0]; e.Proof != inventory.Proven {
		t.Errorf("%s: %s", e.Proof, e.Reason)
	}
}

// An archive that was uploaded but not committed may be the last of its cluster: it stays until there is a newer backup, or for good if
// somebody has adopted it.
func TestUncommittedArchivesStayUntilThereIsABackup(t *testing.T) {
	for _, adopted := range []bool{false, true} {
		s := newStage(t, 1, nil)
		s.term.err = errors.New("no quorum")
		if err := s.run(t.Context(), s.term); err == nil {
			t.Fatal("a backup was committed without the lock")
		}
		names := s.stores[0].names()
		if len(names) != 1 {
			t.Fatalf("%v", names)
		}
		if adopted {
			s.stores[0].objects[inventory.EntryName(names[0])] = []byte("{}")
		}
		s.term.err = nil
		s.clock.Advance(time.Hour)
		if err := s.run(t.Context(), s.term); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(s.stores[0].names(), names[0]) != adopted {
			t.Errorf("adopted: %v, %v", adopted, s.stores[0].names())
		}
	}
}

// A destination that is down does not stop the others, and gets what it missed once it is back.
func TestCatchUp(t *testing.T) {
	for _, first := range []bool{true, false} { // whose copy is rebuilt
		s := newStage(t, 2, nil)
		down, up := s.stores[0], s.stores[1]
		if !first {
			down, up = up, down
		}
		down.fail(errors.New("no route"))
		if err := s.run(t.Context(), s.term); err != nil {
			t.Fatal(err)
		}
		if len(s.entries(t, up)) != 1 || !s.Status().Behind[down.name] || s.Status().Behind[up.name] || s.leftovers(t) != 1 {
			t.Errorf("status %+v, %d scratch files", s.Status(), s.leftovers(t))
		}
		s.catchUp(t.Context(), s.term)
		down.fail(nil)
		s.term.err = errors.New("lost")
		s.catchUp(t.Context(), s.term)
		if len(s.entries(t, down)) != 0 {
			t.Error("a backup was committed without the lock")
		}
		s.term.err = nil
		s.catchUp(t.Context(), s.term)
		if got := s.entries(t, down); len(got) != 1 || got[0].Proof != inventory.Proven || s.Status().Behind[down.name] || s.leftovers(t) != 0 {
			t.Errorf("%+v, status %+v, %d scratch files", got, s.Status(), s.leftovers(t))
		}
	}
}

// A cluster in which nothing has changed is not uploaded again; that counts as fresh.
func TestSkipUnchanged(t *testing.T) {
	s := newStage(t, 2, func(c *Config) { c.SkipUnchanged = true })
	for range 3 {
		if err := s.run(t.Context(), s.term); err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(time.Hour)
	}
	if n := len(s.entries(t, s.stores[0])); n != 1 {
		t.Errorf("%d backups", n)
	}
	waiting := newStage(t, 0, func(c *Config) { // another agent, which does not lead
		c.Clock = s.clock
		for _, store := range s.stores {
			c.Destinations = append(c.Destinations, Destination{Store: store, Retain: 2})
		}
	})
	waiting.look(t.Context())
	for _, agent := range []*stage{s, waiting} {
		if age := s.now().Sub(agent.Status().LastProven); age != time.Hour {
			t.Errorf("the last proof is %s old", age)
		}
	}
	s.cluster.archive = golden.Read(t, "consul-1.21.4/full.snap")
	if err := s.run(t.Context(), s.term); err != nil || len(s.entries(t, s.stores[0])) != 2 {
		t.Errorf("%v, %d backups", err, len(s.entries(t, s.stores[0])))
	}
}

func TestUnprovenBackups(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		spoil  func(*stage)
		want   string // reason of the second backup
	}{
		{"skipped drill", nil, func(s *stage) { s.judge.verdicts = []Verdict{{inventory.Unproven, "too little memory"}} }, "too little memory"},
		{"not each is rebuilt", func(c *Config) { c.DrillEvery = 2 }, func(*stage) {}, "it was not rebuilt: drill.every is 2"},
		{"unknown records", nil, func(s *stage) { s.cluster.archive = nil }, "records that Lictor cannot restore"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 1, c.change)
			c.spoil(s)
			if s.cluster.archive == nil {
				s.cluster.archive = golden.Read(t, "damaged/state-unknown-type.snap")
			}
			for range 2 {
				if err := s.run(t.Context(), s.term); err != nil {
					t.Fatal(err)
				}
				s.clock.Advance(time.Hour)
			}
			e := s.entries(t, s.stores[0])[0]
			if e.Proof != inventory.Unproven || !strings.Contains(e.Reason, c.want) || !strings.Contains(s.Status().Unproven, c.want) {
				t.Errorf("%s: %s", e.Proof, e.Reason)
			}
		})
	}
}
