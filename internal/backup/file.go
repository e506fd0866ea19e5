package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/lictor-dr/lictor/internal/atomicfile"
)

// File is a Place: one file, mode 0600. An archive is staged as PATH.unverified and renamed once it is proven; a file that is there is
// replaced only then.
type File struct {
	Path string
	// Warn, which may be nil, is told once what the file system would not do although the archive is in place.
	Warn func(error)
}

// Stage begins PATH.unverified.
func (p *File) Stage(ctx context.Context) (Staged, error) {
	s := &stagedFile{place: p, path: p.Path + ".unverified"}
	s.warn = func(err error) { s.warnOnce.Do(func() { s.refused = err }) }
	f, err := atomicfile.Create(ctx, s.path, s.warn)
	if err != nil {
		return nil, err
	}
	s.File = f
	return s, nil
}

type stagedFile struct {
	*atomicfile.File
	place     *File
	path      string
	warn      func(error)
	warnOnce  sync.Once
	refused   error
	committed bool
}

func (s *stagedFile) Seal() error { return s.File.Commit() }

func (s *stagedFile) Open() (io.ReadCloser, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &sizedFile{f, info.Size()}, nil
}

// sizedFile is a file that tells its size.
type sizedFile struct {
	*os.File
	size int64
}

func (f *sizedFile) Size() int64 { return f.size }

func (s *stagedFile) Commit(context.Context) error {
	step := Step(fmt.Sprintf("renaming %q to %q", s.path, s.place.Path))
	if err := atomicfile.Rename(s.path, s.place.Path, s.warn); err != nil {
		return &StepError{step, err}
	}
	s.committed = true
	if s.refused != nil && s.place.Warn != nil {
		s.place.Warn(s.refused)
	}
	return nil
}

// Abort removes the staged file, whether it was sealed or not.
func (s *stagedFile) Abort() error {
	if s.committed {
		return nil
	}
	err := s.File.Abort()
	if rmErr := os.Remove(s.path); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
		err = errors.Join(err, fmt.Errorf("remove what was staged: %w", rmErr))
	}
	return err
}
