package snapshotagent

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/rekey"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// Whatever a store does wrong with an encrypted archive: no entry says proven of anything but what the cluster sent, encrypted.
func TestEncryptedFaults(t *testing.T) {
	to, id := keyPair(t)
	for _, fault := range []storetest.Fault{
		storetest.FailPut, storetest.FailAfterPut, storetest.LosePut, storetest.TruncatePut, storetest.EmptyPut, storetest.FlipPut, storetest.ZeroPut,
		storetest.SwapPut, storetest.FailGet, storetest.LoseGet, storetest.FailRead, storetest.TruncateRead, storetest.FlipRead, storetest.StaleRead,
		storetest.FailList, storetest.StaleList, storetest.ShortList,
	} {
		for skip := range 4 {
			var faulty *storetest.Faulty
			s := newStage(t, 2, func(c *Config) {
				c.Encrypt = to
				faulty = storetest.NewFaulty(c.Destinations[skip%2].Store, uint64(skip))
				c.Destinations[skip%2].Store = faulty
			})
			first := s.run(t.Context(), s.term)
			s.clock.Advance(time.Hour)
			faulty.Strike(storetest.Strike{Fault: fault, Skip: skip / 2, Times: 1})
			second := s.run(t.Context(), s.term)
			if first != nil || second != nil {
				t.Errorf("%s after %d: %v, %v: the other destination was sound", fault, skip, first, second)
			}
			for _, store := range s.stores {
				for _, e := range s.entries(t, store) {
					stored := store.objects[e.Name]
					if e.Proof != inventory.Proven || e.SHA256 != fmt.Sprintf("%x", sha256.Sum256(stored)) || !bytes.Equal(opened(t, stored, id), s.cluster.archive) {
						t.Errorf("%s after %d: %s in %s is %s, and not what its entry says", fault, skip, e.Name, store, e.Proof)
					}
				}
			}
		}
	}
}

// Backups that were encrypted anew go on being what the agent has made: confirmed, counted and deleted, under whatever name.
func TestAgentAfterRekey(t *testing.T) {
	old, id := keyPair(t)
	next, nextID := keyPair(t)
	file := filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(file, []byte(id.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := new(encryption.Keys)
	if _, err := keys.AddFile(file, nil); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, 2, func(c *Config) { c.Encrypt, c.SkipUnchanged = old, true })
	if err := s.run(t.Context(), s.term); err != nil {
		t.Fatal(err)
	}
	for i, store := range s.stores { // not at the same time
		job := &rekey.Job{Keys: keys, To: next, Now: func() time.Time { return time.UnixMilli(int64(5 + i)) }}
		inv, err := inventory.List(t.Context(), store, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := job.Backup(t.Context(), store, &inv.Backups[0]); err != nil {
			t.Fatal(err)
		}
	}
	current := *s.current.Load()
	current.Encrypt = next
	s.current.Store(&current)
	s.look(t.Context())
	s.clock.Advance(time.Hour)
	if err := s.run(t.Context(), s.term); err != nil {
		t.Fatal(err)
	}
	for i, store := range s.stores {
		all := s.entries(t, store)
		if len(all) != 1 || all[0].Confirmed == nil || all[0].Name != inventory.EncryptedName(all[0].ID, int64(5+i)) {
			t.Fatalf("%+v, objects %v", all, store.names())
		}
		if !bytes.Equal(opened(t, store.objects[all[0].Name], nextID), s.cluster.archive) {
			t.Error("it is another archive")
		}
	}
	current.SkipUnchanged = false
	for range 3 {
		s.clock.Advance(time.Hour)
		if err := s.run(t.Context(), s.term); err != nil {
			t.Fatal(err)
		}
	}
	for _, store := range s.stores {
		if all := s.entries(t, store); len(all) != 2 || len(store.names()) != 4 {
			t.Errorf("%d backups, objects %v", len(all), store.names())
		}
	}
}
