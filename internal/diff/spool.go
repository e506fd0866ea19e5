package diff

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// Scratch is a file for records, secrets among them. It is private to the process and is gone once it is closed.
type Scratch interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// memory is a scratch file in memory.
type memory struct{ b []byte }

func (m *memory) Write(p []byte) (int, error) {
	m.b = append(m.b, p...)
	return len(p), nil
}

func (m *memory) ReadAt(p []byte, at int64) (int, error) {
	if at >= int64(len(m.b)) {
		return 0, io.EOF
	}
	n := copy(p, m.b[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) Close() error { m.b = nil; return nil }

// A place is where a record begins in a spool, counted from 1; 0 is nowhere.
type place int64

// A spool keeps records: the length of each in a varint, its type and its value.
type spool struct {
	open   func() (Scratch, error)
	file   Scratch
	out    *bufio.Writer
	size   int64
	number int64 // of the last record of this pass
	last   place // where that is
	buf    []byte

	before, after window // for records of the first state, and of the second
}

// A window is what was read last of a spool by one reader.
type window struct {
	b    []byte
	from int64 // its place in the file
}

const spoolBuffer = 256 << 10

// forget begins another pass.
func (s *spool) forget() { s.number, s.last = 0, 0 }

// put keeps a record. One that is put several times in a row, because it holds several objects, is kept once.
func (s *spool) put(raw record.Raw) (place, error) {
	if s.last != 0 && raw.Number > 0 && raw.Number == s.number {
		return s.last, nil
	}
	if err := s.ready(); err != nil {
		return 0, err
	}
	head := binary.AppendUvarint(s.buf[:0], uint64(raw.Size()))
	head = append(head, byte(raw.Type))
	s.buf = head
	for _, part := range [][]byte{head, raw.Value} {
		if _, err := s.out.Write(part); err != nil {
			return 0, fmt.Errorf("write to the scratch file: %w", err)
		}
	}
	s.number, s.last = raw.Number, place(s.size+1)
	s.size += int64(len(head) + len(raw.Value))
	return s.last, nil
}

// ready opens the file, the first time.
func (s *spool) ready() error {
	if s.file != nil {
		return nil
	}
	s.file = new(memory)
	if s.open != nil {
		file, err := s.open()
		if err != nil {
			s.file = nil
			return fmt.Errorf("open a scratch file: %w", err)
		}
		s.file = file
	}
	s.out = bufio.NewWriterSize(s.file, spoolBuffer)
	return nil
}

// get reads a record back. Its value is good until the next one is read.
func (s *spool) get(w *window, at place) (record.Raw, error) {
	if err := s.out.Flush(); err != nil {
		return record.Raw{}, fmt.Errorf("write to the scratch file: %w", err)
	}
	b, err := s.readAt(w, int64(at)-1, 4<<10)
	if err != nil {
		return record.Raw{}, err
	}
	size, n := binary.Uvarint(b)
	if n <= 0 || size == 0 || size > record.MaxRecord+1 {
		return record.Raw{}, errors.New("the scratch file is damaged")
	}
	if total := n + int(size); len(b) < total {
		if b, err = s.readAt(w, int64(at)-1, total); err != nil {
			return record.Raw{}, err
		}
		if len(b) < total {
			return record.Raw{}, fmt.Errorf("read the scratch file: %w", io.ErrUnexpectedEOF)
		}
	}
	b = b[n : n+int(size)]
	return record.Raw{Type: record.Type(b[0]), Value: b[1:]}, nil
}

// readAt gives some bytes, fewer at the end. Who reads on where the last read ended is taken to go on so, and more is read.
func (s *spool) readAt(w *window, at int64, size int) ([]byte, error) {
	end := w.from + int64(len(w.b))
	if at < w.from || min(at+int64(size), s.size) > end {
		ahead := size
		if at >= w.from && at <= end {
			ahead = max(size, spoolBuffer)
		}
		w.b = slices.Grow(w.b[:0], ahead)[:ahead]
		n, err := s.file.ReadAt(w.b, at)
		if err != nil && err != io.EOF {
			w.b = w.b[:0]
			return nil, fmt.Errorf("read the scratch file: %w", err)
		}
		w.b, w.from = w.b[:n], at
	}
	rest := w.b[at-w.from:]
	return rest[:min(size, len(rest))], nil
}

// load reads an object back, nil if it is nowhere.
func (s *spool) load(w *window, at place, id object.ID) (*object.Object, error) {
	if at == 0 {
		return nil, nil
	}
	if s.file == nil {
		return nil, errors.New("the comparison has been closed")
	}
	raw, err := s.get(w, at)
	if err != nil {
		return nil, err
	}
	var got *object.Object
	err = object.NewSplitter().Each(raw, func(o *object.Object) error {
		if o.ID == id {
			got = o
		}
		return nil
	})
	if err == nil && got == nil {
		err = errors.New("the scratch file is damaged")
	}
	return got, err
}

// Close gives the file up.
func (s *spool) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}
