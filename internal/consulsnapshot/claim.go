package consulsnapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lictor-dr/lictor/internal/clock"
)

// A claim keeps the name of one second for one backup. It is an empty file in the scratch directory, so that processes of one host that
// back up at the same time see each other's.
type claim struct {
	file  string
	at    time.Time // whole seconds
	used  bool      // something may have the name
	clock clock.Clock
}

// claimPattern is what the files of claims are called: host and second.
const claimPattern = "lictor-consul-snapshot-%s-%d.claim"

// newClaim takes the present second, or the first one after it that is free.
func newClaim(ctx context.Context, dir, host string, c clock.Clock) (*claim, error) {
	sweepClaims(dir, host, c.Now().Wall)
	for {
		now := c.Now().Wall
		mine := &claim{at: time.Unix(now.Unix(), 0), clock: c}
		mine.file = filepath.Join(dir, fmt.Sprintf(claimPattern, host, mine.at.Unix()))
		f, err := os.OpenFile(mine.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return mine, f.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("take a name for the backup in the scratch directory (SNAPSHOT_TMP_DIR): %w", err)
		}
		if err := clock.Sleep(ctx, c, mine.left(now)); err != nil {
			return nil, fmt.Errorf("wait for a name for the backup: %w", context.Cause(ctx))
		}
	}
}

// left is how much of the second is to come.
func (c *claim) left(now time.Time) time.Duration { return c.at.Add(time.Second).Sub(now) }

// release gives the name up. One that is used it keeps until its second is over: the next backup would have the same one.
func (c *claim) release(ctx context.Context) error {
	if left := c.left(c.clock.Now().Wall); c.used && left > 0 && left <= time.Second {
		_ = clock.Sleep(ctx, c.clock, left) // only its end matters
	}
	if err := os.Remove(c.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("give up the name of the backup: %w", err)
	}
	return nil
}

// stale is the age of claims of killed processes.
const stale = time.Minute

// sweepClaims removes what killed processes have left. What it cannot remove harms nobody.
func sweepClaims(dir, host string, now time.Time) {
	left, _ := filepath.Glob(filepath.Join(dir, fmt.Sprintf("lictor-consul-snapshot-%s-*.claim", host)))
	for _, file := range left {
		if info, err := os.Lstat(file); err == nil && now.Sub(info.ModTime()) > stale {
			_ = os.Remove(file)
		}
	}
}
