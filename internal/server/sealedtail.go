package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// A process that dies between the write that fills a segment of the log and the note of that in the metadata leaves a tail that is sealed
// already. raft-wal 0.4.1 opens it, and then refuses every write to it ("segment is sealed"), for good. So before it is opened the step is
// taken that was missed: the segment is noted as sealed, and an empty one after it. raft-wal makes the file of that.
//
// If that last write did not reach the disk as a whole it does not count, but its index, which stands before its end, makes the segment seem
// sealed all the same. Then the index is wiped out.

// frames of a segment, as raft-wal's segment/format.go has them: a type, three bytes of zero, and the length of what follows.
const (
	frameHeader = 8
	frameIndex  = 2
	indexWidth  = 4 // bytes of an index for each entry
)

// mendSealedTail mends the log in a directory, which must not be open, if its last segment is sealed, or seems to be.
func mendSealedTail(dir string, values *metadb.BoltMetaDB, log hclog.Logger) error {
	state, err := values.Load(dir)
	if err != nil {
		return fmt.Errorf("read the log's metadata: %w", err)
	}
	n := len(state.Segments)
	if n == 0 || !state.Segments[n-1].SealTime.IsZero() {
		return nil
	}
	tail := &state.Segments[n-1]
	w, err := segment.NewFiler(dir, fs.New()).RecoverTail(*tail)
	if err != nil {
		return nil // who opens the log meets it, too, and knows what to do
	}
	sealed, indexStart, err := w.Sealed()
	last := w.LastIndex()
	if err := errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("read the log's last segment: %w", err)
	}
	if !sealed {
		return nil
	}
	path := filepath.Join(dir, segment.FileName(*tail))
	size, err := indexSize(path, indexStart)
	if err != nil {
		return fmt.Errorf("read the index of the log's last segment: %w", err)
	}
	if last == 0 || uint64(size) != indexWidth*(last-tail.BaseIndex+1) {
		log.Warn("the last write to the log was not completed: it does not count", "segment", segment.FileName(*tail), "last_index", last)
		return wipe(path, int64(indexStart)-frameHeader, frameHeader+int64(size)+frameHeader+indexWidth)
	}
	log.Info("the log's last segment is full: the next one is begun", "segment", segment.FileName(*tail), "last_index", last)
	tail.SealTime, tail.MaxIndex, tail.IndexStart = time.Now(), last, indexStart
	state.Segments = append(state.Segments, types.SegmentInfo{
		ID: state.NextSegmentID, BaseIndex: last + 1, MinIndex: last + 1, SizeLimit: tail.SizeLimit, Codec: tail.Codec, CreateTime: time.Now(),
	})
	state.NextSegmentID++
	if err := values.CommitState(state); err != nil {
		return fmt.Errorf("note the log's full segment: %w", err)
	}
	return nil
}

// indexSize is the size in bytes of the index that starts at an offset of a segment.
func indexSize(path string, start uint64) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var header [frameHeader]byte
	if _, err := f.ReadAt(header[:], int64(start)-frameHeader); err != nil {
		return 0, err
	}
	if header[0] != frameIndex {
		return 0, fmt.Errorf("there is a frame of type %d at %d", header[0], int64(start)-frameHeader)
	}
	return binary.LittleEndian.Uint32(header[4:]), nil
}

// wipe writes zeros over a part of a file, as far as the file goes.
func wipe(path string, from, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, max(0, min(size, info.Size()-from))), from)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
