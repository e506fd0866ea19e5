package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// What the names of scratch files and directories are like.
const (
	pattern    = "lictor-scratch-*.snap"
	dirPattern = "lictor-scratch-*.d"
	lockName   = ".lock" // in a directory
)

// A Dir is a directory for scratch files.
type Dir struct{ path string }

// Open opens the directory at path, the system's temporary directory if it is empty, and removes what killed processes have left. The
// directory must exist.
func Open(path string) (*Dir, error) {
	if path == "" {
		path = os.TempDir()
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("scratch directory: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("scratch directory: %s is not a directory", path)
	}
	d := &Dir{path}
	return d, d.sweep()
}

// Path is the directory's path.
func (d *Dir) Path() string { return d.path }

// sweep removes the files that nobody holds.
func (d *Dir) sweep() error {
	left, err := filepath.Glob(filepath.Join(d.path, pattern))
	if err != nil {
		return fmt.Errorf("sweep scratch directory: %w", err)
	}
	dirs, err := filepath.Glob(filepath.Join(d.path, dirPattern))
	if err != nil {
		return fmt.Errorf("sweep scratch directory: %w", err)
	}
	var errs []error
	for _, path := range left {
		errs = append(errs, unlessHeld(path, func() error { return remove(path) }))
	}
	for _, path := range dirs {
		errs = append(errs, unlessHeld(filepath.Join(path, lockName), func() error { return os.RemoveAll(path) }))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sweep scratch directory: %w", err)
	}
	return nil
}

// unlessHeld calls fn if nobody holds the lock on a file.
func unlessHeld(path string, fn func() error) error {
	lock := flock.New(path, flock.SetFlag(os.O_RDWR)) // does not make a file that is gone
	held, err := lock.TryLock()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || err == nil && !held {
		return nil // gone, another user's, or in use
	}
	if err == nil {
		err = fn()
	}
	return errors.Join(err, lock.Close())
}

// A Place is a scratch directory that is held, for what makes files of its own.
type Place struct {
	Path string
	lock *flock.Flock
}

// CreateDir makes an empty directory, mode 0700, and holds it until it is discarded.
func (d *Dir) CreateDir() (*Place, error) {
	path, err := os.MkdirTemp(d.path, dirPattern)
	if err != nil {
		return nil, fmt.Errorf("make scratch directory: %w", err)
	}
	p := &Place{path, flock.New(filepath.Join(path, lockName), flock.SetPermissions(0o600))}
	held, err := p.lock.TryLock() // a directory without the file is not swept
	if err == nil && !held {
		err = errors.New("somebody else holds it")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock scratch directory: %w", err), p.Discard())
	}
	return p, nil
}

// Discard removes the directory and all that is in it.
func (p *Place) Discard() error { return errors.Join(os.RemoveAll(p.Path), p.lock.Close()) }

// A File is a scratch file that is held. It is for one goroutine.
type File struct {
	*os.File
	lock *flock.Flock
}

// Create makes an empty file, and holds it until it is discarded.
func (d *Dir) Create() (*File, error) {
	for {
		f, err := os.CreateTemp(d.path, pattern) // mode 0600
		if err != nil {
			return nil, fmt.Errorf("make scratch file: %w", err)
		}
		s := &File{f, flock.New(f.Name(), flock.SetFlag(os.O_RDWR))}
		held, err := s.lock.TryLock()
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, errors.Join(fmt.Errorf("lock scratch file: %w", err), s.Discard())
		case err == nil && held && s.there():
			return s, nil
		}
		s.lock.Close() // somebody swept the file before it was held
		f.Close()
	}
}

// there tells whether the file is still under its name.
func (f *File) there() bool {
	named, err := os.Stat(f.Name())
	if err != nil {
		return false
	}
	open, err := f.Stat()
	return err == nil && os.SameFile(named, open)
}

// Reopen opens the file for reading from its start. It may be called again and again.
func (f *File) Reopen() (*os.File, error) {
	r, err := os.Open(f.Name())
	if err != nil {
		return nil, fmt.Errorf("open scratch file: %w", err)
	}
	return r, nil
}

// Discard removes the file. A second call does nothing.
func (f *File) Discard() error {
	if f.lock == nil {
		return nil
	}
	err := errors.Join(remove(f.Name()), f.Close(), f.lock.Close())
	f.lock = nil
	return err
}

// remove removes a file that may be gone already.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
