package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lictor-dr/lictor/internal/backup"
)

// A Snapshot is an archive that can be read more than once.
type Snapshot struct {
	file interface {
		io.ReadSeekCloser
		Stat() (os.FileInfo, error)
	}
}

// Open opens the file at path. What can be read only once, such as a named pipe, is copied to a private temporary file first. An error
// of opening itself is that of os.Open.
func Open(ctx context.Context, path string, progress backup.Progress) (*Snapshot, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if info.Mode().IsRegular() || info.IsDir() { // reading says what is wrong with a directory
		return &Snapshot{f}, nil
	}
	s, err := Spool(ctx, f, progress)
	return s, errors.Join(err, f.Close())
}

// Spool copies a stream to a private temporary file.
func Spool(ctx context.Context, r io.Reader, progress backup.Progress) (*Snapshot, error) {
	spool, err := backup.NewSpool()
	if err != nil {
		return nil, err
	}
	bar := progress.Start("Reading", -1)
	defer bar.Close()
	if _, err := io.Copy(spool, io.TeeReader(&cancelReader{ctx, r}, bar)); err != nil {
		return nil, errors.Join(fmt.Errorf("copy the snapshot to a temporary file: %w", err), spool.Close())
	}
	return &Snapshot{spool}, nil
}

// Close closes the file.
func (s *Snapshot) Close() error { return s.file.Close() }

// Rewind returns the archive from its start.
func (s *Snapshot) Rewind() (io.Reader, error) {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return s.file, nil
}

// size is the length of the file as far as it is known, for a progress bar.
func (s *Snapshot) size() int64 {
	info, err := s.file.Stat()
	if err != nil {
		return -1
	}
	return info.Size()
}

// cancelReader fails once its context is done.
type cancelReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelReader) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
