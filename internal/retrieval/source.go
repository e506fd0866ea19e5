package retrieval

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// ErrChanged says that an archive is not the one that was committed.
var ErrChanged = errors.New("the archive is not the one that was committed")

// Source gives a backup out of a store as if it came from a cluster.
type Source struct {
	Store  blobstore.Store
	Backup *inventory.Backup
}

// Snapshot opens the archive. Its end is an error that wraps [ErrChanged] if the bytes were not those of the entry. Without an entry
// there is nothing to compare with.
func (s *Source) Snapshot(ctx context.Context) (*backup.Stream, error) {
	body, err := s.Store.Get(ctx, s.Backup.Name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.Store.Location(s.Backup.Name), err)
	}
	stream := &backup.Stream{Body: body, KnownLeader: true}
	if e := s.Backup.Entry; e != nil {
		stream.Index = e.Index
		stream.Body = &compared{ReadCloser: body, sum: sha256.New(), want: e, location: s.Store.Location(s.Backup.Name)}
	}
	return stream, nil
}

// compared reads an archive and compares it with its entry at its end.
type compared struct {
	io.ReadCloser
	sum      hash.Hash
	size     int64
	want     *inventory.Entry
	location string
}

// Read reads on.
func (c *compared) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.sum.Write(p[:n])
	c.size += int64(n)
	if err != io.EOF {
		return n, err
	}
	if got := hex.EncodeToString(c.sum.Sum(nil)); got != c.want.SHA256 || c.size != c.want.Size {
		return n, fmt.Errorf("%w: %s has %d bytes with SHA-256 %s, its entry says %d with %s", ErrChanged, c.location, c.size, got, c.want.Size,
			c.want.SHA256)
	}
	return n, io.EOF
}
