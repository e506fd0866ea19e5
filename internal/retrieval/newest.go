package retrieval

import (
	"fmt"
	"time"

	"github.com/lictor-dr/lictor/internal/inventory"
)

// A NotGoodError says that a backup cannot be taken, and which one could be in its place. Nobody takes that silently.
type NotGoodError struct {
	ID     string
	Time   time.Time
	Err    error             // what is wrong with it
	Before *inventory.Backup // the newest good one before it; nil if there is none
}

func (e *NotGoodError) Error() string {
	text := fmt.Sprintf("backup %s of %s: %s", e.ID, e.Time.UTC().Format(time.RFC3339), e.Err)
	if e.Before == nil {
		return text + "; there is no good one before it"
	}
	return fmt.Sprintf("%s; the good one before it is %s of %s, %s", text, e.Before.ID, e.Before.Time().UTC().Format(time.RFC3339), e.Before.Entry.Proof)
}

// Unwrap gives what is wrong.
func (e *NotGoodError) Unwrap() error { return e.Err }

// Newest returns the backup with an ID, or for [Latest] the newest one of a cluster, whatever is known of it: one that is bad, lost or has an
// entry that cannot be read is a *[NotGoodError], where [Find] takes the one before it. An agent asks for it, at whom nobody looks. The cluster may be empty if the store has
// backups of one only. An archive without an entry is nobody's: it is taken by its ID only.
func Newest(inv *inventory.Inventory, idOrLatest, cluster string) (*inventory.Backup, error) {
	cluster, err := oneOf(inv, cluster)
	if err != nil {
		return nil, err
	}
	b := candidate(inv, idOrLatest, cluster)
	switch {
	case b == nil && idOrLatest == Latest:
		return nil, noGood(cluster)
	case b == nil:
		return nil, notThere(inv, idOrLatest)
	}
	if fault := faultOf(b); fault != nil {
		return nil, NotGood(inv, b, cluster, fault)
	}
	return b, nil
}

// NotGood is the error of a backup of a cluster that was found not to be good.
func NotGood(inv *inventory.Inventory, b *inventory.Backup, cluster string, fault error) error {
	e := &NotGoodError{ID: b.ID, Time: b.Time(), Err: fault}
	for _, older := range good(inv, cluster) { // newest first
		if byID(older, b) < 0 {
			e.Before = older
			break
		}
	}
	return e
}

// candidate is the backup that is asked for, good or not. What was set aside as bad counts, and so does an entry that cannot be read: it may
// be this cluster's.
func candidate(inv *inventory.Inventory, idOrLatest, cluster string) *inventory.Backup {
	var newest *inventory.Backup
	for _, list := range [][]inventory.Backup{inv.Backups, inv.Bad} {
		for i := range list {
			b := &list[i]
			if b.Foreign() && idOrLatest != b.ID || b.Entry != nil && b.Entry.Cluster != cluster {
				continue
			}
			if idOrLatest == b.ID {
				return b
			}
			if newest == nil || byID(b, newest) > 0 {
				newest = b
			}
		}
	}
	if idOrLatest != Latest {
		return nil
	}
	return newest
}

// faultOf tells why a backup is not good; nil if it is.
func faultOf(b *inventory.Backup) error {
	switch {
	case b.Good() || b.Foreign():
		return nil
	case b.EntryError != nil:
		return fmt.Errorf("its entry cannot be used: %w", b.EntryError)
	case b.Entry.Proof == inventory.Bad:
		return fmt.Errorf("it is bad: %s", b.Entry.Reason)
	case !b.Archive:
		return fmt.Errorf("its archive is gone")
	}
	return fmt.Errorf("its archive has %d bytes, and its entry says %d", b.Size, b.Entry.Size)
}
