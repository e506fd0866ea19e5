package archive

import (
	"context"
	"errors"
	"io"
)

// stateReader streams state.bin to a StateFunc, hashing and counting what passes.
type stateReader struct {
	r     io.Reader
	hash  *asyncHash
	fault func(error) error
	n     int64
	err   error // what ended r, io.EOF included
}

func newStateReader(r io.Reader, hash io.Writer, fault func(error) error) *stateReader {
	return &stateReader{r: r, hash: newAsyncHash(hash), fault: fault}
}

func (s *stateReader) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	_, _ = s.hash.Write(p[:n])
	s.n += int64(n)
	if err != nil && err != io.EOF {
		err = s.fault(err)
	}
	s.err = err
	return n, err
}

// run calls state, then reads to the end. The first result is the error of state, the second what ended the reading
// before its end: a broken stream, or an error of state that leaves no reason to go on.
func (s *stateReader) run(meta *Meta, state StateFunc) (stateErr, err error) {
	defer s.hash.finish()
	if state != nil {
		lent := &lentReader{r: s}
		stateErr = state(meta, lent)
		lent.r = nil
	}
	if s.err != nil && s.err != io.EOF {
		return nil, s.err // what state made of a broken stream does not matter
	}
	if stateErr != nil {
		stateErr = &StateError{Err: stateErr}
	}
	if isCancelled(stateErr) {
		return nil, stateErr
	}
	_, err = io.Copy(io.Discard, s)
	return stateErr, err
}

func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

var errReturned = errors.New("state.bin is read after the function that it was lent to has returned")

// lentReader is what a StateFunc gets: it stops working when the function returns.
type lentReader struct{ r io.Reader }

func (l *lentReader) Read(p []byte) (int, error) {
	if l.r == nil {
		return 0, errReturned
	}
	return l.r.Read(p)
}
