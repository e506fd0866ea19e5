package kvarchive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// spool is a scratch file of mode 0600 that has no name.
type spool struct {
	dir  string
	f    *os.File
	path string // to be removed by close; empty where an open file can be unlinked
	n    int64
}

// spoolError is a failure of the disk that spools are on.
type spoolError struct{ err error }

func (e *spoolError) Error() string { return e.err.Error() }
func (e *spoolError) Unwrap() error { return e.err }

func newSpool(dir string) (*spool, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	f, err := os.CreateTemp(dir, "lictor-kvarchive-*") // mode 0600
	if err != nil {
		return nil, &spoolError{fmt.Errorf("create a scratch file in %s: %w", dir, bare(err))}
	}
	s := &spool{dir: dir, f: f}
	if err := os.Remove(f.Name()); err != nil {
		s.path = f.Name()
	}
	return s, nil
}

// bare strips the path of a file that has no name anymore.
func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (s *spool) Write(p []byte) (int, error) {
	n, err := s.f.WriteAt(p, s.n)
	s.n += int64(n)
	if err != nil {
		err = &spoolError{fmt.Errorf("write a scratch file in %s: %w", s.dir, bare(err))}
	}
	return n, err
}

// section gives size bytes from off. Several may be in use at once.
func (s *spool) section(off, size int64) io.Reader {
	return &section{dir: s.dir, r: io.NewSectionReader(s.f, off, size)}
}

func (s *spool) close() error {
	err := s.f.Close()
	if s.path != "" {
		err = errors.Join(err, os.Remove(s.path))
	}
	if err != nil {
		return fmt.Errorf("release a scratch file in %s: %w", s.dir, bare(err))
	}
	return nil
}

type section struct {
	dir string
	r   *io.SectionReader
}

func (s *section) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = &spoolError{fmt.Errorf("read a scratch file in %s: %w", s.dir, bare(err))}
	}
	return n, err
}
