package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/preflight"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/retrieval"
	"github.com/lictor-dr/lictor/internal/server"
)

// listingTime is how long a store may take to tell what it has.
const listingTime = 2 * time.Minute

// origin is the cluster's record of the backup that it has begun with, as JSON.
type origin struct {
	Store    string    `json:"store"` // where the archive was
	ID       string    `json:"id"`
	Cluster  string    `json:"cluster,omitempty"` // this, and what follows, of the entry
	Index    uint64    `json:"index,omitempty"`
	SHA256   string    `json:"sha256,omitempty"`
	Proof    string    `json:"proof,omitempty"`
	Started  time.Time `json:"started"`  // the backup
	Restored time.Time `json:"restored"` // when this was read
	Server   string    `json:"server"`   // the leader
}

// firstState opens the backup that a new cluster is to begin with. Which one that is is asked anew each time: there may be one that is newer, or
// one at all.
func (a *Agent) firstState(ctx context.Context) (*server.FirstState, error) {
	c := a.config.Restore
	a.log.Info("this cluster is new: looking for the backup that it is to begin with", "store", c.From, "backup", c.Backup)
	keys, err := a.restoreKeys()
	if err != nil {
		return nil, err
	}
	store, err := blobstore.OpenURL(ctx, c.From, func(err error) { a.log.Warn(err.Error()) })
	if err != nil {
		return nil, err
	}
	first, err := a.openFirst(ctx, store, keys)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w; %s", err, a.otherWays(err)), store.Close())
	}
	return first, nil
}

// otherWays says what an operator can do who does not want to wait for a backup that is there and good.
func (a *Agent) otherWays(err error) string {
	var several *retrieval.SeveralError
	if errors.As(err, &several) {
		return "here it is -restore-cluster"
	}
	const empty = "to begin without a backup, start all servers without -restore-from"
	var bad *retrieval.NotGoodError
	if errors.As(err, &bad) && bad.Before != nil {
		return fmt.Sprintf("to begin with that, start all servers with -restore-backup=%s; %s", bad.Before.ID, empty)
	}
	return empty
}

func (a *Agent) openFirst(ctx context.Context, store blobstore.Store, keys *encryption.Keys) (*server.FirstState, error) {
	listing, cancel := context.WithTimeout(ctx, listingTime)
	defer cancel()
	inv, err := inventory.List(listing, store, nil)
	if err != nil {
		return nil, err
	}
	b, err := retrieval.Newest(inv, a.config.Restore.Backup, a.config.Restore.Cluster)
	if err != nil {
		return nil, err
	}
	if err := a.suits(b); err != nil {
		return nil, err
	}
	from := &backup.Decrypted{Source: &retrieval.Source{Store: store, Backup: b}, Keys: keys}
	if b.Entry != nil && b.Entry.Encryption != nil {
		from.Recipients = b.Entry.Encryption.Recipients
	}
	stream, err := from.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	a.log.Info("reading the backup", "id", b.ID, "taken", b.Time().UTC().Format(time.RFC3339), "age", time.Since(b.Time()).Round(time.Second),
		"bytes", b.Size)
	record, err := json.Marshal(a.originOf(store, b))
	if err != nil {
		return nil, errors.Join(err, stream.Body.Close())
	}
	return &server.FirstState{Archive: &firstArchive{ReadCloser: stream.Body, store: store}, Origin: string(record), Judge: func(err error) error {
		if !isDamage(err) {
			return err
		}
		err = retrieval.NotGood(inv, b, clusterOf(b), err)
		return fmt.Errorf("%w; %s", err, a.otherWays(err))
	}}, nil
}

// suits tells whether a backup can be this datacenter's, and warns of what is not known of it.
func (a *Agent) suits(b *inventory.Backup) error {
	e := b.Entry
	switch {
	case e == nil:
		a.log.Warn("the archive has no entry: there is nothing to compare it with", "id", b.ID)
	case e.Datacenter != "" && e.Datacenter != a.config.Datacenter:
		return fmt.Errorf("backup %s is of datacenter %q, and this is %q", b.ID, e.Datacenter, a.config.Datacenter)
	case e.Proof != inventory.Proven:
		a.log.Warn("the backup is not proven", "id", b.ID, "reason", e.Reason)
	}
	return nil
}

func clusterOf(b *inventory.Backup) string {
	if b.Entry == nil {
		return ""
	}
	return b.Entry.Cluster
}

func (a *Agent) originOf(store blobstore.Store, b *inventory.Backup) *origin {
	o := &origin{Store: store.Location(b.Name), ID: b.ID, Started: b.Time(), Restored: time.Now().UTC(), Server: a.config.NodeName}
	if e := b.Entry; e != nil {
		o.Cluster, o.Index, o.SHA256, o.Proof = e.Cluster, e.Index, e.SHA256, string(e.Proof)
	}
	return o
}

// isDamage tells whether an error says that an archive is not what it should be, and not that it could not be read.
func isDamage(err error) bool {
	for _, damage := range []error{retrieval.ErrChanged, archive.ErrCorrupt, archive.ErrNotRestorable, record.ErrCorrupt, preflight.ErrUnrestorable, encryption.ErrDamaged, os.ErrNotExist} {
		if errors.Is(err, damage) {
			return true
		}
	}
	return false
}

// restoreKeys reads what decrypts the backup. Nobody is there to be asked for a passphrase.
func (a *Agent) restoreKeys() (*encryption.Keys, error) {
	c, keys := a.config.Restore, new(encryption.Keys)
	nobody := func(string) (string, error) {
		return "", errors.New("the file is encrypted with a passphrase, and an agent can ask nobody for it")
	}
	for _, path := range c.IdentityFiles {
		warning, err := keys.AddFile(path, nobody)
		if err != nil {
			return nil, err
		}
		a.warnOf(warning)
	}
	if c.PassphraseFile == "" {
		return keys, nil
	}
	secret, warning, err := encryption.ReadPassphrase(c.PassphraseFile)
	if err != nil {
		return nil, err
	}
	a.warnOf(warning)
	return keys, keys.AddPassphrase(secret)
}

func (a *Agent) warnOf(warning string) {
	if warning != "" {
		a.log.Warn(warning)
	}
}

// firstArchive closes its store with itself.
type firstArchive struct {
	io.ReadCloser
	store blobstore.Store
}

// Close closes both.
func (f *firstArchive) Close() error { return errors.Join(f.ReadCloser.Close(), f.store.Close()) }
