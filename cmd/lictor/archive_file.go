package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/kvarchive"
)

// readArchive reads a snapshot from its start to its end.
type readArchive func(archive.StateFunc) (*archive.Result, error)

// An openedFile is a snapshot, or an archive of consul-snapshot.
type openedFile struct {
	read  readArchive
	old   *kvarchive.Archive // nil for a snapshot
	close func() error
}

// openArchive opens a file, or copies standard input, or what is encrypted, to a private temporary one.
func (k *keyFlags) openArchive(ctx context.Context, p *program, path string) (*openedFile, error) {
	old, looks, err := k.openOld(ctx, p, path)
	if err != nil {
		return nil, err
	}
	if old != nil {
		return &openedFile{old: old, close: old.Close}, nil
	}
	read, stop, err := k.openSnapshot(p, path)
	if err != nil {
		return nil, err
	}
	explained := func(state archive.StateFunc) (*archive.Result, error) {
		result, err := read(state)
		return result, unreadable(err, looks)
	}
	return &openedFile{read: explained, close: stop}, nil
}

func (k *keyFlags) openSnapshot(p *program, path string) (readArchive, func() error, error) {
	encrypted, in := false, p.in
	if path == "-" {
		encrypted, in = encryption.Sniff(p.in)
	}
	var spool *backup.Spool
	var err error
	switch {
	case encrypted:
		spool, err = k.decrypt(p, in)
	case path == "-":
		if spool, err = spooled(in); err != nil {
			return nil, nil, fmt.Errorf("copy standard input to a temporary file: %w", err)
		}
	case isEncryptedFile(path):
		spool, err = k.decryptFile(p, path)
	default:
		file, err := archive.OpenFile(path)
		if err != nil {
			return nil, nil, err
		}
		return file.Read, file.Close, nil
	}
	if err != nil {
		return nil, nil, &sealedError{err}
	}
	return readSpool(spool), spool.Close, nil
}

// sealedError says why a snapshot could not be decrypted.
type sealedError struct{ err error }

func (e *sealedError) Error() string { return e.err.Error() }
func (e *sealedError) Unwrap() error { return e.err }

// readSpool reads an archive in a spool from its start, each time.
func readSpool(spool *backup.Spool) readArchive {
	return func(state archive.StateFunc) (*archive.Result, error) {
		if _, err := spool.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		return archive.Read(spool, state)
	}
}

// spooled copies a stream to a private temporary file.
func spooled(from io.Reader) (*backup.Spool, error) {
	spool, err := backup.NewSpool()
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(spool, from); err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	return spool, nil
}
