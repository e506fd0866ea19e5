package restore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"sync"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/record"
)

// A Target takes an archive.
type Target interface {
	// Restore sends size bytes of an archive, and names the record types that the target is to let through. It returns nil once the
	// target has restored them.
	Restore(ctx context.Context, archive io.Reader, size int64, allow []record.Type) error
}

// ErrChanged says that the file is not anymore what was checked.
var ErrChanged = errors.New("the file has changed since it was checked; the upload was broken off and nothing was restored")

// Send sends the archive. The bytes are those that were checked, or the target gets no whole archive.
func (p *Plan) Send(ctx context.Context, to Target, progress backup.Progress) error {
	src, stop, err := p.open()
	if err != nil {
		return err
	}
	defer stop()
	bar := progress.Start("Sending", p.Report.Bytes)
	defer bar.Close()
	proof := newProofReader(src, p.Report.Bytes, p.Report.SHA256)
	body := &lentReader{r: io.TeeReader(proof, bar)}
	err = to.Restore(ctx, body, p.Report.Bytes, p.allowTypes)
	body.takeBack()
	switch cause := context.Cause(ctx); {
	case err == nil:
		return nil
	case errors.Is(err, ErrChanged):
		return ErrChanged
	case cause != nil && !proof.released():
		return &HintError{cause, []string{"the upload was broken off; nothing was restored"}}
	case cause != nil:
		return &HintError{cause, []string{unknownOutcome}}
	case proof.released() && !answered(err) && !turnedAway(err):
		return &HintError{err, []string{unknownOutcome}}
	}
	return err
}

const unknownOutcome = "the whole snapshot had been sent: whether the cluster restored it is not known. Look at its state before trying again"

// open returns the bytes to send.
func (p *Plan) open() (r io.Reader, stop func(), err error) {
	if p.rewritten != nil {
		r, stop = pipeFrom(p.rewritten)
		return r, stop, nil
	}
	r, err = p.snapshot.Rewind()
	return r, func() {}, err
}

// lentReader is a reader that ends when it is taken back: an HTTP client may go on reading a body for a while after it has returned.
type lentReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lentReader) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.r == nil {
		return 0, errStopped
	}
	return l.r.Read(b)
}

func (l *lentReader) takeBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.r = nil
}

// held is how many bytes of an archive are held back until the rest is proven. They include the end of the gzip stream, without which
// no server takes an archive for whole.
const held = 512

// A proofReader reads size bytes, and the last of them only if all together have the right digest.
type proofReader struct {
	r    io.Reader
	left int64 // not read yet
	want [sha256.Size]byte
	sum  hash.Hash
	tail *bytes.Reader // the bytes that were held back, once they are proven
	err  error
}

func newProofReader(r io.Reader, size int64, want [sha256.Size]byte) *proofReader {
	return &proofReader{r: r, left: size, want: want, sum: sha256.New()}
}

// released tells whether the last byte has been handed out.
func (p *proofReader) released() bool { return p.tail != nil && p.tail.Len() == 0 }

func (p *proofReader) Read(b []byte) (int, error) {
	switch {
	case p.err != nil:
		return 0, p.err
	case p.tail != nil:
		return p.tail.Read(b)
	case p.left > held:
		return p.readOn(b[:min(int64(len(b)), p.left-held)])
	}
	if p.err = p.prove(); p.err != nil {
		return 0, p.err
	}
	return p.tail.Read(b)
}

func (p *proofReader) readOn(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.sum.Write(b[:n])
	p.left -= int64(n)
	if err == io.EOF { // the end is not here
		err = ErrChanged
	}
	p.err = err
	return n, err
}

// prove reads the rest, and releases it if everything is as it was.
func (p *proofReader) prove() error {
	tail := make([]byte, p.left+1)
	n, err := io.ReadFull(p.r, tail)
	switch {
	case err == nil, int64(n) != p.left: // longer or shorter than it was
		return ErrChanged
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		return err
	}
	p.sum.Write(tail[:n])
	if !bytes.Equal(p.sum.Sum(nil), p.want[:]) {
		return ErrChanged
	}
	p.tail = bytes.NewReader(tail[:n])
	return nil
}
