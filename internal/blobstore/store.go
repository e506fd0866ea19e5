package blobstore

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrNotFound is the error for an object that is not there.
var ErrNotFound = errors.New("no such object")

// An Object is what a listing tells of one.
type Object struct {
	Name     string
	Size     int64 // bytes
	Modified time.Time
}

// A Store keeps objects under flat names. It is safe for concurrent use.
type Store interface {
	// Put stores what r gives under name, whole or not at all; an object of that name is replaced. size is the length of r, in bytes.
	Put(ctx context.Context, name string, r io.Reader, size int64) error
	// Get opens an object. The error is an [ErrNotFound] if there is none.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// List returns all objects, sorted by name.
	List(ctx context.Context) ([]Object, error)
	// Delete removes an object. It is no error if there is none.
	Delete(ctx context.Context, name string) error
	// Location is where an object of that name is, for people: a path or a URL, without secrets.
	Location(name string) string
	// String describes the store as the banner of the snapshot agent does.
	String() string
	// Close frees what the store holds.
	Close() error
}
