package main

import (
	"context"
	"hash"
	"io"
	"os"

	"github.com/lictor-dr/lictor/internal/backup"
)

// digested measures what is read.
type digested struct {
	io.Reader
	sum  hash.Hash
	size int64
}

// Read reads on.
func (d *digested) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	d.sum.Write(p[:n])
	d.size += int64(n)
	return n, err
}

// readCloser reads one thing and closes another.
type readCloser struct {
	io.Reader
	io.Closer
}

// fileSource is an archive in a file, or on standard input.
type fileSource struct {
	path string
	in   io.Reader
}

// Snapshot opens it.
func (s *fileSource) Snapshot(context.Context) (*backup.Stream, error) {
	if s.path == "-" {
		return &backup.Stream{Body: io.NopCloser(s.in)}, nil
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	return &backup.Stream{Body: f}, nil
}
