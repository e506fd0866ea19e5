package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/retention"
)

// keptBad is how many bad archives of a cluster are kept.
const keptBad = 3

// Keep says what is to stay.
type Keep struct {
	Cluster   string          // whose backups may be deleted
	Retain    int             // how many good ones stay; 0 leaves it to Rules, and keeps all if these are empty
	Rules     retention.Rules // which good ones stay
	Now       time.Time       // what is later is in the future; zero: nothing is
	MaxShrink int             // percent that a state may shrink at once: more stops all deletion; 0 for any
}

// rules are all that there are.
func (k Keep) rules() retention.Rules {
	rules := k.Rules
	rules.Retain = max(rules.Retain, k.Retain)
	return rules
}

// A Decision says whether a backup stays, and why.
type Decision struct {
	Backup
	Keep bool
	Why  []string // it stays; none if it does not
}

// Plan lists what a cluster's retention deletes, oldest first: the good backups that no rule keeps, proven or not, but for the newest proven
// one, which stays in addition; whatever else is of the cluster and would not stay if it were good, such as entries without an archive
// and archives of the wrong size; and bad archives beyond the newest three. It never lists what no entry gives to the cluster. Call it only
// after a backup has succeeded, with an inventory that was taken since.
func Plan(inv *Inventory, keep Keep) (doomed []Backup) {
	for _, d := range Decide(inv, keep) {
		if !d.Keep {
			doomed = append(doomed, d.Backup)
		}
	}
	newestFirst(doomed)
	slices.Reverse(doomed)
	return doomed
}

// Decide says of everything in a store whether a cluster's retention keeps it, newest first, and what was set aside last. What [Plan] deletes
// is what does not stay. It does not ask whether the state has collapsed: see [Inventory.Collapse].
func Decide(inv *Inventory, keep Keep) (all []Decision) {
	good, why := inv.judge(keep)
	doomed := inv.spoiled(keep.Cluster)
	for _, b := range slices.Concat(inv.Backups, inv.Bad) {
		d := Decision{Backup: b}
		other := b.untouchable(keep.Cluster)
		at := slices.IndexFunc(good, func(o *Backup) bool { return o.Name == b.Name })
		switch {
		case other != "":
			d.Why = []string{other}
		case b.Entry.Proof == Bad && !slices.ContainsFunc(doomed, func(o Backup) bool { return o.Name == b.Name }):
			d.Why = []string{fmt.Sprintf("the last %d bad ones stay", keptBad)}
		case b.Entry.Proof == Bad:
		case at >= 0:
			d.Why = texts(why[at])
		case inv.wouldStay(b, good, keep):
			d.Why = []string{"not a whole backup, but one would stay"}
		}
		d.Keep = len(d.Why) > 0
		all = append(all, d)
	}
	return all
}

// untouchable tells why the retention of a cluster never deletes something, empty if it may.
func (b *Backup) untouchable(cluster string) string {
	switch {
	case b.EntryError != nil:
		return "never deleted: its entry cannot be used"
	case b.Entry == nil:
		return "never deleted: it has no entry"
	case b.Entry.Cluster != cluster || cluster == "":
		return "never deleted: it is of another cluster"
	case b.Fixed():
		return "never deleted: the next one takes its place"
	}
	return ""
}

func texts(reasons []retention.Reason) (all []string) {
	for _, r := range reasons {
		all = append(all, r.String())
	}
	return all
}

// judge applies the rules to the good backups of a cluster.
func (inv *Inventory) judge(keep Keep) (good []*Backup, why [][]retention.Reason) {
	var list []retention.Backup
	for i := range inv.Backups {
		if b := &inv.Backups[i]; b.untouchable(keep.Cluster) == "" && b.Good() {
			good, list = append(good, b), append(list, b.forRules())
		}
	}
	return good, retention.Decide(list, keep.rules(), keep.Now)
}

func (b *Backup) forRules() retention.Backup {
	return retention.Backup{ID: number(b.ID), Time: b.Time(), Proven: b.Proven()}
}

// wouldStay tells whether what is no whole backup would stay if it were one. The newest entry that claims to be proven always does: a
// listing may be stale, and its archive there.
func (inv *Inventory) wouldStay(b Backup, good []*Backup, keep Keep) bool {
	claimed := inv.first(func(o *Backup) bool { return o.of(keep.Cluster) && o.Entry.Proof == Proven })
	if claimed != nil && claimed.Name == b.Name {
		return true
	}
	var list []retention.Backup
	at := len(good)
	for i, o := range good {
		if at == len(good) && number(o.ID) < number(b.ID) {
			at = i
		}
		list = append(list, o.forRules())
	}
	list = slices.Insert(list, at, b.forRules())
	return len(retention.Decide(list, keep.rules(), keep.Now)[at]) > 0
}

// spoiled lists the bad archives of a cluster that are too many, those among them that were marked but not yet moved.
func (inv *Inventory) spoiled(cluster string) (doomed []Backup) {
	var bad []Backup
	for _, b := range slices.Concat(inv.Bad, inv.Backups) {
		if b.of(cluster) && b.Entry.Proof == Bad && !b.Fixed() {
			bad = append(bad, b)
		}
	}
	newestFirst(bad)
	kept, last := 0, ""
	for _, b := range bad {
		if b.ID != last {
			kept, last = kept+1, b.ID
		}
		if kept > keptBad {
			doomed = append(doomed, b)
		}
	}
	return doomed
}

// ErrStale says that an inventory is out of date.
var ErrStale = errors.New("the newest proven backup has changed since the inventory was taken: take it again")

// Prune deletes what [Plan] lists and returns how much of it was done when it ended or failed. Each archive is deleted before its entry.
// What has changed since the inventory was taken is left alone; if the newest proven backup has, nothing is deleted, and the error
// is an [ErrStale]. Nothing is deleted either if the store did not give out an entry that it has, or if the state has collapsed; the error
// is an [ErrCollapsed] then.
func Prune(ctx context.Context, store blobstore.Store, inv *Inventory, keep Keep) (done []Backup, err error) {
	if c := inv.Collapse(keep.Cluster, keep.MaxShrink); c != nil {
		return nil, fmt.Errorf("%w: %s", ErrCollapsed, c)
	}
	plan := Plan(inv, keep)
	if unread := inv.unread(); unread != nil && len(plan) > 0 {
		return nil, fmt.Errorf("before deleting backups, an entry could not be read: %w", unread)
	}
	if safe := inv.LatestProven(keep.Cluster); safe != nil && len(plan) > 0 {
		same, err := unchanged(ctx, store, *safe)
		if err != nil {
			return nil, fmt.Errorf("before deleting backups, read the newest proven one: %w", err)
		}
		if !same {
			return nil, fmt.Errorf("%s: %w", store.Location(safe.Name), ErrStale)
		}
	}
	return deleteAll(ctx, store, plan)
}

// unread is why an entry is not known that may be sound.
func (inv *Inventory) unread() error {
	for _, b := range inv.Backups {
		if err := b.EntryError; err != nil && !errors.Is(err, ErrEntry) && !errors.Is(err, ErrFormat) && !errors.Is(err, blobstore.ErrNotFound) {
			return err
		}
	}
	return nil
}

func deleteAll(ctx context.Context, store blobstore.Store, plan []Backup) (done []Backup, err error) {
	for _, b := range plan {
		same, err := unchanged(ctx, store, b)
		if err != nil {
			return done, fmt.Errorf("before deleting %s: %w", store.Location(b.Name), err)
		}
		if !same {
			continue
		}
		if err := deleteStrays(ctx, store, b); err != nil {
			return done, err
		}
		if err := deleteOne(ctx, store, b.Name); err != nil {
			return done, err
		}
		done = append(done, b)
	}
	return done, nil
}

// entryTimeout is how long the entry of a deleted archive may take to be deleted too, although the caller's time is over.
const entryTimeout = 10 * time.Second

// deleteOne deletes an archive and its entry: both or, unless something fails, none.
func deleteOne(ctx context.Context, store blobstore.Store, archive string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := store.Delete(ctx, archive); err != nil {
		return fmt.Errorf("delete %s: %w", store.Location(archive), err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), entryTimeout)
	defer cancel()
	entry := EntryName(archive)
	if err := store.Delete(ctx, entry); err != nil {
		return fmt.Errorf("delete %s: %w", store.Location(entry), err)
	}
	return nil
}

// unchanged tells whether the entry still says what the plan relied on.
func unchanged(ctx context.Context, store blobstore.Store, b Backup) (bool, error) {
	e, err := readNamed(ctx, store, EntryName(b.Name))
	if errors.Is(err, blobstore.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return sameBackup(b.Entry, e), nil
}

// sameBackup tells whether two entries, of which the first may be nil, are about the same archive and think the same of it.
func sameBackup(a, b *Entry) bool {
	return a != nil && a.Name == b.Name && a.Cluster == b.Cluster && a.Proof == b.Proof && a.SHA256 == b.SHA256
}
