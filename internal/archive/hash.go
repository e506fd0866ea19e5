package archive

import (
	"io"

	"github.com/lictor-dr/lictor/internal/priority"
)

const (
	hashBufferSize = 256 << 10
	hashBuffers    = 3
)

// asyncHash feeds a hash from a goroutine of its own, so that hashing runs beside whoever writes. The goroutine starts
// with the first full buffer; short inputs never need it. Write copies: the caller keeps its buffer.
type asyncHash struct {
	w       io.Writer // a hash; its Write never fails
	cur     []byte
	made    int
	free    chan []byte
	full    chan []byte
	done    chan struct{}
	stopped bool
	low     bool // it hashes with low priority
}

func newAsyncHash(w io.Writer) *asyncHash { return &asyncHash{w: w} }

func (h *asyncHash) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if h.cur == nil {
			h.cur = h.buffer()
		}
		k := min(len(p), cap(h.cur)-len(h.cur))
		h.cur = append(h.cur, p[:k]...)
		p = p[k:]
		if len(h.cur) == cap(h.cur) {
			h.send()
		}
	}
	return n, nil
}

// buffer gives an empty buffer, waiting for the goroutine if all are in use.
func (h *asyncHash) buffer() []byte {
	if h.made == hashBuffers {
		return <-h.free
	}
	h.made++
	return make([]byte, 0, hashBufferSize)
}

func (h *asyncHash) send() {
	if h.full == nil {
		h.free = make(chan []byte, hashBuffers)
		h.full = make(chan []byte, hashBuffers)
		h.done = make(chan struct{})
		beside(h.low, h.run)
	}
	h.full <- h.cur
	h.cur = nil
}

func (h *asyncHash) run() {
	defer close(h.done)
	for b := range h.full {
		_, _ = h.w.Write(b)
		h.free <- b[:0]
	}
}

// finish returns once the hash has seen every byte and the goroutine has ended. Calling it again does nothing.
func (h *asyncHash) finish() {
	if h.stopped {
		return
	}
	h.stopped = true
	if h.full != nil {
		close(h.full)
		<-h.done
	}
	_, _ = h.w.Write(h.cur)
	h.cur = nil
}

// beside runs work in a goroutine of its own, with low priority if low is true.
func beside(low bool, work func()) {
	if low {
		priority.Go(work)
		return
	}
	go work()
}
