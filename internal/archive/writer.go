package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"
)

const tarBlock = 512

// Writer builds an archive: Write takes the bytes of state.bin, Finish the metadata, WriteTo gives the archive out.
// The bytes are compressed once, in parallel, into a spool on disk, because the tar header before them needs their
// number. A Writer must be closed. Except for WriteTo and Len after Finish, it is for one goroutine.
type Writer struct {
	spool    *spool
	comp     *compressor
	hash     *asyncHash
	sha      hash.Hash
	size     int64
	head     []byte // gzip member: meta.json and the header of state.bin
	tail     []byte // gzip member: SHA256SUMS and the end of the tar stream
	finished bool
	closed   bool
	err      error // what made the Writer unusable
}

var (
	errFinished   = errors.New("snapshot writer is finished already")
	errUnfinished = errors.New("snapshot writer is not finished")
	errClosed     = errors.New("snapshot writer is closed")
)

// NewWriter makes a Writer whose spool is in dir, or in os.TempDir if dir is empty. The spool holds compressed bytes,
// has mode 0600 and is unlinked before anything is written to it.
func NewWriter(dir string) (*Writer, error) {
	sp, err := newSpool(dir)
	if err != nil {
		return nil, err
	}
	return newWriter(sp), nil
}

func newWriter(sp *spool) *Writer {
	sha := sha256.New()
	return &Writer{spool: sp, comp: newCompressor(sp), hash: newAsyncHash(sha), sha: sha}
}

// GiveWay has all work but that of Write done with low priority, and as many blocks compressed at a time as there are processors but one
// while busy is true, so that others find one free. busy is asked for each block, from the goroutine that writes. It is to be called before
// the first Write.
func (w *Writer) GiveWay(busy func() bool) {
	w.comp.gate.busy, w.comp.low, w.hash.low = busy, true, true
}

// Write appends to state.bin. It blocks while compression is behind. An error of the spool may be reported by a later
// Write or by Finish; the Writer is of no use after it.
func (w *Writer) Write(p []byte) (int, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	if w.finished {
		return 0, errFinished
	}
	_, _ = w.hash.Write(p)
	n, err := w.comp.Write(p)
	w.size += int64(n)
	if err != nil {
		w.err = fmt.Errorf("compress state.bin: %w", err)
	}
	return n, w.err
}

func (w *Writer) usable() error {
	if w.closed {
		return errClosed
	}
	if w.err == nil {
		w.err = w.spool.err()
	}
	return w.err
}

// Finish ends the archive. Size of meta is set to the number of bytes written, the other fields are taken as they are.
// modTime, cut to whole seconds, is the time of all members.
func (w *Writer) Finish(meta Meta, modTime time.Time) (*Result, error) {
	if err := w.usable(); err != nil {
		return nil, err
	}
	if w.finished {
		return nil, errFinished
	}
	w.finished = true
	meta.Size = w.size
	res := &Result{Meta: meta, StateSize: w.size}
	w.hash.finish()
	w.sha.Sum(res.StateSHA256[:0])
	if w.err = w.finish(res, modTime.Truncate(time.Second)); w.err != nil {
		return nil, w.err
	}
	res.Bytes = w.Len()
	return res, nil
}

func (w *Writer) finish(res *Result, modTime time.Time) error {
	_, err := w.comp.Write(make([]byte, -w.size&(tarBlock-1)))
	if err := errors.Join(err, w.comp.Close()); err != nil {
		return fmt.Errorf("compress state.bin: %w", err)
	}
	if err := w.spool.err(); err != nil {
		return err
	}
	metaJSON, err := res.Meta.Encode()
	if err != nil {
		return err
	}
	sums := encodeSums(sha256.Sum256(metaJSON), res.StateSHA256)
	if w.head, err = packHead(metaJSON, w.size, modTime); err != nil {
		return fmt.Errorf("pack meta.json: %w", err)
	}
	if w.tail, err = packTail(sums, modTime); err != nil {
		return fmt.Errorf("pack SHA256SUMS: %w", err)
	}
	return nil
}

// packHead makes the gzip member before state.bin: the member meta.json and the header of state.bin.
func packHead(metaJSON []byte, stateSize int64, modTime time.Time) ([]byte, error) {
	return pack(func(tw *tar.Writer) error {
		if err := addMember(tw, nameMeta, metaJSON, modTime); err != nil {
			return err
		}
		return tw.WriteHeader(header(nameState, stateSize, modTime))
	})
}

// packTail makes the gzip member after state.bin: the member SHA256SUMS and the end of the tar stream.
func packTail(sums []byte, modTime time.Time) ([]byte, error) {
	return pack(func(tw *tar.Writer) error {
		if err := addMember(tw, nameSums, sums, modTime); err != nil {
			return err
		}
		return tw.Close()
	})
}

// packers are compressors for the small members, which cost 0.7 MB each to make.
var packers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func pack(fill func(*tar.Writer) error) ([]byte, error) {
	var buf bytes.Buffer
	gz := packers.Get().(*gzip.Writer)
	defer packers.Put(gz)
	gz.Reset(&buf)
	if err := fill(tar.NewWriter(gz)); err != nil {
		return nil, err
	}
	if err := gz.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func addMember(tw *tar.Writer, name string, data []byte, modTime time.Time) error {
	if err := tw.WriteHeader(header(name, int64(len(data)), modTime)); err != nil {
		return err
	}
	_, err := tw.Write(data)
	return err
}

func header(name string, size int64, modTime time.Time) *tar.Header {
	return &tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: modTime}
}

// Len is the length of the archive in bytes; 0 before Finish.
func (w *Writer) Len() int64 {
	if w.tail == nil {
		return 0
	}
	return int64(len(w.head)) + w.spool.n + int64(len(w.tail))
}

// WriteTo writes the archive to dst. It can be called any number of times after Finish, also at the same time.
func (w *Writer) WriteTo(dst io.Writer) (int64, error) {
	switch {
	case w.closed:
		return 0, errClosed
	case w.err != nil:
		return 0, w.err
	case w.tail == nil:
		return 0, errUnfinished
	}
	all := io.MultiReader(bytes.NewReader(w.head), w.spool.reader(), bytes.NewReader(w.tail))
	return io.Copy(dst, all)
}

// Close ends the goroutines and gives the disk space back. Calling it again does nothing.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	var err error
	if !w.finished {
		w.hash.finish()
		err = w.comp.Close()
	}
	return errors.Join(err, w.spool.close())
}
