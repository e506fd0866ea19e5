package record

import (
	"errors"
	"fmt"
	"io"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// MaxRecord is the largest record that is read, in bytes. Consul's own limits keep values far below.
const MaxRecord = 256 << 20

// ErrCorrupt marks every error that lies in the content of a stream and not in reading it.
var ErrCorrupt = errors.New("corrupt snapshot records")

// Error says where in a stream a fault lies. It wraps [ErrCorrupt] beside its cause.
type Error struct {
	Number int64 // of the record, counted from 1; 0 for the header
	Offset int64 // of its first byte in the stream
	Type   Type
	Err    error
}

func (e *Error) Error() string {
	if e.Number == 0 {
		return fmt.Sprintf("state.bin header: %v", e.Err)
	}
	return fmt.Sprintf("record %d (%s) at byte %d of state.bin: %v", e.Number, e.Type, e.Offset, e.Err)
}

func (e *Error) Unwrap() []error { return []error{ErrCorrupt, e.Err} }

// Raw is one record as it stands in the stream. Value is valid until the next call of the Reader.
type Raw struct {
	Number int64 // counted from 1
	Offset int64 // of the type byte
	Type   Type
	Value  []byte // the msgpack value
}

// Size is the length of the record in the stream, type byte included.
func (r Raw) Size() int64 { return 1 + int64(len(r.Value)) }

// Fault returns err as an [Error] about this record.
func (r Raw) Fault(err error) error {
	return &Error{Number: r.Number, Offset: r.Offset, Type: r.Type, Err: err}
}

// A Reader takes a stream apart into records. It holds one record at a time, and grows its buffer only as bytes arrive.
type Reader struct {
	src        io.Reader
	buf        []byte
	start, end int   // the bytes of buf not yet handed out
	base       int64 // offset of buf[0] in the stream
	number     int64
	header     Header
	headerSize int64
	walker     msgpack.Walker
	err        error // sticky
}

const initialBuffer = 256 << 10

// NewReader reads the header of the stream src. An error of src itself is returned as it is, anything else as [Error].
func NewReader(src io.Reader) (*Reader, error) {
	r := &Reader{src: src, buf: make([]byte, initialBuffer)}
	value, err := r.value(0)
	if err == io.ErrUnexpectedEOF && r.end == 0 {
		err = io.EOF // nothing at all
	}
	if err != nil {
		return nil, r.fail(&Error{Err: err}, err)
	}
	if r.header, err = decodeHeader(value); err != nil {
		return nil, &Error{Err: err}
	}
	r.start += len(value)
	r.headerSize = int64(len(value))
	return r, nil
}

// decodeHeader reads the header, which must be a map, or an array of its fields in order.
func decodeHeader(value []byte) (h Header, err error) {
	d := msgpack.NewDecoder(value)
	switch kind := d.Peek(); kind {
	case msgpack.Map:
		err = d.Decode(&h)
	case msgpack.Array:
		var fields []msgpack.Raw
		if err = d.Decode(&fields); err == nil && len(fields) > 0 {
			err = msgpack.Unmarshal(fields[0], &h.LastIndex)
		}
	default:
		err = fmt.Errorf("%w: the stream must begin with a map, not %s", msgpack.ErrCorrupt, kind)
	}
	return h, err
}

// Header is the value at the start of the stream.
func (r *Reader) Header() Header { return r.header }

// HeaderSize is the length of the header in bytes.
func (r *Reader) HeaderSize() int64 { return r.headerSize }

// Offset is how many bytes of the stream have been handed out, header included.
func (r *Reader) Offset() int64 { return r.base + int64(r.start) }

// Next returns the next record, or io.EOF when the stream ends behind a whole one.
func (r *Reader) Next() (Raw, error) {
	if r.err != nil {
		return Raw{}, r.err
	}
	if r.start == r.end {
		if err := r.fill(1); err != nil {
			r.err = err
			return Raw{}, err
		}
	}
	rec := Raw{Number: r.number + 1, Offset: r.Offset(), Type: Type(r.buf[r.start])}
	value, err := r.value(1)
	if err != nil {
		r.err = r.fail(rec.Fault(err), err)
		return Raw{}, r.err
	}
	rec.Value = value
	r.number++
	r.start += 1 + len(value)
	return rec, nil
}

// Each calls visit for each record that follows, to the end of the stream. An error of visit ends it and is returned as it is.
func (r *Reader) Each(visit func(Raw) error) error {
	for {
		raw, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = visit(raw)
		}
		if err != nil {
			return err
		}
	}
}

// value returns the bytes of the value that begins skip bytes behind start, reading on until its end.
func (r *Reader) value(skip int) ([]byte, error) {
	r.walker.Reset()
	for {
		n, need, err := r.walker.Walk(r.buf[r.start+skip : r.end])
		if err != nil {
			return nil, err
		}
		if n > 0 {
			return r.buf[r.start+skip : r.start+skip+n], nil
		}
		if total := r.end - r.start + need; total > MaxRecord {
			return nil, fmt.Errorf("%w: the record claims at least %d bytes, more than %d", msgpack.ErrCorrupt, total, MaxRecord)
		}
		if err := r.fill(need); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// fail picks the error to report: faults of the content are located, errors of the source are the source's.
func (r *Reader) fail(located, cause error) error {
	if errors.Is(cause, msgpack.ErrCorrupt) || cause == io.ErrUnexpectedEOF || cause == io.EOF {
		return located
	}
	return cause
}

// fill reads at least one more byte, at most what fits. The buffer grows by doubling, so only as far as bytes have come.
func (r *Reader) fill(need int) error {
	if r.start > 0 && (r.start == r.end || r.end+need > len(r.buf)) {
		copy(r.buf, r.buf[r.start:r.end])
		r.base += int64(r.start)
		r.end -= r.start
		r.start = 0
	}
	if r.end == len(r.buf) {
		grown := make([]byte, 2*len(r.buf))
		copy(grown, r.buf[:r.end])
		r.buf = grown
	}
	for range 100 {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}
