package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Mode is the mode of the files that this package writes.
const Mode = 0o600

// ErrClosed is returned by the methods of a File after Commit or Abort.
var ErrClosed = errors.New("file is committed or aborted already")

// File is a file that is being written. It is for one goroutine, and it must be ended by Commit or Abort; a deferred
// Abort beside a Commit is the usual way.
type File struct {
	ctx     context.Context
	target  string
	f       tempFile
	sys     system
	warn    func(error)
	refused []error // what the mount would not do
	closed  bool
}

// Create starts a file that Commit will put at path. Once ctx is done, Write and Commit fail and the temporary file is
// removed. warn, which may be nil, is called at most once, by Commit, with what the mount would not do although the file
// is in place.
func Create(ctx context.Context, path string, warn func(error)) (*File, error) {
	return create(ctx, osSystem{}, path, warn)
}

func create(ctx context.Context, sys system, path string, warn func(error)) (*File, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	tmp, err := sys.createTemp(filepath.Dir(path), filepath.Base(path)+".tmp*")
	if err != nil {
		return nil, fmt.Errorf("create temporary file for %s: %w", path, bare(err))
	}
	f := &File{ctx: ctx, target: path, f: tmp, sys: sys, warn: warn}
	if err := tmp.Chmod(Mode); err != nil {
		if err := f.tolerate("set mode 0600 of "+path, err); err != nil {
			return nil, errors.Join(err, f.Abort())
		}
	}
	return f, nil
}

// Name is the name of the temporary file, for messages.
func (f *File) Name() string { return f.f.Name() }

// Write appends to the file. After an error the temporary file is gone and the File is of no use.
func (f *File) Write(p []byte) (int, error) {
	if err := f.usable("write"); err != nil {
		return 0, err
	}
	n, err := f.f.Write(p)
	if err != nil {
		return n, f.fail("write", err)
	}
	return n, nil
}

// Commit makes the file durable and puts it at its target. After an error the target is what it was before, with one
// exception: if the directory could not be synced, the new file is in place, but a power failure may undo that.
func (f *File) Commit() error {
	if err := f.usable("commit"); err != nil {
		return err
	}
	if err := f.f.Sync(); err != nil {
		return f.fail("sync", err)
	}
	f.closed = true
	if err := f.f.Close(); err != nil {
		return errors.Join(f.wrap("close", err), f.remove())
	}
	if err := context.Cause(f.ctx); err != nil {
		return errors.Join(f.wrap("commit", err), f.remove())
	}
	if err := f.sys.rename(f.Name(), f.target); err != nil {
		return errors.Join(f.wrap("rename temporary file of", err), f.remove())
	}
	if err := f.syncDir(); err != nil {
		return err
	}
	f.report()
	return nil
}

// Abort gives the file up and removes it. After Commit, or a second time, it does nothing.
func (f *File) Abort() error {
	if f.closed {
		return nil
	}
	f.closed = true
	_ = f.f.Close() // what is in the file does not matter anymore
	return f.remove()
}

// usable refuses a closed File, and ends one whose context is done.
func (f *File) usable(op string) error {
	if f.closed {
		return f.wrap(op, ErrClosed)
	}
	if err := context.Cause(f.ctx); err != nil {
		return f.fail(op, err)
	}
	return nil
}

// fail ends the File with an error.
func (f *File) fail(op string, err error) error {
	return errors.Join(f.wrap(op, err), f.Abort())
}

func (f *File) wrap(op string, err error) error {
	return fmt.Errorf("%s %s: %w", op, f.target, bare(err))
}

func (f *File) remove() error {
	if err := f.sys.remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove temporary file: %w", err)
	}
	return nil
}

func (f *File) syncDir() error {
	dir := filepath.Dir(f.target)
	if err := f.sys.syncDir(dir); err != nil {
		return f.tolerate("sync directory "+dir, err)
	}
	return nil
}

// tolerate notes err if it only says that the mount cannot do such a thing, and returns it otherwise.
func (f *File) tolerate(op string, err error) error {
	err = fmt.Errorf("%s: %w", op, bare(err))
	if !isUnsupported(err) {
		return err
	}
	f.refused = append(f.refused, err)
	return nil
}

func (f *File) report() {
	if f.warn != nil && len(f.refused) > 0 {
		f.warn(refusedError(f.refused))
	}
}

// WriteFile writes data to path in one go: Create, Write, Commit.
func WriteFile(ctx context.Context, path string, data []byte, warn func(error)) error {
	f, err := Create(ctx, path, warn)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// Rename moves a file that was committed before and syncs the directories of both names. An existing file at newPath is
// replaced. warn is as for Create. If the sync of a directory fails, the file is in place nevertheless.
func Rename(oldPath, newPath string, warn func(error)) error {
	return rename(osSystem{}, oldPath, newPath, warn)
}

func rename(sys system, oldPath, newPath string, warn func(error)) error {
	if err := sys.rename(oldPath, newPath); err != nil {
		return fmt.Errorf("rename %s to %s: %w", oldPath, newPath, bare(err))
	}
	f := &File{target: newPath, sys: sys, warn: warn}
	if err := f.syncDir(); err != nil {
		return err
	}
	if filepath.Dir(oldPath) != filepath.Dir(newPath) {
		f.target = oldPath
		if err := f.syncDir(); err != nil {
			return err
		}
	}
	f.report()
	return nil
}

// bare strips the operation and the paths that package os adds, where this package says them better.
func bare(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}
