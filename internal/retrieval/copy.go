package retrieval

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"

	"github.com/lictor-dr/lictor/internal/backup"
)

// A Copied is a backup that was copied as it is stored.
type Copied struct {
	Size   int64 // bytes
	SHA256 [sha256.Size]byte
}

// Copy puts a backup into a place as it is stored, encrypted as it may be, without a look inside. It is compared with its entry, if there
// is one, and read back before it counts. Errors are those of [Source.Snapshot], or *backup.StepError values.
func Copy(ctx context.Context, from *Source, to backup.Place, progress backup.Progress) (*Copied, error) {
	stream, err := from.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Body.Close()
	staged, err := to.Stage(ctx)
	if err != nil {
		return nil, &backup.StepError{Step: backup.StepStage, Err: err}
	}
	c, err := fill(ctx, stream.Body, staged, progress)
	if err == nil {
		err = staged.Commit(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, staged.Abort())
	}
	return c, nil
}

func fill(ctx context.Context, from io.Reader, staged backup.Staged, progress backup.Progress) (*Copied, error) {
	bar := progress.Start("Saving", -1)
	defer bar.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(staged, sum, bar), from)
	if err == nil {
		err = staged.Seal()
	}
	if err != nil {
		return nil, &backup.StepError{Step: backup.StepStage, Err: err}
	}
	c := &Copied{Size: n, SHA256: [sha256.Size]byte(sum.Sum(nil))}
	if err := backup.SameBytes(ctx, staged, c.SHA256); err != nil {
		return nil, &backup.StepError{Step: backup.StepVerify, Err: err}
	}
	return c, nil
}
