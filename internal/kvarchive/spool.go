package kvarchive

import (
	"fmt"
	"io"
	"os"

	"github.com/lictor-dr/lictor/internal/nameless"
)

// spool is a scratch file of mode 0600 that has no name.
type spool struct {
	dir string
	f   *nameless.File
	n   int64
}

// spoolError is a failure of the disk that spools are on.
type spoolError struct{ err error }

func (e *spoolError) Error() string { return e.err.Error() }
func (e *spoolError) Unwrap() error { return e.err }

func newSpool(dir string) (*spool, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	f, err := nameless.New(dir, "lictor-kvarchive-*")
	if err != nil {
		return nil, &spoolError{fmt.Errorf("create a scratch file in %s: %w", dir, nameless.Bare(err))}
	}
	return &spool{dir: dir, f: f}, nil
}

func (s *spool) Write(p []byte) (int, error) {
	n, err := s.f.WriteAt(p, s.n)
	s.n += int64(n)
	if err != nil {
		err = &spoolError{fmt.Errorf("write a scratch file in %s: %w", s.dir, nameless.Bare(err))}
	}
	return n, err
}

// section gives size bytes from off. Several may be in use at once.
func (s *spool) section(off, size int64) io.Reader {
	return &section{dir: s.dir, r: io.NewSectionReader(s.f, off, size)}
}

func (s *spool) close() error {
	if err := s.f.Close(); err != nil {
		return fmt.Errorf("release a scratch file in %s: %w", s.dir, nameless.Bare(err))
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
		err = &spoolError{fmt.Errorf("read a scratch file in %s: %w", s.dir, nameless.Bare(err))}
	}
	return n, err
}
