package consulsnapshot

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/scratch"
)

// Backups makes backups of one datacenter. It is for one goroutine.
type Backups struct {
	Config    *Config
	Client    *api.Client
	Log       *Log
	Places    []Place        // see Config.Places
	Host      string         // in the names of archives; empty: the machine's
	Zone      *time.Location // of the dates in the names; nil: the machine's
	Clock     clock.Clock    // nil: the machine's
	Selection Selection
	// NoMarker leaves the marker as it is, for a backup that is not the one that /health watches over.
	NoMarker bool
}

// A Result is a backup that was kept everywhere.
type Result struct {
	Key       string // of the object, or the name of the file
	Locations []string
	Counts    kvarchive.Counts
	Size      int64 // of the archive, in bytes
	Started   time.Time
	Took      time.Duration
	OneMoment bool // it is of one native snapshot
}

func (r *Result) String() string {
	return fmt.Sprintf("%s in %d bytes: %s", inventory(r.Counts), r.Size, strings.Join(r.Locations, ", "))
}

// inventory says how much an archive holds.
func inventory(c kvarchive.Counts) string {
	text := fmt.Sprintf("%s, %s, %s", some(c.Keys, "key"), some(c.Queries, "prepared query"), some(c.LegacyACLs, "legacy ACL"))
	if c.Policies+c.Roles+c.Tokens > 0 {
		text += fmt.Sprintf(", %s, %s, %s", some(c.Policies, "ACL policy"), some(c.Roles, "role"), some(c.Tokens, "token"))
	}
	return text
}

// packed is an archive in a scratch file.
type packed struct {
	file *scratch.File
	size int64
	sum  [sha256.Size]byte
}

// Take makes one backup. guard, which may be nil, is asked right before anything is put anywhere, and before the marker is written: an
// error ends the backup. If a place fails, the others keep what they have, but the backup has failed, and there is no marker.
func (b *Backups) Take(ctx context.Context, guard func(context.Context) error) (result *Result, err error) {
	if err := b.complete(); err != nil {
		return nil, err
	}
	began := b.Clock.Now()
	dir, err := scratch.Open(b.Config.ScratchDir)
	if err != nil {
		return nil, fmt.Errorf("SNAPSHOT_TMP_DIR: %w", err)
	}
	name, err := newClaim(ctx, dir.Path(), b.Host, b.Clock)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, name.release(ctx)) }()
	w, err := kvarchive.NewWriter(dir.Path(), b.head(ctx, name.at))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	result = &Result{Key: b.key(name.at), Started: name.at}
	if result.OneMoment, err = b.fill(ctx, w); err != nil {
		return nil, err
	}
	archive, err := b.pack(ctx, dir, w)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, archive.file.Discard()) }()
	result.Counts, result.Size, name.used = w.Counts(), archive.size, true
	if err := b.keep(ctx, guard, archive, result); err != nil {
		return nil, err
	}
	result.Took = b.Clock.Now().Since(began)
	return result, nil
}

// complete fills in what stands for the machine's own.
func (b *Backups) complete() (err error) {
	if b.Clock == nil {
		b.Clock = clock.Real{}
	}
	if b.Zone == nil {
		b.Zone = time.Local
	}
	if b.Host == "" {
		if b.Host, err = os.Hostname(); err != nil {
			return fmt.Errorf("find the name of this host, which is part of the names of archives: %w", err)
		}
	}
	return nil
}

// acceptance is what the archive of ACCEPTANCE_TEST is called.
const (
	acceptance = "acceptancetest"
	extension  = ".tar.gz"
)

// key is the name of the object, or of the file.
func (b *Backups) key(at time.Time) string {
	switch at = at.In(b.Zone); {
	case b.Config.local():
		return b.directory(at) + extension
	default:
		return strings.TrimPrefix(kvarchive.ObjectKey(b.Config.Prefix, b.Host, at), "/")
	}
}

// directory is the name of the directory in the archive.
func (b *Backups) directory(at time.Time) string {
	if b.Config.Acceptance {
		return acceptance
	}
	return kvarchive.ArchiveName(b.Host, at)
}

// selfTimeout is how long the agent's name is waited for, which no backup depends on.
const selfTimeout = 5 * time.Second

// head is what the archive says of itself. The agent's name needs agent:read, and is empty without it.
func (b *Backups) head(ctx context.Context, at time.Time) kvarchive.Head {
	ctx, cancel := context.WithTimeout(ctx, selfTimeout)
	defer cancel()
	head := kvarchive.Head{Directory: b.directory(at), Started: at}
	var self struct{ Config struct{ NodeName string } }
	if _, err := b.Client.Raw().Query("/v1/agent/self", &self, new(api.QueryOptions).WithContext(ctx)); err == nil {
		head.NodeName = self.Config.NodeName
	}
	return head
}

// ErrEmpty is the error of a backup that would have no keys.
var ErrEmpty = errors.New("there is no key to back up, which most often means that the token may read none; if the store is empty " +
	"indeed, set CONSUL_SNAPSHOT_ALLOW_EMPTY=true")

// fill puts everything into the archive, and tells whether all of it is of one moment.
func (b *Backups) fill(ctx context.Context, w *kvarchive.Writer) (oneMoment bool, err error) {
	p := newPicker(&b.Selection)
	if !p.all() {
		b.Log.Warn("the backup holds nothing but %s: no prepared queries and no ACLs", &b.Selection)
	}
	oneMoment, err = b.read(ctx, w, p)
	if err != nil || b.Config.AllowEmpty {
		return oneMoment, err
	}
	if missing := p.missing(); len(missing) > 0 {
		return false, fmt.Errorf("there is not %s; if that is right, set CONSUL_SNAPSHOT_ALLOW_EMPTY=true", strings.Join(missing, " and not "))
	}
	if !p.own && p.all() {
		return false, ErrEmpty
	}
	return oneMoment, nil
}

// read takes a native snapshot, or lists what the token may read.
func (b *Backups) read(ctx context.Context, w *kvarchive.Writer, p *picker) (oneMoment bool, err error) {
	why := error(&tenant{b.Config.Tenancy})
	if b.Config.Tenancy == "" {
		elsewhere, err := snapshot(ctx, b.Client, w, p)
		if elsewhere > 0 {
			b.Log.Warn("%s of other namespaces or partitions than the default ones are NOT in the backup: the archive has no place for them",
				some(elsewhere, "object"))
		}
		if !noSnapshot(err) {
			return err == nil, err
		}
		why = err
	}
	b.Log.Warn("%s; keys are listed and read %d at a time instead: the backup is NOT of one moment, has NO ACL tokens, policies and roles, "+
		"and nothing that the token may not read", why, perTransaction)
	return false, list(ctx, b.Client, w, p, b.Log)
}

// tenant is why there is no native snapshot of a namespace or a partition of Consul Enterprise.
type tenant struct{ name string }

func (t *tenant) Error() string {
	return "a native snapshot is of all namespaces, and " + t.name + " asks for one"
}

// pack ends the archive, writes it into a scratch file, and reads that to its last entry.
func (b *Backups) pack(ctx context.Context, dir *scratch.Dir, w *kvarchive.Writer) (_ *packed, err error) {
	if err := w.Finish(b.Clock.Now().Wall); err != nil {
		return nil, err
	}
	a := new(packed)
	if a.file, err = dir.Create(); err != nil {
		return nil, err
	}
	sum := sha256.New()
	to := io.MultiWriter(a.file, sum)
	if b.Config.Passphrase != "" {
		a.size, err = w.PackSealed(ctx, to, b.Config.Passphrase)
	} else {
		a.size, err = w.Pack(ctx, to)
	}
	sum.Sum(a.sum[:0])
	if err == nil {
		err = b.prove(ctx, a, w.Counts())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write the archive: %w", err), a.file.Discard())
	}
	return a, nil
}

// prove reads an archive from its scratch file to its last entry.
func (b *Backups) prove(ctx context.Context, a *packed, want kvarchive.Counts) error {
	f, err := a.file.Reopen()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	archive, err := kvarchive.Open(ctx, f, kvarchive.Options{Passphrase: b.Config.Passphrase, ScratchDir: b.Config.ScratchDir})
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	defer func() { _ = archive.Close() }() // likewise
	got, err := archive.Verify(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read back: %w", err)
	case got != want:
		return fmt.Errorf("read back: it holds %+v, and %+v were written", got, want)
	case archive.Encrypted != (b.Config.Passphrase != ""):
		return errors.New("read back: it is not encrypted, though CRYPTO_PASSWORD is set")
	}
	return nil
}

// keep puts the archive everywhere, and writes the marker.
func (b *Backups) keep(ctx context.Context, guard func(context.Context) error, a *packed, r *Result) error {
	if guard == nil {
		guard = func(context.Context) error { return nil }
	}
	if err := guard(ctx); err != nil {
		return err
	}
	var errs []error
	for _, p := range b.Places {
		location, err := p.keep(ctx, r.Key, a, b.Log)
		if err != nil {
			errs = append(errs, fmt.Errorf("keep the archive in the %s: %w", p.Name, err))
			continue
		}
		r.Locations = append(r.Locations, location)
	}
	if err := errors.Join(errs...); err != nil || b.Config.Acceptance || b.NoMarker {
		return err
	}
	if err := guard(ctx); err != nil {
		return err
	}
	return b.mark(ctx, r.Started)
}

// mark writes the marker.
func (b *Backups) mark(ctx context.Context, at time.Time) error {
	pair := &api.KVPair{Key: MarkerKey, Value: []byte(strconv.FormatInt(at.Unix(), 10))}
	if _, err := b.Client.KV().Put(pair, new(api.WriteOptions).WithContext(ctx)); err != nil {
		return fmt.Errorf("the archive is kept, but its time could not be written to the key %s, where /health reads it: %w", MarkerKey, err)
	}
	return nil
}
