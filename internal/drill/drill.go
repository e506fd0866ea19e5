package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/server"
	"github.com/lictor-dr/lictor/internal/state"
)

// A Report is the outcome of a drill.
type Report struct {
	Records     int64 // in the archive
	Families    digest.Set
	Differences []digest.Difference // between the archive, first, and the engine; none if the archive is proven
	Duration    time.Duration
}

// Proven tells whether the engine has everything that the archive holds, and nothing else.
func (r *Report) Proven() bool { return len(r.Differences) == 0 }

// Run carries out a drill on the archive that open opens. It needs about twice the memory of the state.
func Run(ctx context.Context, open func() (io.ReadCloser, error)) (*Report, error) {
	began := time.Now()
	engine, err := start(ctx)
	if err != nil {
		return nil, fmt.Errorf("start drill engine: %w", err)
	}
	report, err := compare(ctx, engine, open)
	if err := errors.Join(err, engine.Close()); err != nil {
		return nil, err
	}
	report.Duration = time.Since(began)
	return report, nil
}

// start starts the throw-away engine.
func start(ctx context.Context) (*server.Server, error) {
	c := server.DefaultConfig()
	c.NodeID, c.Address = "d4111000-0000-4000-8000-000000000001", "drill:8300"
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = 50*time.Millisecond, 50*time.Millisecond, 30*time.Millisecond
	engine, err := server.New(c)
	if err != nil {
		return nil, err
	}
	if err := engine.WaitLeader(ctx); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return engine, nil
}

func compare(ctx context.Context, engine *server.Server, open func() (io.ReadCloser, error)) (*Report, error) {
	src, err := open()
	if err != nil {
		return nil, err
	}
	err = engine.Restore(ctx, src, nil)
	src.Close()
	if err != nil {
		return nil, fmt.Errorf("restore into drill engine: %w", err)
	}
	first, second := Archive(open), Tables(engine.Store())
	families, err := digest.Of(first)
	if err != nil {
		return nil, err
	}
	differences, err := digest.Compare(first, second)
	if err != nil {
		return nil, err
	}
	return &Report{Records: families.Records(), Families: families, Differences: unexplained(families, differences)}, nil
}

// Archive is the records of the archive that open opens.
func Archive(open func() (io.ReadCloser, error)) digest.Source {
	return func(visit func(record.Raw) error) error {
		src, err := open()
		if err != nil {
			return err
		}
		defer src.Close()
		_, err = archive.Read(src, func(_ *archive.Meta, r io.Reader) error { return digest.Walk(r, visit) })
		return err
	}
}

// Tables is the records that a store's tables encode, as of now.
func Tables(s *state.Store) digest.Source {
	snapshot := s.Snapshot()
	return digest.Stream(func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(snapshot.Encode(w)) }()
		return r, nil
	})
}

// unexplained leaves out what a running server adds by itself.
func unexplained(archived digest.Set, all []digest.Difference) (rest []digest.Difference) {
	for _, d := range all {
		absent := archived[d.Type].Count == 0
		switch {
		case d.What != digest.Added:
		case d.Type == record.TypeIndex:
			continue
		case (d.Type == record.TypeAutopilot || d.Type == record.TypeChunkingState) && absent:
			continue
		}
		rest = append(rest, d)
	}
	return rest
}
