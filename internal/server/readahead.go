package server

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// A readAhead reads the entries that a log has when it is opened one after the other, through a buffer: Raft reads the whole log twice
// when it starts. raft-wal itself reads 64 KiB for each entry, from wherever it is, which is four fifths of the time of such a pass.
//
// What it does not give is to be asked of raft-wal: entries that nobody reads in their order, that are new, or that it has not understood.
type readAhead struct {
	mu       sync.Mutex
	dir      string
	segments []types.SegmentInfo // in their order; of the last one MaxIndex is that of the log
	passes   int                 // that are still allowed

	file   *os.File // of the segment that is read; nil without one
	buf    *bufio.Reader
	next   uint64 // the entry that comes next
	last   uint64 // of the segment that is read
	missed uint64 // asked for last, and not given
}

// Passes over the log, and how much of it is read at once. Raft makes two passes, and a third one does no harm; those of followers
// later on are no business of this, and would take turns.
const (
	readAheadPasses = 3
	readAheadSize   = 1 << 20
)

// segmentHeader is what a segment begins with.
const segmentHeader = 32

// newReadAhead reads the segments of a log in a directory, which ends with last.
func newReadAhead(dir string, segments []types.SegmentInfo, last uint64) *readAhead {
	a := &readAhead{dir: dir, passes: readAheadPasses, segments: slices.Clone(segments)}
	for i := range a.segments {
		if s := &a.segments[i]; s.MaxIndex == 0 {
			s.MaxIndex = last
		}
		if a.segments[i].Codec != wal.CodecBinaryV1 {
			a.passes = 0
		}
	}
	return a
}

// get reads the entry at index, if it can.
func (a *readAhead) get(index uint64, l *raft.Log) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil || index != a.next {
		inOrder := index == a.missed+1
		a.missed = index
		if a.passes == 0 || !inOrder {
			return false
		}
		a.passes--
		a.rest()
	}
	if err := a.read(index, l); err != nil {
		a.passes = 0
		a.rest()
		return false
	}
	return true
}

// read reads the entry at index, which is the next one or in another segment.
func (a *readAhead) read(index uint64, l *raft.Log) error {
	if a.file == nil || index > a.last {
		a.rest()
		if err := a.seek(index); err != nil {
			return err
		}
	}
	entry, err := a.frame()
	if err != nil {
		return err
	}
	if err := new(wal.BinaryCodec).Decode(entry, l); err != nil {
		return err
	}
	if l.Index != index {
		return fmt.Errorf("%w: entry %d where %d belongs", types.ErrCorrupt, l.Index, index)
	}
	a.next = index + 1
	if index == a.segments[len(a.segments)-1].MaxIndex {
		a.rest()
	}
	return nil
}

// seek opens the segment with the entry at index, and goes there.
func (a *readAhead) seek(index uint64) error {
	i := slices.IndexFunc(a.segments, func(s types.SegmentInfo) bool { return s.MinIndex <= index && index <= s.MaxIndex })
	if i < 0 {
		return types.ErrNotFound
	}
	s := &a.segments[i]
	file, err := os.Open(filepath.Join(a.dir, segment.FileName(*s)))
	if err != nil {
		return err
	}
	a.file, a.last = file, s.MaxIndex
	offset, skip := int64(segmentHeader), index-s.BaseIndex
	if s.IndexStart > 0 { // it is sealed: at its end it says where each entry is
		var b [indexWidth]byte
		if _, err := file.ReadAt(b[:], int64(s.IndexStart+skip*indexWidth)); err != nil {
			return err
		}
		offset, skip = int64(binary.LittleEndian.Uint32(b[:])), 0
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	a.buf = bufio.NewReaderSize(file, readAheadSize)
	for ; skip > 0; skip-- {
		if _, err := a.frame(); err != nil {
			return err
		}
	}
	return nil
}

// frame reads the next entry's frame. What it returns is valid until the next call.
func (a *readAhead) frame() ([]byte, error) {
	for {
		header, err := a.buf.Peek(frameHeader)
		if err != nil {
			return nil, err
		}
		kind, size := header[0], int(binary.LittleEndian.Uint32(header[4:]))
		if kind == segment.FrameCommit {
			size = 0 // what stands there is a checksum
		}
		if kind == segment.FrameInvalid || kind > segment.FrameCommit || size > segment.MaxEntrySize {
			return nil, fmt.Errorf("%w: frame of type %d with %d bytes", types.ErrCorrupt, kind, size)
		}
		padded := (size + frameHeader - 1) / frameHeader * frameHeader
		if _, err := a.buf.Discard(frameHeader); err != nil {
			return nil, err
		}
		if kind != segment.FrameEntry {
			if _, err := a.buf.Discard(padded); err != nil {
				return nil, err
			}
			continue
		}
		if padded > a.buf.Size() {
			entry := make([]byte, padded)
			_, err := io.ReadFull(a.buf, entry)
			return entry[:size], err
		}
		entry, err := a.buf.Peek(padded)
		if err != nil {
			return nil, err
		}
		_, err = a.buf.Discard(padded) // which leaves the bytes where they are
		return entry[:size], err
	}
}

// rest closes what is open, until the next pass.
func (a *readAhead) rest() {
	if a.file != nil {
		a.file.Close() // only read
	}
	a.file, a.buf, a.next, a.last = nil, nil, 0, 0
}

// end has it give nothing any more.
func (a *readAhead) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.passes = 0
	a.rest()
}
