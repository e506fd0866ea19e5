package restore

import (
	"bufio"
	"errors"
	"io"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/record"
)

// A rewriter writes an archive anew without the records of the old ACL system. All others are copied byte for byte, in order.
type rewriter struct {
	w       *archive.Writer
	buf     *bufio.Writer
	dropped map[record.Type]int64
}

func newRewriter() (*rewriter, error) {
	w, err := archive.NewWriter("")
	if err != nil {
		return nil, err
	}
	return &rewriter{w: w, buf: bufio.NewWriterSize(w, 256<<10), dropped: map[record.Type]int64{}}, nil
}

func (r *rewriter) header(h record.Header) error {
	_, err := r.buf.Write(record.AppendHeader(nil, h))
	return err
}

func (r *rewriter) record(raw record.Raw) error {
	if raw.Type.Legacy() {
		r.dropped[raw.Type]++
		return nil
	}
	if err := r.buf.WriteByte(byte(raw.Type)); err != nil {
		return err
	}
	_, err := r.buf.Write(raw.Value)
	return err
}

// finish ends the archive and hands it over. Its metadata is that of the original but for the size.
func (r *rewriter) finish(meta archive.Meta) (*archive.Writer, error) {
	if err := r.buf.Flush(); err != nil {
		return nil, err
	}
	if _, err := r.w.Finish(meta, time.Now()); err != nil {
		return nil, err
	}
	w := r.w
	r.w = nil
	return w, nil
}

// Close gives up an archive that was not handed over.
func (r *rewriter) Close() error {
	if r == nil || r.w == nil {
		return nil
	}
	err := r.w.Close()
	r.w = nil
	return err
}

var errStopped = errors.New("nobody reads on")

// pipeFrom reads what w writes. stop ends the writing, and waits for that.
func pipeFrom(w io.WriterTo) (r io.Reader, stop func()) {
	reader, writer := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := w.WriteTo(writer)
		_ = writer.CloseWithError(err) // always nil
	}()
	return reader, func() {
		_ = reader.CloseWithError(errStopped) // always nil
		<-done
	}
}
