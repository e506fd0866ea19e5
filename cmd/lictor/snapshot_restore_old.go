package main

import (
	"context"
	"fmt"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/kvarchive"
)

// fromOld brings back what an archive of consul-snapshot holds. It holds a part of a state, so that it is not sent as a snapshot is, which
// replaces the whole: its objects are brought back one by one.
func (c *snapshotRestore) fromOld(ctx context.Context, old *kvarchive.Archive, name string) int {
	s, err := survey(ctx, old)
	if err != nil {
		return c.refuse(fmt.Errorf("%s: %w", name, interrupted(ctx, err)))
	}
	c.tell("%s: %s; %s", printable(name), s.contents(old), oldKind(old))
	for _, warning := range s.warnings {
		c.note("%s", warning)
	}
	return c.bringBack(ctx, old.Source(ctx), name)
}

// bringBack plans what to change in the live datacenter so that it has what a source has, and applies it.
func (c *snapshotRestore) bringBack(_ context.Context, _ digest.Source, name string) int {
	return c.refuse(fmt.Errorf("%s is an archive of consul-snapshot, which holds a part of a state: `%s snapshot diff %s dc:` tells what it would "+
		"change; nothing was sent", printable(name), c.name, shellWord(name)))
}
