package undofile

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"github.com/lictor-dr/lictor/internal/atomicfile"
)

const (
	magic   = "lictor undo "
	version = "1"
	doneTag = "done "
	// maxLine is the longest that the first two lines may be.
	maxLine = 16 << 20
)

// ErrDamaged says that a file is not what was written.
var ErrDamaged = errors.New("the undo file is damaged")

// A Header says what a file is about.
type Header struct {
	Datacenter  string
	TrustDomain string `json:",omitempty"` // of the cluster's certificate authority
	Address     string // of the agent that was asked
	Source      string // what was restored
	Made        time.Time
	Keys        []Span `json:",omitempty"` // where the keys are
}

// A Span is one key, or all that begin with a prefix.
type Span struct {
	Key    string
	Prefix bool `json:",omitempty"`
}

// An Entry is an object. Records are a type and a value; one that is nil says that the object is not there.
type Entry struct {
	Family string
	Before []byte
	After  [][]byte // each of which the restore may have left
}

// A Writer writes a file.
type Writer struct {
	file  *atomicfile.File
	out   *bufio.Writer
	sum   hash.Hash
	count uint64
	buf   []byte
}

// Create begins a file, which Commit puts at path. It must be ended by Commit or Abort.
func Create(ctx context.Context, path string, h *Header) (*Writer, error) {
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("write the undo file: %w", err)
	}
	file, err := atomicfile.Create(ctx, path, nil)
	if err != nil {
		return nil, fmt.Errorf("write the undo file: %w", err)
	}
	w := &Writer{file: file, sum: sha256.New()}
	w.out = bufio.NewWriterSize(io.MultiWriter(file, w.sum), 256<<10)
	_, err = fmt.Fprintf(w.out, "%s%s\n%s\n", magic, version, head)
	return w, w.explain(err)
}

func (w *Writer) explain(err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("write the undo file: %w", err), w.file.Abort())
}

// Add writes an entry.
func (w *Writer) Add(e *Entry) error {
	b := binary.AppendUvarint(w.buf[:0], uint64(len(e.Family)))
	b = append(b, e.Family...)
	b = binary.AppendUvarint(appendRecord(b, e.Before), uint64(len(e.After)))
	for _, after := range e.After {
		b = appendRecord(b, after)
	}
	w.buf = b
	w.count++
	var head [binary.MaxVarintLen64]byte
	if _, err := w.out.Write(head[:binary.PutUvarint(head[:], uint64(len(b)))]); err != nil {
		return w.explain(err)
	}
	_, err := w.out.Write(b)
	return w.explain(err)
}

func appendRecord(b, rec []byte) []byte {
	if rec == nil {
		return append(b, 0)
	}
	return append(binary.AppendUvarint(b, uint64(len(rec))+1), rec...)
}

// Commit makes the file durable and puts it in its place, where it replaces another.
func (w *Writer) Commit() error {
	_, err := w.out.Write(binary.BigEndian.AppendUint64([]byte{0}, w.count))
	if err = errors.Join(err, w.out.Flush()); err != nil {
		return w.explain(err)
	}
	if _, err := w.file.Write(w.sum.Sum(nil)); err != nil {
		return w.explain(err)
	}
	if err := w.file.Commit(); err != nil {
		return fmt.Errorf("write the undo file: %w", err)
	}
	return nil
}

// Abort gives the file up. After Commit it does nothing.
func (w *Writer) Abort() error { return w.file.Abort() }

// Finish notes in a file that the restore which it takes back has come to its end.
func Finish(path string, at time.Time) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("finish the undo file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	u, err := Read(f)
	if err != nil || !u.Finished.IsZero() {
		return err
	}
	if _, err := f.WriteString(doneTag + at.UTC().Format(time.RFC3339) + "\n"); err != nil {
		return fmt.Errorf("finish the undo file: %w", err)
	}
	return f.Sync()
}
