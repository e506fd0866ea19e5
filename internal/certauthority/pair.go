package certauthority

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/lictor-dr/lictor/internal/atomicfile"
)

// certificateMode is that of certificates, which are no secret.
const certificateMode = 0o644

// A Pair is a certificate and its key, in PEM.
type Pair struct {
	Certificate, Key []byte
}

// Files are the names of the two files of a pair.
type Files struct {
	Certificate, Key string
}

// Write writes both files, or none: if one of them exists, the error wraps [fs.ErrExist] and names it; and when ctx is done before both
// are in place, neither is left. warn is that of [atomicfile.Create].
//
// The names are taken first, by empty files. Only a kill or a crash in the next moments leaves these.
func (p *Pair) Write(ctx context.Context, to Files, warn func(error)) (err error) {
	var taken []string
	defer func() {
		if err == nil {
			return
		}
		for _, path := range taken {
			if failed := os.Remove(path); failed != nil {
				err = errors.Join(err, failed)
			}
		}
	}()
	for _, path := range []string{to.Certificate, to.Key} {
		if err := take(path); err != nil {
			return err
		}
		taken = append(taken, path)
	}
	if err := atomicfile.WriteFile(ctx, to.Key, p.Key, warn); err != nil {
		return err
	}
	if err := atomicfile.WriteFile(ctx, to.Certificate, p.Certificate, warn); err != nil {
		return err
	}
	if err := os.Chmod(to.Certificate, certificateMode); err != nil && warn != nil {
		warn(fmt.Errorf("the certificate is written, but only its owner can read it: %w", err))
	}
	return nil
}

// take makes an empty file that was not there.
func take(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, atomicfile.Mode)
	switch {
	case errors.Is(err, fs.ErrExist):
		return &existsError{path}
	case err != nil:
		return err // it names the file
	}
	return f.Close()
}

type existsError struct{ path string }

func (e *existsError) Error() string { return e.path + " already exists" }
func (e *existsError) Unwrap() error { return fs.ErrExist }

// WriteNumbered writes the pair to the first pair of names, of those that name makes of 0, 1, 2 …, of which neither exists, and returns
// it. Several writers at once get different ones.
func (p *Pair) WriteNumbered(ctx context.Context, name func(n int) Files, warn func(error)) (Files, error) {
	for n := 0; ; n++ {
		to := name(n)
		err := p.Write(ctx, to, warn)
		if _, exists := err.(*existsError); !exists { // a joined error is one of cleaning up as well
			return to, err
		}
	}
}
