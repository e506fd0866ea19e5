package atomicfile

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
)

// tempFile is what is needed of an *os.File.
type tempFile interface {
	io.WriteCloser
	Name() string
	Chmod(os.FileMode) error
	Sync() error
}

// system is what is needed of the operating system; tests make it fail.
type system interface {
	createTemp(dir, pattern string) (tempFile, error)
	rename(oldPath, newPath string) error
	remove(path string) error
	syncDir(dir string) error
}

type osSystem struct{}

func (osSystem) createTemp(dir, pattern string) (tempFile, error) {
	f, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err // not f: a nil *os.File is no nil tempFile
	}
	return f, nil
}

func (osSystem) rename(oldPath, newPath string) error { return os.Rename(oldPath, newPath) }

func (osSystem) remove(path string) error { return os.Remove(path) }

func (osSystem) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(bare(d.Sync()), d.Close())
}

// isUnsupported recognises how mounts say that they do not do such a thing. EACCES comes from a directory in which one
// may create files but which one may not open.
func isUnsupported(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.EPERM, syscall.EACCES, syscall.EINVAL, syscall.ENOSYS, syscall.ENOTSUP, syscall.EOPNOTSUPP,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// refusedError is a list of errors on one line.
type refusedError []error

func (r refusedError) Error() string {
	texts := make([]string, len(r))
	for i, err := range r {
		texts[i] = err.Error()
	}
	return "the file is written, but its file system refuses to " + strings.Join(texts, ", and to ")
}

func (r refusedError) Unwrap() []error { return r }
