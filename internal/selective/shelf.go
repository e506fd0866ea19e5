package selective

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// A shelf keeps records, each with one object that is meant, in a scratch file. It is a source that can be read again and again.
type shelf struct {
	file  diff.Scratch
	out   *bufio.Writer
	size  int64
	items []item
	buf   []byte
}

// An item is a record on a shelf.
type item struct {
	id object.ID // of the object
	at int64
}

const shelfBuffer = 256 << 10

func newShelf(open func() (diff.Scratch, error)) (*shelf, error) {
	file, err := open()
	if err != nil {
		return nil, fmt.Errorf("open a scratch file: %w", err)
	}
	return &shelf{file: file, out: bufio.NewWriterSize(file, shelfBuffer)}, nil
}

// add keeps the record of an object.
func (s *shelf) add(id object.ID, value any) error {
	var err error
	if s.buf, err = record.Append(s.buf[:0], value); err != nil {
		return err
	}
	return s.put(id, s.buf)
}

// put keeps a record as it is: its type and its value.
func (s *shelf) put(id object.ID, rec []byte) error {
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(len(rec)))
	for _, part := range [][]byte{head[:n], rec} {
		if _, err := s.out.Write(part); err != nil {
			return fmt.Errorf("write to the scratch file: %w", err)
		}
	}
	s.items = append(s.items, item{id, s.size})
	s.size += int64(n + len(rec))
	return nil
}

// cut forgets all items but the first n.
func (s *shelf) cut(n int) { s.items = s.items[:n] }

// source gives the records that are to be kept, in order.
func (s *shelf) source(keep func(object.ID) bool) digest.Source {
	return func(visit func(record.Raw) error) error {
		number := int64(0)
		return s.each(keep, func(_ object.ID, raw record.Raw) error {
			number++
			raw.Number = number
			return visit(raw)
		})
	}
}

// each visits the records that are to be kept; a nil keep keeps all.
func (s *shelf) each(keep func(object.ID) bool, visit func(object.ID, record.Raw) error) error {
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("write to the scratch file: %w", err)
	}
	section := io.NewSectionReader(s.file, 0, s.size)
	in, at := bufio.NewReaderSize(section, shelfBuffer), int64(0)
	var buf []byte
	for _, it := range s.items {
		if keep != nil && !keep(it.id) {
			continue
		}
		if it.at != at { // something lies between
			if _, err := section.Seek(it.at, io.SeekStart); err != nil {
				return err
			}
			in.Reset(section)
		}
		size, err := binary.ReadUvarint(in)
		if err != nil || size == 0 || size > record.MaxRecord+1 {
			return errors.Join(errors.New("the scratch file is damaged"), err)
		}
		if uint64(cap(buf)) < size {
			buf = make([]byte, size)
		}
		if _, err := io.ReadFull(in, buf[:size]); err != nil {
			return fmt.Errorf("read the scratch file: %w", err)
		}
		at = it.at + int64(uvarintSize(size)) + int64(size)
		if err := visit(it.id, record.Raw{Type: record.Type(buf[0]), Value: buf[1:size]}); err != nil {
			return err
		}
	}
	return nil
}

func uvarintSize(n uint64) int {
	var b [binary.MaxVarintLen64]byte
	return binary.PutUvarint(b[:], n)
}

func (s *shelf) close() error {
	if s == nil {
		return nil
	}
	return s.file.Close()
}
