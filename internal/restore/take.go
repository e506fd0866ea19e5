package restore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
)

// taken is a snapshot of the target in a file without a name, read to its last record.
type taken struct {
	spool  *backup.Spool
	report *backup.Report
}

// errSpool marks an error of this machine, not of whoever sends.
var errSpool = errors.New("copy the snapshot to a temporary file")

// take asks for a snapshot and checks it. visit, which may be nil, is shown its records.
func take(ctx context.Context, from backup.Source, visit func(value any), progress backup.Progress) (_ *taken, err error) {
	stream, err := from.Snapshot(ctx)
	if err != nil {
		return nil, because(ctx, err)
	}
	defer func() { _ = stream.Body.Close() }() // all of it was read, or it does not matter
	spool, err := backup.NewSpool()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSpool, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(because(ctx, err), spool.Close())
		}
	}()
	if err := fill(ctx, spool, stream.Body, progress); err != nil {
		return nil, err
	}
	info, err := spool.Stat()
	if err != nil {
		return nil, err
	}
	look := func(_ record.Raw, value any) error {
		if visit != nil {
			visit(value)
		}
		return nil
	}
	report, err := verify(ctx, io.NewSectionReader(spool, 0, info.Size()), info.Size(), backup.Options{Visit: look}, progress)
	if err != nil {
		return nil, err
	}
	return &taken{spool, report}, nil
}

// because is the reason why a context was cancelled, if it was.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// fill copies a stream into a spool. An error that is not the stream's is an errSpool.
func fill(ctx context.Context, spool *backup.Spool, from io.Reader, progress backup.Progress) error {
	bar := progress.Start("Reading", -1)
	defer bar.Close()
	src := &blamed{r: &cancelReader{ctx, from}}
	if _, err := io.Copy(spool, io.TeeReader(src, bar)); err != nil {
		if src.err != nil {
			return src.err
		}
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	return nil
}

// blamed remembers what its reader said.
type blamed struct {
	r   io.Reader
	err error
}

// Read reads on.
func (b *blamed) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// Close gives the space back.
func (t *taken) Close() error { return t.spool.Close() }

// reader reads the snapshot from its start.
func (t *taken) reader() io.Reader { return io.NewSectionReader(t.spool, 0, t.report.Bytes) }

// records are those of the snapshot. They can be read as often as is wanted, until ctx is done.
func (t *taken) records(ctx context.Context) digest.Source {
	return func(visit func(record.Raw) error) error { return walkArchive(ctx, t.reader(), visit) }
}

// walkArchive calls visit for each record of an archive.
func walkArchive(ctx context.Context, r io.Reader, visit func(record.Raw) error) error {
	_, err := archive.Read(&cancelReader{ctx, r}, func(_ *archive.Meta, state io.Reader) error { return digest.Walk(state, visit) })
	if err != nil {
		return because(ctx, err)
	}
	return nil
}
