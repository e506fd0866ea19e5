package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inspect"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/restore"
	"github.com/lictor-dr/lictor/internal/retrieval"
)

// What begins a side that is no file.
const (
	storePrefix      = "store:"
	datacenterPrefix = "dc:"
)

// A diffSide is one of two states that are compared.
type diffSide struct {
	name  string // for people
	index uint64 // once it has been read
	read  readArchive
	close func() error
}

// stop gives up what the side holds. It was only read.
func (s *diffSide) stop() { _ = s.close() }

// records shows the records, and ends with an error unless the snapshot is sound to its end.
func (s *diffSide) records(visit func(record.Raw) error) error {
	result, err := s.read(func(_ *archive.Meta, state io.Reader) error { return digest.Walk(state, visit) })
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, inspect.Explain(err))
	}
	s.index = result.Meta.Index
	return nil
}

// side opens one side.
func (c *snapshotDiff) side(ctx context.Context, arg string) (*diffSide, error) {
	if id, ok := strings.CutPrefix(arg, storePrefix); ok {
		return c.fromStore(ctx, id)
	}
	if name, ok := strings.CutPrefix(arg, datacenterPrefix); ok {
		return c.fromDatacenter(ctx, arg, name)
	}
	read, stop, err := c.openArchive(c.program, arg)
	if err != nil {
		return nil, err
	}
	return &diffSide{name: arg, read: read, close: stop}, nil
}

// fromDatacenter takes a snapshot of a datacenter, into a private temporary file.
func (c *snapshotDiff) fromDatacenter(ctx context.Context, arg, name string) (*diffSide, error) {
	to := c.connection
	to.datacenter = name
	client, err := to.client(c.program)
	if err != nil {
		return nil, err
	}
	stream, err := (&backup.Cluster{Client: client, Stale: c.stale}).Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("take a snapshot: %w%s", err, c.advice(err))
	}
	defer func() { _ = stream.Body.Close() }() // all of it was read, or it does not matter
	spool, err := spooled(stream.Body)
	if err != nil {
		return nil, fmt.Errorf("take a snapshot: %w", err)
	}
	return &diffSide{name: arg, read: readSpool(spool), close: spool.Close}, nil
}

// advice is what to do about a datacenter that gives no snapshot.
func (c *snapshotDiff) advice(err error) string {
	switch {
	case restore.Denied(err):
		return "; the token may not take one: name one with acl:write, by -token-file, -token or CONSUL_HTTP_TOKEN"
	case restore.NoLeader(err) && !c.stale:
		return "; -stale takes one from a server that may lag behind"
	}
	return ""
}

// fromStore copies a snapshot out of the stores, from the first that can give it.
func (c *snapshotDiff) fromStore(ctx context.Context, id string) (*diffSide, error) {
	if id == "" {
		return nil, errors.New("which one of the store is meant is missing: store:ID or store:latest")
	}
	copies, err := c.find(ctx, id)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, source := range copies.Sources {
		location := source.Store.Location(source.Backup.Name)
		spool, err := c.copy(ctx, source)
		if err == nil {
			return &diffSide{name: location, read: readSpool(spool), close: spool.Close}, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", location, err))
		if i+1 < len(copies.Sources) && ctx.Err() == nil {
			c.warn("%s; the next store is tried", errs[i])
		}
	}
	return nil, errors.Join(errs...)
}

// find finds a snapshot in the stores, which are opened once.
func (c *snapshotDiff) find(ctx context.Context, id string) (*retrieval.Copies, error) {
	if c.stores == nil {
		stores, err := c.storeFlags.open(ctx, c.program)
		if err != nil {
			return nil, err
		}
		c.stores = stores
	}
	if retrieval.IsSafetyName(id) {
		return retrieval.FindSafety(ctx, c.stores, id)
	}
	copies, err := retrieval.FindCopies(ctx, c.stores, id, c.cluster)
	if err != nil {
		return nil, err
	}
	for _, err := range copies.Unlisted {
		c.warn("%s", err)
	}
	return copies, nil
}

// copy copies a snapshot to a private temporary file, decrypted. Its end tells whether it is what was committed.
func (c *snapshotDiff) copy(ctx context.Context, source *retrieval.Source) (*backup.Spool, error) {
	stream, err := source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Body.Close() }() // it was only read
	encrypted, body := encryption.Sniff(stream.Body)
	if !encrypted {
		return spooled(body)
	}
	spool, err := c.decrypt(c.program, body)
	if err != nil {
		return nil, encryption.For(err, recipientsOf(source.Backup))
	}
	return spool, nil
}
