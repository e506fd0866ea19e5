package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// spoolFile is what a spool needs of an *os.File.
type spoolFile interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// spool is a temporary file without a name. Its Write never fails: the first error is kept for err and what follows is
// dropped, so that the parallel compressor above it can always be closed in order.
type spool struct {
	dir  string
	f    spoolFile
	path string // to be removed by close; empty where an open file can be unlinked

	mu   sync.Mutex
	n    int64
	fail error
}

func newSpool(dir string) (*spool, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	f, err := os.CreateTemp(dir, "lictor-snapshot-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("create snapshot spool in %s: %w", dir, bare(err))
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
	if s.err() != nil {
		return len(p), nil
	}
	n, err := s.f.Write(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n += int64(n)
	if err != nil {
		s.fail = fmt.Errorf("write snapshot spool in %s: %w", s.dir, bare(err))
	}
	return len(p), nil
}

func (s *spool) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail
}

// reader gives the whole content. Several may be in use at once, but none while Write is.
func (s *spool) reader() io.Reader {
	return &spoolReader{r: io.NewSectionReader(s.f, 0, s.n), dir: s.dir}
}

func (s *spool) close() error {
	err := s.f.Close()
	if s.path != "" {
		err = errors.Join(err, os.Remove(s.path))
	}
	if err != nil {
		return fmt.Errorf("release snapshot spool in %s: %w", s.dir, bare(err))
	}
	return nil
}

type spoolReader struct {
	r   io.Reader
	dir string
}

func (r *spoolReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("read snapshot spool in %s: %w", r.dir, bare(err))
	}
	return n, err
}
