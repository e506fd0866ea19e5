package history

import (
	"slices"
	"sync"
	"time"
)

// A Recorder keeps the operations of any number of clients.
type Recorder struct {
	began time.Time

	mu  sync.Mutex
	ops []Operation
}

// NewRecorder returns a recorder whose history begins now.
func NewRecorder() *Recorder { return &Recorder{began: time.Now()} }

// Now is the time since the history began.
func (r *Recorder) Now() time.Duration { return time.Since(r.began) }

// Operations are those that were recorded, in the order of their returns.
func (r *Recorder) Operations() []Operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ops)
}

// do records an operation: act sends the request, and fills in its answer.
func (r *Recorder) do(op Operation, act func(*Operation)) Operation {
	op.Call = r.Now()
	act(&op)
	op.Return = r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op)
	return op
}
