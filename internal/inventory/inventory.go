package inventory

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

// A Backup is an archive with its entry, an archive alone, or an entry alone.
type Backup struct {
	ID       string
	Name     string    // of the archive, also where there is none: the one that the entry names
	Archive  bool      // whether it is there; an entry alone is left of an upload that was lost, or of a deletion
	Size     int64     // of the archive as listed, in bytes
	Modified time.Time // of the archive
	// Entry is what the entry says. It must not be changed. It is nil without an entry, and with one that could not be used.
	Entry *Entry
	// EntryError says why the entry could not be used: an [ErrEntry], an [ErrFormat], or what the store said.
	EntryError error
	// Strays are other archives of the same ID, which the entry does not name: left of an archive that was being encrypted anew when that
	// was interrupted.
	Strays []string
}

// Fixed tells whether the archive has a name that every backup of the store has: it is written over, not deleted.
func (b *Backup) Fixed() bool {
	id, ok := ParseArchiveName(strings.TrimSuffix(b.Name, badSuffix))
	return !ok || id != b.ID
}

// Foreign tells whether the archive has no entry: it is somebody else's, such as the Enterprise agent's, or a backup that was never
// committed.
func (b *Backup) Foreign() bool { return b.Archive && b.Entry == nil && b.EntryError == nil }

// Good tells whether this is a backup: committed, there in its full size, and not found bad.
func (b *Backup) Good() bool {
	return b.Archive && b.Entry != nil && b.Entry.Size == b.Size && b.Entry.Proof != Bad
}

// Proven tells whether this is a backup that was proven.
func (b *Backup) Proven() bool { return b.Good() && b.Entry.Proof == Proven }

// Time is when the backup was begun, by the clock of who made it; by its ID if no entry says.
func (b *Backup) Time() time.Time {
	switch e := b.Entry; {
	case e != nil && !e.Started.IsZero():
		return e.Started
	case e != nil && !e.Saved.IsZero():
		return e.Saved
	}
	return IDTime(b.ID)
}

// of tells whether the entry gives the backup to a cluster.
func (b *Backup) of(cluster string) bool { return b.Entry != nil && b.Entry.Cluster == cluster }

// An Inventory is what a store held at one time.
type Inventory struct {
	Backups []Backup // newest first
	Bad     []Backup // what was set aside, newest first; Name is that of the .bad archive

	entries map[string]fetched // by name of the entry
}

// fetched is an entry as it was read.
type fetched struct {
	object blobstore.Object
	at     time.Time
	entry  *Entry
	err    error
}

// Newest is the largest ID in the store, whoever's it is; empty if there is none.
func (inv *Inventory) Newest() string {
	var newest string
	for _, list := range [][]Backup{inv.Backups, inv.Bad} {
		if len(list) > 0 && number(list[0].ID) > number(newest) {
			newest = list[0].ID
		}
	}
	return newest
}

// Find returns the backup with an ID, nil if there is none.
func (inv *Inventory) Find(id string) *Backup {
	return inv.first(func(b *Backup) bool { return b.ID == id })
}

// Latest is the newest good backup of a cluster, nil if there is none.
func (inv *Inventory) Latest(cluster string) *Backup {
	return inv.first(func(b *Backup) bool { return b.of(cluster) && b.Good() })
}

// LatestProven is the newest proven backup of a cluster, nil if there is none.
func (inv *Inventory) LatestProven(cluster string) *Backup {
	return inv.first(func(b *Backup) bool { return b.of(cluster) && b.Proven() })
}

// Retained counts the good backups of a cluster.
func (inv *Inventory) Retained(cluster string) (n int) {
	for i := range inv.Backups {
		if b := &inv.Backups[i]; b.of(cluster) && b.Good() {
			n++
		}
	}
	return n
}

// Clusters are the names in all entries, sorted.
func (inv *Inventory) Clusters() []string {
	var names []string
	for _, b := range inv.Backups {
		if b.Entry != nil {
			names = append(names, b.Entry.Cluster)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (inv *Inventory) first(match func(*Backup) bool) *Backup {
	for i := range inv.Backups {
		if match(&inv.Backups[i]) {
			return &inv.Backups[i]
		}
	}
	return nil
}

// newestFirst sorts by ID. These are numbers without leading zeros, or nothing.
func newestFirst(list []Backup) {
	slices.SortFunc(list, func(a, b Backup) int {
		return cmp.Or(cmp.Compare(len(b.ID), len(a.ID)), strings.Compare(b.ID, a.ID))
	})
}
