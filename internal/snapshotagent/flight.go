package snapshotagent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// errOverlap says that a run was to begin while another one, or the catching up of a destination, had not ended.
var errOverlap = errors.New("another run of this agent has not ended")

// errClaimed says that a local destination is in use.
var errClaimed = errors.New("another process is taking a snapshot into this directory; try again when it is done")

// claimPatience is how long an agent waits for another process to be done with a local destination. In one-shot mode it does not wait.
const claimPatience = time.Minute

// claim locks the local destinations against runs of other processes, and returns what ends that, which is never nil. File systems without
// locks are not locked.
func (a *Agent) claim(ctx context.Context, term Term) (release func(), err error) {
	var held []*flock.Flock
	release = func() {
		for _, l := range held {
			if err := l.Close(); err != nil {
				a.log.Warn("a lock stays behind until the end of the process", "error", err)
			}
		}
	}
	began := a.clock.Now()
	for _, d := range a.current.Load().destinations {
		dir := blobstore.Directory(d.Store)
		if dir == "" {
			continue
		}
		lock := flock.New(dir, flock.SetFlag(os.O_RDONLY))
		for {
			free, err := lock.TryLock()
			if free || err != nil { // who cannot lock goes on: the store itself says what is wrong with it
				held = append(held, lock)
				break
			}
			if term == nil || a.clock.Now().Since(began) >= claimPatience {
				return release, at(StageUpload, fmt.Errorf("%s: %w", d.name, errClaimed))
			}
			if err := clock.Sleep(ctx, a.clock, time.Second); err != nil {
				return release, at(StageUpload, err)
			}
		}
	}
	return release, nil
}

// recently is how old an archive without an entry may be that somebody may be uploading still.
const recently = 10 * time.Minute

// warnOfOthers tells, in one-shot mode, who else may be taking snapshots into the same destinations. Directories are locked on top of that.
func (a *Agent) warnOfOthers(ctx context.Context) {
	if a.config.Rival != nil {
		if who := a.config.Rival(ctx); who != "" {
			a.log.Warn("another agent takes snapshots as well, and deletes by its own configuration", "agent", who)
		}
	}
	for _, d := range a.current.Load().destinations {
		inv := d.last()
		if inv == nil {
			continue
		}
		for _, b := range inv.Backups {
			if age := a.now().Sub(inventory.IDTime(b.ID)); b.Foreign() && age >= 0 && age < recently {
				a.log.Warn("another process may be uploading into the same destination, or was killed while it did", "destination", d.name,
					"archive", b.Name, "begun", age.Round(time.Second).String()+" ago")
			}
		}
	}
}
