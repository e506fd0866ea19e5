package undofile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"
	"time"
)

// A File is an undo file that is sound.
type File struct {
	Header
	Count    uint64    // entries
	Finished time.Time // zero if the restore did not come to its end
	file     io.ReadSeeker
	start    int64 // of the entries
	close    func() error
}

// Open opens a file and reads it to its end.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	u, err := Read(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	u.close = f.Close
	return u, nil
}

// Read reads a file to its end. It is kept, for Each.
func Read(file io.ReadSeeker) (*File, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	u := &File{file: file, close: func() error { return nil }}
	r := &reader{in: bufio.NewReaderSize(file, 256<<10), left: size, sum: sha256.New()}
	if err := u.head(r); err != nil {
		return nil, err
	}
	u.start = size - r.left
	if err := u.check(r); err != nil {
		return nil, err
	}
	return u, u.ending(r)
}

// Close closes the file.
func (u *File) Close() error { return u.close() }

// head reads the first two lines.
func (u *File) head(r *reader) error {
	first, err := r.line()
	if err != nil || !strings.HasPrefix(first, magic) {
		return errors.New("this is no undo file of a selective restore")
	}
	if v := strings.TrimPrefix(first, magic); v != version {
		return fmt.Errorf("the undo file is of format %.20q, and this program knows format %s: use the program that wrote it", v, version)
	}
	second, err := r.line()
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(second), &u.Header); err != nil {
		return fmt.Errorf("%w: its header: %w", ErrDamaged, err)
	}
	return nil
}

// check walks the entries and compares the checksum.
func (u *File) check(r *reader) error {
	for {
		size, err := r.length()
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		if err := r.skip(size); err != nil {
			return err
		}
		u.Count++
	}
	count, err := r.bytes(8)
	if err != nil {
		return err
	}
	want := r.sum.Sum(nil)
	sum, err := r.bytes(sha256.Size)
	if err != nil {
		return err
	}
	if !bytes.Equal(sum, want) || binary.BigEndian.Uint64(count) != u.Count {
		return fmt.Errorf("%w: its checksum is not that of its bytes", ErrDamaged)
	}
	return nil
}

// ending reads what follows the checksum. A note that was cut short is none.
func (u *File) ending(r *reader) error {
	tail, err := io.ReadAll(io.LimitReader(r.in, maxLine))
	if err != nil {
		return err
	}
	text, whole := strings.CutSuffix(string(tail), "\n")
	at, err := time.Parse(time.RFC3339, strings.TrimPrefix(text, doneTag))
	switch {
	case whole && err == nil && strings.HasPrefix(text, doneTag):
		u.Finished = at
		return nil
	case !whole && len(text) < len(doneTag)+len(time.RFC3339) && (strings.HasPrefix(doneTag, text) || strings.HasPrefix(text, doneTag)):
		return nil
	}
	return fmt.Errorf("%w: something else follows its end", ErrDamaged)
}

// Each visits the entries, in order. Their bytes are good until the next one.
func (u *File) Each(visit func(*Entry) error) error {
	if _, err := u.file.Seek(u.start, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReaderSize(u.file, 256<<10)
	var buf []byte
	for range u.Count {
		size, err := binary.ReadUvarint(in)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if uint64(cap(buf)) < size {
			buf = make([]byte, size) // which has been walked
		}
		if _, err := io.ReadFull(in, buf[:size]); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		e, err := parse(buf[:size])
		if err != nil {
			return err
		}
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

// parse takes an entry apart.
func parse(b []byte) (*Entry, error) {
	p := &parser{b: b}
	e := &Entry{Family: string(p.take(p.number()))}
	e.Before = p.record()
	n := p.number()
	if n > uint64(len(b)) {
		p.bad = true
	}
	for i := uint64(0); i < n && !p.bad; i++ {
		e.After = append(e.After, p.record())
	}
	if p.bad || len(p.b) > 0 {
		return nil, fmt.Errorf("%w: an entry has no form", ErrDamaged)
	}
	return e, nil
}

// A parser takes bytes apart. Once something was wrong, all that it gives is nothing.
type parser struct {
	b   []byte
	bad bool
}

func (p *parser) number() uint64 {
	n, size := binary.Uvarint(p.b)
	if size <= 0 {
		p.bad = true
		return 0
	}
	p.b = p.b[size:]
	return n
}

func (p *parser) take(n uint64) []byte {
	if p.bad || n > uint64(len(p.b)) {
		p.bad = true
		return nil
	}
	taken := p.b[:n:n]
	p.b = p.b[n:]
	return taken
}

// record is nil for none; one that is there has a type at least.
func (p *parser) record() []byte {
	n := p.number()
	if n == 0 || p.bad {
		return nil
	}
	if n == 1 {
		p.bad = true
		return nil
	}
	return p.take(n - 1)
}

// A reader reads a file once, sums it up, and believes no length that the file has no room for.
type reader struct {
	in   *bufio.Reader
	left int64
	sum  hash.Hash
}

func (r *reader) cut() error { return fmt.Errorf("%w: it is cut short", ErrDamaged) }

func (r *reader) line() (string, error) {
	var all []byte
	for int64(len(all)) < min(r.left, maxLine) {
		c, err := r.in.ReadByte()
		if err != nil {
			return "", r.cut()
		}
		if all = append(all, c); c == '\n' {
			r.left -= int64(len(all))
			r.sum.Write(all)
			return string(all[:len(all)-1]), nil
		}
	}
	return "", r.cut()
}

func (r *reader) bytes(n int64) ([]byte, error) {
	if n > r.left {
		return nil, r.cut()
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r.in, b); err != nil {
		return nil, r.cut()
	}
	r.left -= n
	r.sum.Write(b)
	return b, nil
}

func (r *reader) length() (uint64, error) {
	var all []byte
	for len(all) < binary.MaxVarintLen64 {
		b, err := r.bytes(1)
		if err != nil {
			return 0, err
		}
		if all = append(all, b[0]); b[0] < 0x80 {
			break
		}
	}
	n, size := binary.Uvarint(all)
	if size <= 0 || n > uint64(max(0, r.left)) {
		return 0, r.cut()
	}
	return n, nil
}

func (r *reader) skip(n uint64) error {
	if _, err := io.CopyN(r.sum, r.in, int64(n)); err != nil {
		return r.cut()
	}
	r.left -= int64(n)
	return nil
}
