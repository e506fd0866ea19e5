//go:build heavy && unix

package soak

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/record"
)

// backedUp is a new server with so many keys, whose values have around size bytes.
func backedUp(t testing.TB, keys, size int) *process {
	t.Helper()
	server := newSite(t, filepath.Join(t.TempDir(), "data")).start(t).ready(t)
	server.grow(t, keys, size)
	return server
}

// grow adds keys to a server by restoring its own snapshot with them in it: its node stays registered, so that sessions can be made at
// once.
func (p *process) grow(t testing.TB, keys, size int) {
	t.Helper()
	ctx := context.Background()
	own, err := p.save(ctx)
	if err != nil {
		t.Fatal(err)
	}
	more := &population{name: "kept"}
	index := uint64(keys + 1000)
	stream := record.AppendHeader(nil, record.Header{LastIndex: index})
	_, err = archive.Read(bytes.NewReader(own), func(_ *archive.Meta, r io.Reader) error {
		records, err := record.NewReader(r)
		if err != nil {
			return err
		}
		return records.Each(func(raw record.Raw) error {
			stream = append(append(stream, byte(raw.Type)), raw.Value...)
			return nil
		})
	})
	rng := rand.New(rand.NewPCG(uint64(keys), uint64(size)))
	for i := 0; i < keys && err == nil; i++ {
		e := keyOf(more.name, i, size, rng)
		e.Session, e.LockIndex = "", 0
		stream, err = record.Append(stream, e)
	}
	if err == nil {
		stream, err = record.Append(stream, &record.Index{Key: "kvs", Value: index})
	}
	if err != nil {
		t.Fatal(err)
	}
	more.pack(t, stream, index)
	if _, err := p.restore(ctx, more.archive); err != nil {
		t.Fatal(err)
	}
}
