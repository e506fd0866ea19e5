package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/nameless"
)

// fullDisk takes a number of bytes and then reports what os.File reports on a full disk.
type fullDisk struct{ left int }

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.left)
	d.left -= n
	if n < len(p) {
		return n, &os.PathError{Op: "write", Path: "/spool/x", Err: syscall.ENOSPC}
	}
	return n, nil
}

func (d *fullDisk) ReadAt([]byte, int64) (int, error) {
	return 0, &os.PathError{Op: "read", Path: "/spool/x", Err: syscall.EIO}
}
func (d *fullDisk) Close() error { return nil }

func TestSpoolOnAFullDisk(t *testing.T) {
	data := make([]byte, 1<<20)
	rand.New(rand.NewSource(1)).Read(data)
	for _, left := range []int{0, 5, 10, 100, 300 << 10, 4 << 20} {
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			before := runtime.NumGoroutine()
			w := newWriter(&spool{dir: "/spool", f: &fullDisk{left: left}})
			var err error
			for range 16 {
				if _, err = w.Write(data); err != nil {
					break
				}
			}
			if left < 1<<20 && err == nil {
				t.Error("16 MiB were written before the error was reported")
			}
			_, finish := w.Finish(Meta{}, time.Now())
			for _, err := range []error{finish, err} {
				const want = "write snapshot spool in /spool: no space left on device"
				if err != nil && (err.Error() != want || !errors.Is(err, syscall.ENOSPC)) {
					t.Errorf("got %v", err)
				}
			}
			if finish == nil {
				t.Error("Finish worked")
			}
			if _, err := w.WriteTo(io.Discard); err == nil {
				t.Error("WriteTo worked")
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
				if time.Now().After(deadline) {
					t.Fatal("goroutines are left")
				}
			}
		})
	}
}

func TestSpoolReadError(t *testing.T) {
	w := newWriter(&spool{dir: "/spool", f: &fullDisk{left: 1 << 20}})
	if _, err := w.Finish(Meta{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	_, err := w.WriteTo(io.Discard)
	if err == nil || err.Error() != "read snapshot spool in /spool: input/output error" {
		t.Errorf("got %v", err)
	}
}

func TestSpoolMode(t *testing.T) {
	sp, err := newSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sp.close() }()
	info, err := sp.f.(*nameless.File).Stat()
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestHeadOfAHugeState(t *testing.T) {
	const size = 9 << 30
	head, err := packHead([]byte("{}\n"), size, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	gz, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(gz)
	for _, want := range []struct {
		name string
		size int64
	}{{nameMeta, 3}, {nameState, size}} {
		hdr, err := tr.Next()
		if err != nil {
			t.Fatal(err)
		}
		if hdr.Name != want.name || hdr.Size != want.size || isSparse(hdr) || irregular(hdr.Typeflag) != "" {
			t.Errorf("header %+v", hdr)
		}
	}
}

func TestSumLine(t *testing.T) {
	tests := []struct{ line, name, err string }{
		{"ab  x", "x", ""},
		{"AB x", "x", ""},
		{"ab\tx y z", "x", ""},
		{"ab", "", "EOF"},
		{"ab ", "", "EOF"},
		{"", "", "EOF"},
		{"abz  x", "", "expected space in input to match format"},
		{"abc  x", "", "illegal hex digit"},
		{"zz  x", "", "no hex data for %x string"},
	}
	for _, tc := range tests {
		t.Run(tc.line, func(t *testing.T) {
			_, name, err := sumLine(tc.line)
			if err == nil && (tc.err != "" || name != tc.name) {
				t.Errorf("got %q", name)
			}
			if err != nil && (tc.err == "" || !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
		})
	}
}

func TestAsyncHashSeesEveryByteInOrder(t *testing.T) {
	data := make([]byte, 3*hashBufferSize+77)
	rand.New(rand.NewSource(3)).Read(data)
	for _, n := range []int{0, 1, hashBufferSize, len(data)} {
		var got bytes.Buffer
		h := newAsyncHash(&got)
		for i := 0; i < n; i += 1000 {
			_, _ = h.Write(data[i:min(i+1000, n)])
		}
		h.finish()
		h.finish()
		if !bytes.Equal(got.Bytes(), data[:n]) {
			t.Errorf("%d bytes: %d arrived, or out of order", n, got.Len())
		}
	}
}

func FuzzDecodeMeta(f *testing.F) {
	f.Add([]byte(`{"Version":1,"Peers":"kA==","Configuration":{"Servers":[{"Suffrage":1}]},"Size":-1}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMeta(data)
		if err != nil {
			return
		}
		enc, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeMeta(enc)
		if err != nil {
			t.Fatal(err)
		}
		if twice, _ := again.Encode(); !bytes.Equal(enc, twice) {
			t.Errorf("%s\n%s", enc, twice)
		}
	})
}
