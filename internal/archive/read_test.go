package archive_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lictor-dr/lictor/internal/archive"
)

var errState = errors.New("bad record")

func failing(*archive.Meta, io.Reader) error { return fmt.Errorf("walk: %w", errState) }

func TestStateError(t *testing.T) {
	checkGoroutines(t)
	_, err := archive.Read(bytes.NewReader(realArchive(t, "large-kv")), failing)
	var se *archive.StateError
	if !errors.As(err, &se) || !errors.Is(err, errState) || err.Error() != "walk: bad record" {
		t.Fatalf("got %v", err)
	}
	if errors.Is(err, archive.ErrCorrupt) || errors.Is(err, archive.ErrRead) {
		t.Errorf("marked as an error of the archive: %v", err)
	}
}

func TestStateErrorYieldsToDamage(t *testing.T) {
	for _, name := range []string{"state-bitflip", "gzip-bad-crc", "trailing-garbage", "wrong-sha256sums"} {
		t.Run(name, func(t *testing.T) {
			_, err := archive.Read(bytes.NewReader(damaged(t, name)), failing)
			if !errors.Is(err, archive.ErrCorrupt) || errors.Is(err, errState) {
				t.Errorf("got %v, want the damage", err)
			}
		})
	}
}

func TestStateErrorOutlivesLaterReadFailure(t *testing.T) {
	data := realArchive(t, "large-kv")
	r := io.MultiReader(bytes.NewReader(data[:len(data)-100]), iotest.ErrReader(errors.New("disk gone")))
	if _, err := archive.Read(r, failing); !errors.Is(err, errState) {
		t.Errorf("got %v", err)
	}
}

func TestDamageInsideStateKeepsItsWords(t *testing.T) {
	var seen error
	_, err := archive.Read(bytes.NewReader(damaged(t, "truncated-gzip")), func(_ *archive.Meta, r io.Reader) error {
		_, seen = io.Copy(io.Discard, r)
		return fmt.Errorf("decode record: %w", seen)
	})
	const want = "failed to read snapshot file: failed to read or write snapshot data: unexpected EOF"
	if err == nil || err.Error() != want || !errors.Is(err, archive.ErrCorrupt) {
		t.Errorf("Read gave %v", err)
	}
	if !errors.Is(seen, archive.ErrCorrupt) {
		t.Errorf("the state function saw %v", seen)
	}
}

func TestDamageSwallowedByStateIsReported(t *testing.T) {
	_, err := archive.Read(bytes.NewReader(damaged(t, "truncated-gzip")), func(_ *archive.Meta, r io.Reader) error {
		_, _ = io.Copy(io.Discard, r)
		return nil
	})
	if !errors.Is(err, archive.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

func TestStateMayReturnEarly(t *testing.T) {
	var lent io.Reader
	res, err := archive.Read(bytes.NewReader(realArchive(t, "large-kv")), func(_ *archive.Meta, r io.Reader) error {
		lent = r
		_, err := io.ReadFull(r, make([]byte, 10))
		return err
	})
	must(t, err)
	if res.StateSize != res.Meta.Size {
		t.Errorf("drained %d bytes of %d", res.StateSize, res.Meta.Size)
	}
	if n, err := lent.Read(make([]byte, 1)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("the lent reader still works: %d, %v", n, err)
	}
}

func TestCancelledStateEndsAtOnce(t *testing.T) {
	checkGoroutines(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := &endless{head: small(t, kvBytes(16<<20))[:4<<20]}
	_, err := archive.Read(r, func(*archive.Meta, io.Reader) error { return fmt.Errorf("walk: %w", ctx.Err()) })
	if !errors.Is(err, context.Canceled) || errors.Is(err, archive.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	if len(r.head) == 0 {
		t.Error("the whole archive was read")
	}
}

// endless gives its head and then fails.
type endless struct{ head []byte }

func (e *endless) Read(p []byte) (int, error) {
	if len(e.head) == 0 {
		return 0, errors.New("read too far")
	}
	n := copy(p, e.head)
	e.head = e.head[n:]
	return n, nil
}

func TestPanickingStateLeavesNoGoroutine(t *testing.T) {
	checkGoroutines(t)
	defer func() {
		if recover() == nil {
			t.Error("the panic was swallowed")
		}
	}()
	data := small(t, kvBytes(8<<20))
	_, _ = archive.Read(bytes.NewReader(data), func(_ *archive.Meta, r io.Reader) error {
		_, _ = io.CopyN(io.Discard, r, 1<<20)
		panic("bug")
	})
}

func TestReadByAnyPieces(t *testing.T) {
	checkGoroutines(t)
	state := kvBytes(3<<20 + 17)
	data := small(t, state)
	sources := map[string]func(io.Reader) io.Reader{
		"plain":          func(r io.Reader) io.Reader { return r },
		"one byte":       iotest.OneByteReader,
		"data with EOF":  iotest.DataErrReader,
		"small buffered": func(r io.Reader) io.Reader { return bufio.NewReaderSize(r, 16) },
	}
	for name, wrap := range sources {
		t.Run(name, func(t *testing.T) {
			_, err := archive.Read(wrap(bytes.NewReader(data)), func(m *archive.Meta, r io.Reader) error {
				if m.Size != int64(len(state)) {
					t.Errorf("meta %+v", m)
				}
				return iotest.TestReader(struct{ io.Reader }{r}, state)
			})
			must(t, err)
		})
	}
}

// failAt fails at its n-th read and gives at most 1000 bytes at each before.
type failAt struct {
	r   io.Reader
	n   int
	err error
}

func (f *failAt) Read(p []byte) (int, error) {
	if f.n--; f.n < 0 {
		return 0, f.err
	}
	return f.r.Read(p[:min(len(p), 1000)])
}

func TestReadFailuresAreNotDamage(t *testing.T) {
	checkGoroutines(t)
	data := realArchive(t, "kv")
	for _, fault := range []error{errors.New("connection reset"), io.ErrUnexpectedEOF, io.ErrNoProgress, io.ErrClosedPipe} {
		for n := range len(data)/1000 + 1 {
			res, err := archive.Read(&failAt{bytes.NewReader(data), n, fault}, nil)
			if res != nil || !errors.Is(err, archive.ErrRead) || errors.Is(err, archive.ErrCorrupt) {
				t.Fatalf("read %d, %v: got %v", n, fault, err)
			}
			if !errors.Is(err, fault) || !strings.Contains(err.Error(), fault.Error()) {
				t.Fatalf("read %d: %v lost in %v", n, fault, err)
			}
			if want := fmt.Sprintf("after %d bytes", min(n*1000, len(data))); !strings.Contains(err.Error(), want) {
				t.Fatalf("%q does not contain %q", err, want)
			}
		}
	}
}

func TestReaderWithoutProgress(t *testing.T) {
	stuck := io.MultiReader(bytes.NewReader(realArchive(t, "kv")[:2000]), neverReader{})
	if _, err := archive.Read(stuck, nil); !errors.Is(err, archive.ErrRead) || !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

type neverReader struct{}

func (neverReader) Read([]byte) (int, error) { return 0, nil }

func TestTruncationAtEveryByte(t *testing.T) {
	checkGoroutines(t)
	for name, step := range map[string]int{"state-header-only": 1, "gzip-with-name": 11, "pax-extended": 13} {
		data := damaged(t, name)
		for n := 0; n < len(data); n += step {
			res, err := archive.Read(bytes.NewReader(data[:n]), nil)
			if res != nil || !errors.Is(err, archive.ErrCorrupt) {
				t.Fatalf("%s cut to %d of %d bytes: %v", name, n, len(data), err)
			}
		}
	}
}

func TestTruncationOfASecondMember(t *testing.T) {
	good := realArchive(t, "empty")
	data := append(good[:len(good):len(good)], "\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03name without end"...)
	for n := len(good) + 1; n <= len(data); n++ {
		_, err := archive.Read(bytes.NewReader(data[:n]), nil)
		if !errors.Is(err, archive.ErrCorrupt) || err.Error() != "unexpected EOF" {
			t.Fatalf("%d bytes after the archive: %v", n-len(good), err)
		}
	}
}

func TestEveryFlippedByteIsSafe(t *testing.T) {
	checkGoroutines(t)
	data := damaged(t, "state-header-only")
	want, err := archive.Read(bytes.NewReader(data), nil)
	must(t, err)
	for i := range data {
		for _, mask := range []byte{0x01, 0x10, 0xff} {
			bad := bytes.Clone(data)
			bad[i] ^= mask
			got, err := archive.Read(bytes.NewReader(bad), nil)
			if err == nil && (got.StateSHA256 != want.StateSHA256 || got.Meta.ID != want.Meta.ID) {
				t.Fatalf("byte %d ^ %02x: accepted with other content", i, mask)
			}
			if err != nil && !errors.Is(err, archive.ErrCorrupt) {
				t.Fatalf("byte %d ^ %02x: %v", i, mask, err)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"state-header-only", "pax-extended", "gzip-with-name", "trailing-empty-gzip-member",
		"sums-crlf", "tar-huge-size-base256", "state-symlink", "meta-null", "gzip-bitflip"} {
		f.Add(damaged(f, name))
	}
	f.Add(realArchive(f, "empty"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var n int64
		res, err := archive.Read(bytes.NewReader(data), func(_ *archive.Meta, r io.Reader) error {
			n, _ = io.Copy(io.Discard, r)
			return nil
		})
		switch {
		case err == nil && res.StateSize != n:
			t.Errorf("%d bytes handed over, %d reported", n, res.StateSize)
		case err != nil && !errors.Is(err, archive.ErrCorrupt):
			t.Errorf("neither sound nor damaged: %v", err)
		}
	})
}
