package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/kvarchive"
)

// copyOld copies an archive of consul-snapshot out of a store as it is, and verifies the copy before it counts. One that is encrypted is
// verified if there is a passphrase.
func (c *snapshotGet) copyOld(ctx context.Context, store blobstore.Store, name string, place backup.Place, path string) (*gotSnapshot, error) {
	body, err := blobstore.GetBelow(ctx, store, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // it was only read
	staged, err := place.Stage(ctx)
	if err != nil {
		return nil, err
	}
	got, err := c.fillOld(ctx, staged, body)
	if err == nil {
		err = staged.Commit(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.Join(err, staged.Abort()))
	}
	got.Path, got.ID, got.Proof, got.Location = path, name, oldProof, store.Location(name)
	return got, nil
}

func (c *snapshotGet) fillOld(ctx context.Context, staged backup.Staged, body io.Reader) (*gotSnapshot, error) {
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(staged, sum), body)
	if err == nil {
		err = staged.Seal()
	}
	if err != nil {
		return nil, err
	}
	got := &gotSnapshot{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}
	r, err := staged.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // it was only read
	start, whole := kvarchive.Sniff(r)
	if start.Encrypted && c.passphraseFile == "" && os.Getenv(passwordVariable) == "" {
		got.Encrypted = true
		c.warn("the archive is encrypted: without its passphrase it was not looked into")
		return got, nil
	}
	a, err := c.readOld(ctx, c.program, start, whole)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	_, err = a.Verify(ctx)
	return got, err
}

// getOld copies an archive of consul-snapshot from the first store that can give it.
func (c *snapshotGet) getOld(ctx context.Context, stores []blobstore.Store, name, path string) (got *gotSnapshot, err error) {
	err = inAny(stores, func(store blobstore.Store) (err error) {
		got, err = c.copyOld(ctx, store, name, c.place(path), path)
		return err
	})
	return got, err
}
