package snapshotagent

import (
	"fmt"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/diskspace"
)

// spaceMargin is what is to be left beside the next backup: a quarter of it, and this, in bytes.
const spaceMargin = 1 << 20

// A spaceClaim is what the next backup takes of a file system.
type spaceClaim struct {
	what   string
	dir    string
	copies int64
	stage  Stage
}

// checkSpace refuses a run for which there is too little space, as far as the backup before tells, before the cluster is asked for anything. A
// destination without space does not keep the others from getting the backup.
func (a *Agent) checkSpace() error {
	size := a.expected()
	if size == 0 {
		return nil
	}
	destinations := a.current.Load().destinations
	scratch := spaceClaim{"the scratch directory", a.config.Scratch.Path(), 2, StageFetch} // as it came, and as it was read back
	taken := map[uint64]int64{}                                                            // bytes, by file system
	if err := scratch.check(a.space, size, taken); err != nil {
		return err
	}
	var lacking error
	full := 0
	for _, d := range destinations {
		dir := blobstore.Directory(d.Store)
		if dir == "" {
			continue
		}
		local := spaceClaim{d.name, dir, 1, StageUpload}
		if err := local.check(a.space, size, taken); err != nil {
			full, lacking = full+1, err
			a.log.Warn("a destination is short of space", "destination", d.name, "error", err)
		}
	}
	if full < len(destinations) {
		return nil
	}
	return lacking
}

// check adds a claim to those on the same file system, and tells whether there is space for all.
func (c spaceClaim) check(of func(string) (diskspace.Space, bool), size int64, taken map[uint64]int64) error {
	space, ok := of(c.dir)
	if !ok {
		return nil
	}
	taken[space.System] += c.copies * size
	need := taken[space.System]
	need += need/4 + spaceMargin
	if uint64(need) <= space.Free {
		return nil
	}
	return at(c.stage, fmt.Errorf("no space left on device for the next backup in %s, %s: %s are free, and it needs %s there, "+
		"by the size of the last one, %s; the cluster was not asked", c.what, c.dir, mebibytes(int64(space.Free)), mebibytes(need), mebibytes(size)))
}

// expected is the size of the last backup, in bytes, 0 if there is none.
func (a *Agent) expected() int64 {
	status := a.board.read()
	id, size := status.LastID, status.Size
	for _, d := range a.current.Load().destinations {
		inv := d.last()
		if inv == nil {
			continue
		}
		if b := inv.Latest(a.named()); b != nil && later(id, b.ID) == b.ID && b.ID != id {
			id, size = b.ID, b.Size
		}
	}
	return size
}

// mebibytes shows a number of bytes.
func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
