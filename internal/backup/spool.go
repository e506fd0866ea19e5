package backup

import (
	"context"
	"fmt"
	"io"

	"github.com/lictor-dr/lictor/internal/nameless"
)

// A Spool is a temporary file for one archive, in os.TempDir. It has mode 0600 and is removed from its directory at once, so that
// nothing of it is left behind whatever ends the process. It is read, and read again, from any place.
type Spool struct{ *nameless.File }

// NewSpool makes an empty spool. It must be closed.
func NewSpool() (*Spool, error) {
	f, err := nameless.New("", "lictor-spool-*")
	if err != nil {
		return nil, fmt.Errorf("create a temporary file (TMPDIR chooses where): %w", err)
	}
	return &Spool{f}, nil
}

// Pipe is a Place: a stream, such as standard output. An archive is staged in a Spool, and not a byte of it is written to the stream
// before it is proven.
type Pipe struct{ Out io.Writer }

// Stage makes the spool.
func (p *Pipe) Stage(context.Context) (Staged, error) {
	spool, err := NewSpool()
	if err != nil {
		return nil, err
	}
	return &stagedSpool{Spool: spool, out: p.Out}, nil
}

type stagedSpool struct {
	*Spool
	out   io.Writer
	ended bool
}

func (s *stagedSpool) Seal() error { return nil }

func (s *stagedSpool) Open() (io.ReadCloser, error) {
	info, err := s.Stat()
	if err != nil {
		return nil, err
	}
	return spoolReader{io.NewSectionReader(s, 0, info.Size())}, nil
}

// spoolReader reads a spool that stays open.
type spoolReader struct{ *io.SectionReader }

func (spoolReader) Close() error { return nil }

func (s *stagedSpool) Commit(ctx context.Context) error {
	r, err := s.Open()
	if err == nil {
		_, err = io.Copy(s.out, &cancelReader{ctx, r})
	}
	if err != nil {
		return &StepError{"writing the verified snapshot to standard output", err}
	}
	return s.Abort()
}

func (s *stagedSpool) Abort() error {
	if s.ended {
		return nil
	}
	s.ended = true
	return s.Spool.Close()
}
