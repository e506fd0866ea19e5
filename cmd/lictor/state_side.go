package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inspect"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/restore"
	"github.com/lictor-dr/lictor/internal/retrieval"
)

// What begins a side that is no file.
const (
	storePrefix      = "store:"
	datacenterPrefix = "dc:"
)

// stateFlags say where states come from: files, stores and datacenters.
type stateFlags struct {
	connection
	storeFlags
	keyFlags

	stores []blobstore.Store // once a side needed them
}

// groups are the options for states that need not be files.
func (s *stateFlags) groups() []optionGroup {
	return []optionGroup{
		options("HTTP API Options", func(fs *flag.FlagSet) {
			s.clientFlags.define(fs)
			fs.BoolVar(&s.stale, "stale", false, "Let any server answer for a datacenter, also without a leader. The answer may be old.")
		}),
		options("Store Options", s.storeFlags.define), options("Decryption Options", s.keyFlags.defineOld),
	}
}

// misused tells of options that no side needs.
func (s *stateFlags) misused(args []string) error {
	stored := slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, storePrefix) })
	live := slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, datacenterPrefix) })
	switch {
	case slices.Contains(args, ""):
		return errors.New("the name of a file is empty")
	case s.storeFlags.given() && !stored:
		return errors.New("a store is named, and no argument is in it: a snapshot in a store is store:ID or store:latest")
	case s.stale && !live:
		return errors.New("-stale is for a datacenter, and no argument is one: dc: or dc:NAME")
	}
	return nil
}

// A stateSide is a state that a command reads.
type stateSide struct {
	name    string // for people
	index   uint64 // once it has been read; 0 for an archive of consul-snapshot
	records digest.Source
	old     *kvarchive.Archive // nil for a snapshot
	close   func() error
}

// stop gives up what the side holds. It was only read.
func (s *stateSide) stop() { _ = s.close() }

// version says of when the state is.
func (s *stateSide) version() string {
	if s.old != nil {
		return oldKind(s.old)
	}
	return fmt.Sprintf("index %d", s.index)
}

// warn tells what an archive of consul-snapshot lacks.
func (s *stateSide) warn(ctx context.Context, p *program) error {
	if s.old == nil {
		return nil
	}
	warnings, err := oldWarnings(ctx, s.old)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	for _, warning := range warnings {
		p.warn("%s: %s", printable(s.name), warning)
	}
	return nil
}

// snapshotSide is a snapshot. Its records end with an error unless it is sound to its end.
func snapshotSide(name string, read readArchive, stop func() error) *stateSide {
	s := &stateSide{name: name, close: stop}
	s.records = func(visit func(record.Raw) error) error {
		result, err := read(func(_ *archive.Meta, state io.Reader) error { return digest.Walk(state, visit) })
		if err != nil {
			return fmt.Errorf("%s: %w", name, inspect.Explain(err))
		}
		s.index = result.Meta.Index
		return nil
	}
	return s
}

// oldSide is an archive of consul-snapshot.
func oldSide(ctx context.Context, name string, old *kvarchive.Archive) *stateSide {
	source := old.Source(ctx)
	return &stateSide{name: name, old: old, close: old.Close, records: func(visit func(record.Raw) error) error {
		if err := source(visit); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}}
}

// side opens a state.
func (c *stateFlags) side(ctx context.Context, p *program, arg string) (*stateSide, error) {
	if id, ok := strings.CutPrefix(arg, storePrefix); ok {
		return c.fromStore(ctx, p, id)
	}
	if name, ok := strings.CutPrefix(arg, datacenterPrefix); ok {
		return c.fromDatacenter(ctx, p, arg, name)
	}
	file, err := c.openArchive(ctx, p, arg)
	if err != nil {
		return nil, err
	}
	if file.old != nil {
		return oldSide(ctx, arg, file.old), nil
	}
	return snapshotSide(arg, file.read, file.close), nil
}

// fromDatacenter takes a snapshot of a datacenter, into a private temporary file.
func (c *stateFlags) fromDatacenter(ctx context.Context, p *program, arg, name string) (*stateSide, error) {
	to := c.connection
	to.datacenter = name
	client, err := to.client(p)
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
	return snapshotSide(arg, readSpool(spool), spool.Close), nil
}

// advice is what to do about a datacenter that gives no snapshot.
func (c *stateFlags) advice(err error) string {
	switch {
	case restore.Denied(err):
		return "; the token may not take one: name one with acl:write, by -token-file, -token or CONSUL_HTTP_TOKEN"
	case restore.NoLeader(err) && !c.stale:
		return "; -stale takes one from a server that may lag behind"
	}
	return ""
}

// fromStore copies a snapshot out of the stores, from the first that can give it.
func (c *stateFlags) fromStore(ctx context.Context, p *program, id string) (*stateSide, error) {
	if id == "" {
		return nil, errors.New("which one of the store is meant is missing: store:ID or store:latest")
	}
	if isOldName(id) {
		return c.fromOldObject(ctx, p, id)
	}
	copies, err := c.find(ctx, p, id)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, source := range copies.Sources {
		location := source.Store.Location(source.Backup.Name)
		spool, err := c.copy(ctx, p, source)
		if err == nil {
			return snapshotSide(location, readSpool(spool), spool.Close), nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", location, err))
		if i+1 < len(copies.Sources) && ctx.Err() == nil {
			p.warn("%s; the next store is tried", errs[i])
		}
	}
	return nil, errors.Join(errs...)
}

// openStores opens the stores, once.
func (c *stateFlags) openStores(ctx context.Context, p *program) (err error) {
	if c.stores == nil {
		c.stores, err = c.storeFlags.open(ctx, p)
	}
	return err
}

// fromOldObject reads an archive of consul-snapshot out of the stores.
func (c *stateFlags) fromOldObject(ctx context.Context, p *program, name string) (*stateSide, error) {
	if err := c.openStores(ctx, p); err != nil {
		return nil, err
	}
	old, location, err := c.oldFromStores(ctx, p, c.stores, name)
	if err != nil {
		return nil, err
	}
	return oldSide(ctx, location, old), nil
}

// find finds a snapshot in the stores, which are opened once.
func (c *stateFlags) find(ctx context.Context, p *program, id string) (*retrieval.Copies, error) {
	if err := c.openStores(ctx, p); err != nil {
		return nil, err
	}
	if retrieval.IsSafetyName(id) {
		return retrieval.FindSafety(ctx, c.stores, id)
	}
	copies, err := retrieval.FindCopies(ctx, c.stores, id, c.cluster)
	if err != nil {
		return nil, err
	}
	for _, err := range copies.Unlisted {
		p.warn("%s", err)
	}
	return copies, nil
}

// copy copies a snapshot to a private temporary file, decrypted. Its end tells whether it is what was committed.
func (c *stateFlags) copy(ctx context.Context, p *program, source *retrieval.Source) (*backup.Spool, error) {
	stream, err := source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Body.Close() }() // it was only read
	encrypted, body := encryption.Sniff(stream.Body)
	if !encrypted {
		return spooled(body)
	}
	spool, err := c.decrypt(p, body)
	if err != nil {
		return nil, encryption.For(err, recipientsOf(source.Backup))
	}
	return spool, nil
}
