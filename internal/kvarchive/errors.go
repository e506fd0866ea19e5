package kvarchive

import (
	"archive/tar"
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

var (
	// ErrCorrupt marks every error that means: these bytes are not a sound archive. Reading them again gives the same error.
	ErrCorrupt = errors.New("consul-snapshot archive is damaged")

	// ErrRead marks a failure to read the input. It says nothing about the archive.
	ErrRead = errors.New("consul-snapshot archive could not be read")

	// ErrNothingSaved marks an archive whose documents are all null: a backup of a Consul that could not be reached.
	ErrNothingSaved = errors.New("all documents of the archive are null: consul-snapshot writes this, and calls it a backup, when it " +
		"cannot reach Consul; nothing was saved, take an older archive")

	// ErrNoPassphrase marks an encrypted archive that was opened without a passphrase.
	ErrNoPassphrase = errors.New("the archive is encrypted and no passphrase is given: set CRYPTO_PASSWORD")

	// ErrWrongPassphrase marks an encrypted archive that was opened with another passphrase than it was written with.
	ErrWrongPassphrase = errors.New("the archive is encrypted with another passphrase than the one in CRYPTO_PASSWORD")
)

// A fault is damage: its text alone says what is wrong, and it is ErrCorrupt.
type fault struct{ text string }

func (f *fault) Error() string        { return f.text }
func (f *fault) Is(target error) bool { return target == ErrCorrupt }

func corrupt(format string, args ...any) error { return &fault{fmt.Sprintf(format, args...)} }

// readError is a failure of the input, marked where it enters so that it can be told from damage.
type readError struct{ err error }

func (e *readError) Error() string        { return fmt.Sprintf("read the archive: %v", e.err) }
func (e *readError) Unwrap() error        { return e.err }
func (e *readError) Is(target error) bool { return target == ErrRead }

// explain makes of an error that gzip or tar gave what it means for the archive.
func explain(err error) error {
	var (
		input *readError
		found *fault
		disk  *spoolError
		bits  flate.CorruptInputError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &input), errors.As(err, &found), errors.As(err, &disk), errors.Is(err, ErrNothingSaved):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return corrupt("the archive is cut off: it ends before its end")
	case errors.Is(err, gzip.ErrHeader):
		return corrupt("other bytes follow the end of the archive")
	case errors.Is(err, gzip.ErrChecksum), errors.As(err, &bits):
		return corrupt("the compressed bytes of the archive are damaged: %v", err)
	case errors.Is(err, tar.ErrHeader):
		return corrupt("the archive is neither a tar stream (consul-snapshot since 0.2) nor an array of keys (0.1): %v", err)
	}
	return corrupt("the archive is damaged: %v", err)
}
