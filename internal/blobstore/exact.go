package blobstore

import (
	"context"
	"fmt"
	"io"
)

// exactReader hands on what it reads if that has the announced size, and fails otherwise, or once its context is done. On any failure it
// calls abort before it returns, so that who reads from it cannot take the end of the data for the end of the object.
type exactReader struct {
	ctx   context.Context
	r     io.Reader
	size  int64
	read  int64
	abort func()
	err   error
}

func newExactReader(ctx context.Context, r io.Reader, size int64, abort func()) *exactReader {
	return &exactReader{ctx: ctx, r: r, size: size, abort: abort}
}

func (e *exactReader) Read(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	if err := context.Cause(e.ctx); err != nil {
		return 0, e.fail(err)
	}
	n, err := e.r.Read(p)
	e.read += int64(n)
	switch {
	case e.read > e.size:
		return 0, e.fail(fmt.Errorf("there is more to store than the %d bytes that were announced", e.size))
	case err == io.EOF && e.read < e.size:
		return 0, e.fail(fmt.Errorf("there are %d bytes to store of %d that were announced: %w", e.read, e.size, io.ErrUnexpectedEOF))
	case err == io.EOF:
		return n, io.EOF
	case err != nil:
		return 0, e.fail(fmt.Errorf("read what is to be stored: %w", err))
	}
	return n, nil
}

func (e *exactReader) fail(err error) error {
	e.err = err
	e.abort()
	return err
}

// verdict is the error of a store that has read from e, or that of the data if it failed first.
func (e *exactReader) verdict(stored error) error {
	switch {
	case e.err != nil:
		return e.err
	case stored == nil && e.read != e.size:
		return fmt.Errorf("the store took %d bytes of %d", e.read, e.size)
	}
	return stored
}
