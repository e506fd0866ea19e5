package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/lictor-dr/lictor/internal/restore"
)

// checkSelective refuses what is for a restore of the whole snapshot.
func (c *snapshotRestore) checkSelective() error {
	name := ""
	switch {
	case len(c.options.AllowTypes) > 0:
		name = "-allow-types"
	case c.options.DropLegacyACL:
		name = "-drop-legacy-acl"
	case c.safetyFile != "":
		name = "-safety-file"
	case c.noSafety:
		name = "-no-safety"
	case c.recipientFlags.given():
		name = "-recipient"
	case c.compare != nil:
		name = "-compare"
	case c.tokenAfter != "" || c.tokenAfterFile != "":
		name = "-token-after"
	default:
		return nil
	}
	return fmt.Errorf("%s is for a restore of a whole snapshot: what is brought back into the datacenter as it is has its way back in the undo "+
		"file, and is always compared", name)
}

// selective brings a part of the snapshot back.
func (c *snapshotRestore) selective(args []string, target *restore.Cluster) int {
	ctx, stop := interruptible()
	defer stop()
	side, base, err := c.source(ctx, args)
	if err != nil {
		return c.refuse(interrupted(ctx, err))
	}
	defer side.stop()
	if side.old != nil {
		return c.fromOld(ctx, side, base, target)
	}
	return c.bringBack(ctx, side, base, target)
}

// fromOld brings back what an archive of consul-snapshot holds. It holds a part of a state, so that it is not sent as a snapshot is, which
// replaces the whole.
func (c *snapshotRestore) fromOld(ctx context.Context, side *stateSide, base string, target *restore.Cluster) int {
	if err := c.checkSelective(); err != nil {
		return c.refuse(fmt.Errorf("%s is an archive of consul-snapshot, which holds a part of a state: %w", printable(side.name), err))
	}
	s, err := survey(ctx, side.old)
	if err != nil {
		return c.refuse(fmt.Errorf("%s: %w", side.name, interrupted(ctx, err)))
	}
	c.tell("%s: %s; %s", printable(side.name), s.contents(side.old), oldKind(side.old))
	for _, warning := range s.warnings {
		c.warn("%s", warning)
	}
	return c.bringBack(ctx, side, base, target)
}

// bringBack plans what to change in the living datacenter so that it has what is meant of a state, and carries it out.
func (c *snapshotRestore) bringBack(ctx context.Context, side *stateSide, base string, target *restore.Cluster) int {
	run, err := c.selectiveFlags.run(c.program, target.Config, side.old, base)
	if err != nil {
		return c.refuse(err)
	}
	run.dryRun, run.json, run.piped = c.dryRun, c.format == "json", side.name == "-"
	return run.run(ctx, side.records, side.name)
}

// source opens the snapshot, and says with what the name of its undo file begins.
func (c *snapshotRestore) source(ctx context.Context, args []string) (side *stateSide, base string, err error) {
	if c.storeFlags.given() {
		return c.sourceInStores(ctx, args)
	}
	file, err := c.openArchive(ctx, c.program, args[0])
	if err != nil {
		return nil, "", err
	}
	if file.old != nil {
		return oldSide(ctx, args[0], file.old), undoBase(args[0]), nil
	}
	return snapshotSide(args[0], file.read, file.close), undoBase(args[0]), nil
}

// undoBase is with what the name of an undo file begins if the snapshot is a file.
func undoBase(file string) string {
	if file == "-" {
		return "stdin"
	}
	return file
}

// sourceInStores copies the snapshot out of the stores, from the first that can give it.
func (c *snapshotRestore) sourceInStores(ctx context.Context, args []string) (*stateSide, string, error) {
	stores, err := c.storeFlags.open(ctx, c.program)
	if err != nil {
		return nil, "", err
	}
	defer closeStores(c.program, stores)
	if name := strings.Join(args, ""); isOldName(name) {
		old, location, err := c.oldFromStores(ctx, c.program, stores, name)
		if err != nil {
			return nil, "", err
		}
		return oldSide(ctx, location, old), path.Base(name), nil
	}
	copies, err := c.choose(ctx, stores, args)
	if err != nil {
		return nil, "", err
	}
	from := &stateFlags{keyFlags: c.keyFlags}
	var errs []error
	for _, source := range copies.Sources {
		location := source.Store.Location(source.Backup.Name)
		spool, err := from.copy(ctx, c.program, source)
		if err == nil {
			return snapshotSide(location, readSpool(spool), spool.Close), source.Backup.Name, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", location, err))
	}
	return nil, "", errors.Join(errs...)
}
