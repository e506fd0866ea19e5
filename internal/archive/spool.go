package archive

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/lictor-dr/lictor/internal/nameless"
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
	dir string
	f   spoolFile

	mu   sync.Mutex
	n    int64
	fail error
}

func newSpool(dir string) (*spool, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	f, err := nameless.New(dir, "lictor-snapshot-*")
	if err != nil {
		return nil, fmt.Errorf("create snapshot spool in %s: %w", dir, nameless.Bare(err))
	}
	return &spool{dir: dir, f: f}, nil
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
		s.fail = fmt.Errorf("write snapshot spool in %s: %w", s.dir, nameless.Bare(err))
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
	if err := s.f.Close(); err != nil {
		return fmt.Errorf("release snapshot spool in %s: %w", s.dir, nameless.Bare(err))
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
		err = fmt.Errorf("read snapshot spool in %s: %w", r.dir, nameless.Bare(err))
	}
	return n, err
}
