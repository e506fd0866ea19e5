package snapshotagent

import (
	"context"
	"io"
	"time"

	"golang.org/x/time/rate"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/clock"
)

// paceChunk is how much is let through at a time, in bytes.
const paceChunk = 16 << 10

// pace limits the bytes a second of all readers that it makes together. A nil pace limits nothing.
type pace struct {
	limit *rate.Limiter
	clock clock.Clock
}

func newPace(bytes int64, c clock.Clock) *pace {
	if bytes <= 0 {
		return nil
	}
	return &pace{rate.NewLimiter(rate.Limit(bytes), paceChunk), c}
}

// reader gives what r does, no faster than the pace.
func (p *pace) reader(ctx context.Context, r io.Reader) io.Reader {
	if p == nil {
		return r
	}
	return &pacedReader{ctx, r, p}
}

type pacedReader struct {
	ctx context.Context
	r   io.Reader
	*pace
}

// Read waits until what it has read may pass.
func (r *pacedReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b[:min(len(b), paceChunk)])
	if n > 0 {
		now := time.Unix(0, 0).Add(r.clock.Now().Running)
		if wait := r.limit.ReserveN(now, n).DelayFrom(now); wait > 0 {
			if stopped := clock.Sleep(r.ctx, r.clock, wait); stopped != nil {
				return 0, stopped
			}
		}
	}
	return n, err
}

// sending is how long the upload of an archive takes at least where bandwidth is limited.
func (a *Agent) sending(t *taken, to []*destination) time.Duration {
	pace := a.current.Load().pace
	if pace == nil {
		return 0
	}
	var bytes int64
	for _, d := range to {
		if blobstore.Directory(d.Store) == "" {
			bytes += t.Size
		}
	}
	return time.Duration(float64(bytes) / float64(pace.limit.Limit()) * float64(time.Second))
}
