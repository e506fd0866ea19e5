package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// A Source gives snapshots.
type Source interface {
	// Snapshot asks for one. The caller closes the body.
	Snapshot(ctx context.Context) (*Stream, error)
}

// A Stream is an archive on its way from a cluster, and what the server said about it. Nothing of it is proven.
type Stream struct {
	Body        io.ReadCloser
	Index       uint64        // 0 if the server did not say
	KnownLeader bool          // whether the server knew a leader
	LastContact time.Duration // how long ago the server had heard of the leader
}

// A Place takes archives.
type Place interface {
	// Stage begins an archive. What was there before is not touched.
	Stage(ctx context.Context) (Staged, error)
}

// Staged is an archive in a place that does not count yet. It is ended by Commit or Abort; Abort after Commit does nothing.
type Staged interface {
	io.Writer
	// Seal ends the writing. The bytes are where they will be read from.
	Seal() error
	// Open reads the bytes back from the start.
	Open() (io.ReadCloser, error)
	// Commit makes the archive count. Its errors are *StepError values.
	Commit(ctx context.Context) error
	// Abort removes all traces.
	Abort() error
}

// Progress is shown how far a step is. The bytes written to what Start returns are counted; total is -1 if it is not known.
type Progress interface {
	Start(what string, total int64) io.WriteCloser
}

// A Step is a part of a backup, in the words that Consul's messages have for it.
type Step string

// The steps of a backup that can fail. A Place may add others.
const (
	StepFetch  Step = "saving snapshot"
	StepStage  Step = "writing unverified snapshot file"
	StepReopen Step = "opening snapshot file for verify"
	StepVerify Step = "verifying snapshot file"
	StepClose  Step = "closing snapshot file after verify"
)

// StepError says at which step a backup failed. "Error " and its text is Consul's message.
type StepError struct {
	Step Step
	Err  error
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }

// Unwrap gives the cause.
func (e *StepError) Unwrap() error { return e.Err }

// A Result is a backup that is proven and committed.
type Result struct {
	Stream *Stream // the body is closed
	Report *Report
	// When the request was made, the last byte was staged, and the archive was committed.
	Began, Fetched, Committed time.Time
}

// Save makes one backup. If ctx is cancelled, the error says why.
func Save(ctx context.Context, from Source, to Place, progress Progress) (*Result, error) {
	began := time.Now()
	stream, err := from.Snapshot(ctx)
	if err != nil {
		return nil, interrupted(ctx, &StepError{StepFetch, err})
	}
	defer func() { _ = stream.Body.Close() }() // all of it was read, or it does not matter
	staged, err := to.Stage(ctx)
	if err != nil {
		return nil, interrupted(ctx, &StepError{StepStage, err})
	}
	res, err := prove(ctx, stream, staged, progress)
	if err != nil {
		return nil, errors.Join(interrupted(ctx, err), staged.Abort())
	}
	res.Began = began
	return res, nil
}

// interrupted says of an error that a cancelled context has caused why it was cancelled.
func interrupted(ctx context.Context, err error) error {
	var at *StepError
	if cause := context.Cause(ctx); cause != nil && errors.As(err, &at) {
		return &StepError{at.Step, cause}
	}
	return err
}

// prove takes an archive through the steps behind the request.
func prove(ctx context.Context, stream *Stream, staged Staged, progress Progress) (*Result, error) {
	if err := stage(staged, stream.Body, progress); err != nil {
		return nil, &StepError{StepStage, err}
	}
	fetched := time.Now()
	report, err := check(ctx, staged, progress)
	if err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, &StepError{StepVerify, err}
	}
	if err := staged.Commit(ctx); err != nil {
		return nil, err
	}
	return &Result{Stream: stream, Report: report, Fetched: fetched, Committed: time.Now()}, nil
}

func stage(staged Staged, body io.Reader, progress Progress) error {
	bar := progress.Start("Saving", -1)
	defer bar.Close()
	if _, err := io.Copy(staged, io.TeeReader(body, bar)); err != nil {
		return err
	}
	return staged.Seal()
}

// check reads the staged archive back.
func check(ctx context.Context, staged Staged, progress Progress) (*Report, error) {
	r, err := staged.Open()
	if err != nil {
		return nil, &StepError{StepReopen, err}
	}
	report, err := verifyShown(ctx, r, progress)
	if err != nil {
		_ = r.Close() // it was only read
		return nil, &StepError{StepVerify, err}
	}
	if err := r.Close(); err != nil {
		return nil, &StepError{StepClose, err}
	}
	return report, nil
}

func verifyShown(ctx context.Context, r io.Reader, progress Progress) (*Report, error) {
	total := int64(-1)
	if sized, ok := r.(interface{ Size() int64 }); ok {
		total = sized.Size()
	}
	bar := progress.Start("Verifying", total)
	defer bar.Close()
	return Verify(ctx, io.TeeReader(r, bar), Options{})
}
