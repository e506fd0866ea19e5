package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/retention"
)

// ErrCollapsed says that nothing is deleted because the state has lost more than it may.
var ErrCollapsed = errors.New("nothing is deleted: the state has collapsed")

// Compared is a backup that a later one was compared with, and how much was in it.
type Compared struct {
	ID        string `json:"id"`
	Records   int64  `json:"records"`
	StateSize int64  `json:"state_size"`

	extra extra
}

type plainCompared Compared

var comparedFields = fields(reflect.TypeFor[Compared]())

// MarshalJSON writes the fields, then those it does not know.
func (c *Compared) MarshalJSON() ([]byte, error) { return join((*plainCompared)(c), c.extra) }

// UnmarshalJSON keeps the fields that it does not know.
func (c *Compared) UnmarshalJSON(data []byte) error {
	known, rest, err := split(data, comparedFields)
	if err != nil {
		return err
	}
	var p plainCompared
	if err := json.Unmarshal(known, &p); err != nil {
		return err
	}
	*c = Compared(p)
	c.extra = rest
	return nil
}

// Content is how much there is in the state of a backup.
func (e *Entry) Content() retention.Size {
	size := retention.Size{Bytes: e.StateSize}
	for _, c := range e.Census {
		size.Records += c.Count
	}
	return size
}

// A Collapse is a backup that holds much less than the one before it.
type Collapse struct {
	ID   string
	Name string // of the archive
	From Compared
	To   retention.Size
}

// String says in a line what was lost.
func (c *Collapse) String() string {
	from := retention.Size{Records: c.From.Records, Bytes: c.From.StateSize}
	return fmt.Sprintf("backup %s holds %d records in %d bytes of state, %d%% less than backup %s with %d records in %d bytes",
		c.ID, c.To.Records, c.To.Bytes, retention.Lost(from, c.To), c.From.ID, c.From.Records, c.From.StateSize)
}

// Collapse is the newest of [Inventory.Collapses], nil if there is none.
func (inv *Inventory) Collapse(cluster string, most int) *Collapse {
	if all := inv.Collapses(cluster, most); len(all) > 0 {
		return all[0]
	}
	return nil
}

// Collapses are the backups of a cluster that hold, in records or in bytes, more than most percent less than the proven backup before
// them, newest first, but for those that an operator has accepted. With 0 and with 100 percent there are none.
func (inv *Inventory) Collapses(cluster string, most int) (all []*Collapse) {
	for i := range inv.Backups {
		if c := inv.collapseOf(i, cluster, most); c != nil {
			all = append(all, c)
		}
	}
	return all
}

func (inv *Inventory) collapseOf(i int, cluster string, most int) *Collapse {
	b := &inv.Backups[i]
	if !b.of(cluster) || b.Entry.Proof == Bad || b.Entry.CollapseAccepted != nil {
		return nil
	}
	from := b.Entry.Previous
	if from == nil && !b.Entry.Rebuilt && !inv.comparedSince(i, cluster) {
		from = inv.provenBefore(i, cluster)
	}
	if from == nil || !retention.Collapsed(retention.Size{Records: from.Records, Bytes: from.StateSize}, b.Entry.Content(), most) {
		return nil
	}
	return &Collapse{ID: b.ID, Name: b.Name, From: *from, To: b.Entry.Content()}
}

// comparedSince tells whether a newer backup of a cluster was compared when it was committed. Those before it that were not, because a version
// before made them or no destination could be listed, are history: what has been deleted between them would look like a collapse.
func (inv *Inventory) comparedSince(i int, cluster string) bool {
	for j := range inv.Backups[:i] {
		if b := &inv.Backups[j]; b.of(cluster) && b.Entry.Previous != nil {
			return true
		}
	}
	return false
}

// provenBefore is the newest proven backup of a cluster that is older than one.
func (inv *Inventory) provenBefore(i int, cluster string) *Compared {
	for j := i + 1; j < len(inv.Backups); j++ {
		if b := &inv.Backups[j]; b.of(cluster) && b.Proven() {
			return b.Entry.compared()
		}
	}
	return nil
}

func (e *Entry) compared() *Compared {
	content := e.Content()
	return &Compared{ID: e.ID, Records: content.Records, StateSize: content.Bytes}
}

// Reference is what the next backup of a cluster is to be compared with: the newest proven one or, if that has collapsed and nobody has
// accepted it, what it was compared with itself. It is nil if there is no proven one.
func (inv *Inventory) Reference(cluster string, most int) *Compared {
	for i := range inv.Backups {
		if b := &inv.Backups[i]; b.of(cluster) && b.Proven() {
			if c := inv.collapseOf(i, cluster, most); c != nil {
				return &c.From
			}
			return b.Entry.compared()
		}
	}
	return nil
}

// AcceptCollapse records that an operator knows why a backup holds so much less than the one before it.
func AcceptCollapse(ctx context.Context, store blobstore.Store, archive string, at time.Time) (*Entry, error) {
	e, err := readEntry(ctx, store, archive)
	if err != nil {
		return nil, fmt.Errorf("accept the collapse of %s: %w", archive, err)
	}
	e = e.clone()
	at = at.UTC()
	e.CollapseAccepted = &at
	if err := writeEntry(ctx, store, archive, e); err != nil {
		return nil, fmt.Errorf("accept the collapse of %s: %w", archive, err)
	}
	return e, nil
}
