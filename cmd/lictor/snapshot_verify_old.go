package main

import (
	"context"
	"errors"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/kvarchive"
)

// errOldDrill refuses what cannot be done.
var errOldDrill = errors.New("-drill rebuilds snapshots, and this is an archive of consul-snapshot, which holds no more than a part of a state; " +
	"without -drill it is verified")

// oldInFile verifies a file if it is an archive of consul-snapshot, and is nil if it is none. looks says then what it is, if nothing reads
// it.
func (c *snapshotVerify) oldInFile(ctx context.Context, name string) (v *verified, looks string, err error) {
	a, looks, err := c.openOld(ctx, c.program, name)
	if a == nil && err == nil {
		return nil, looks, nil
	}
	v, err = c.oldOutcome(ctx, name, a, err)
	return v, "", err
}

// oldInStore verifies an object that is named as one.
func (c *snapshotVerify) oldInStore(ctx context.Context, store blobstore.Store, name string) (*verified, error) {
	body, err := blobstore.GetBelow(ctx, store, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // it was only read
	a, err := c.readOldObject(ctx, c.program, body)
	v, err := c.oldOutcome(ctx, store.Location(name), a, err)
	if v != nil {
		v.ID = name
	}
	return v, err
}

// oldOutcome reads every entry of an archive that was opened with an error, or without.
func (c *snapshotVerify) oldOutcome(ctx context.Context, name string, a *kvarchive.Archive, err error) (*verified, error) {
	var s *oldSurvey
	if err == nil {
		defer a.Close()
		if c.drill {
			return nil, errOldDrill
		}
		s, err = survey(ctx, a)
	}
	v := &verified{Name: name, Format: "consul-snapshot"}
	switch {
	case err != nil && ctx.Err() == nil && isDamage(err):
		v.Reason = err.Error()
		return v, nil
	case err != nil:
		return nil, err
	}
	v.Sound, v.Encrypted, v.Warn = true, a.Encrypted, s.warnings
	v.Bytes, v.SHA256 = a.Size, a.SHA256
	v.Version, v.Started, v.Contents, v.Unprovable = a.Version, headOf(a).Started, s.contents(a), unprovable(a)
	v.Records = int64(s.Keys + s.Queries + s.LegacyACLs + s.Tokens + s.Policies + s.Roles)
	return v, nil
}

// tellOld says of a sound archive of consul-snapshot how far it can be trusted.
func (c *snapshotVerify) tellOld(v *verified) {
	when := ""
	if v.Started != nil {
		when = " of " + stampOf(*v.Started)
	}
	c.say("sound     %s: %s; %s %s%s", printable(v.Name), v.Contents, v.Format, printable(v.Version), when)
	for _, what := range v.Unprovable {
		c.say("          cannot be proven: %s", what)
	}
}
