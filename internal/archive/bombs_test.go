package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/archive"
)

// rawHeader makes a tar header block by hand, for what archive/tar refuses to write.
func rawHeader(name string, flag byte, size int64, edit func(block []byte)) []byte {
	b := make([]byte, 512)
	copy(b, name)
	copy(b[100:], "0000600\x000000000\x000000000\x00")
	if size < 1<<33 {
		fmt.Fprintf(bytes.NewBuffer(b[124:124]), "%011o\x00", size)
	} else {
		b[124] = 0x80
		binary.BigEndian.PutUint64(b[128:], uint64(size))
	}
	copy(b[136:], "00000000000\x00")
	b[156] = flag
	copy(b[257:], "ustar\x0000")
	if edit != nil {
		edit(b)
	}
	copy(b[148:], "        ")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

func pad(data []byte) []byte {
	return append(data, make([]byte, -len(data)&511)...)
}

// paxRecords makes the pax header that carries the given records for the member after it.
func paxRecords(kv ...string) []byte {
	var body []byte
	for i := 0; i < len(kv); i += 2 {
		rest := fmt.Sprintf(" %s=%s\n", kv[i], kv[i+1])
		n := len(rest) + 1
		for len(fmt.Sprint(n))+len(rest) != n {
			n++
		}
		body = append(body, fmt.Sprint(n)+rest...)
	}
	return append(rawHeader("pax", tar.TypeXHeader, int64(len(body)), nil), pad(body)...)
}

// zeros gives n zero bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

func gzipped(t testing.TB, parts ...io.Reader) []byte {
	t.Helper()
	var buf bytes.Buffer
	gz, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	must(t, err)
	_, err = io.Copy(gz, io.MultiReader(parts...))
	must(t, err)
	must(t, gz.Close())
	return buf.Bytes()
}

// zeroMembers gives n gzip members of 16 MiB of zeros each.
func zeroMembers(t testing.TB, n int) []byte {
	return bytes.Repeat(gzipped(t, &zeros{16 << 20}), n)
}

func TestBombs(t *testing.T) {
	oldSparse := func(b []byte) {
		copy(b[257:], "ustar  \x00")
		copy(b[386:], "00000000000\x0000000001000\x00") // one fragment of 512 bytes
		b[483] = 0x80
		binary.BigEndian.PutUint64(b[487:], 1<<60)
	}
	exa := fmt.Sprint(int64(1) << 60)
	longName := strings.Repeat("n", 1000000)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	block := pad([]byte("x"))
	tests := []struct {
		name string
		data func() []byte
		want string
	}{
		{"meta.json of 1 GiB", func() []byte {
			return append(gzipped(t, bytes.NewReader(rawHeader("meta.json", '0', 1<<30, nil))), zeroMembers(t, 64)...)
		}, "failed to read snapshot metadata: meta.json has 1073741824 bytes, at most 1048576 are accepted"},
		{"SHA256SUMS of 2^60", func() []byte {
			return gzipped(t, bytes.NewReader(rawHeader("SHA256SUMS", '0', 1<<60, nil)), &zeros{1 << 20})
		}, "failed to read snapshot hashes: SHA256SUMS has 1152921504606846976 bytes"},
		{"old GNU sparse", func() []byte {
			return gzipped(t, bytes.NewReader(join(rawHeader("state.bin", 'S', 512, oldSparse), block)))
		}, `hash check failed for "state.bin" (it is stored as a sparse file`},
		{"PAX sparse 0.1", func() []byte {
			return gzipped(t, bytes.NewReader(join(paxRecords("GNU.sparse.major", "0", "GNU.sparse.minor", "1",
				"GNU.sparse.numblocks", "1", "GNU.sparse.map", "0,1", "GNU.sparse.size", exa),
				rawHeader("state.bin", '0', 1, nil), block)))
		}, `hash check failed for "state.bin" (it is stored as a sparse file`},
		{"PAX sparse 1.0", func() []byte {
			return gzipped(t, bytes.NewReader(join(paxRecords("GNU.sparse.major", "1", "GNU.sparse.minor", "0",
				"GNU.sparse.name", "state.bin", "GNU.sparse.realsize", exa),
				rawHeader("x", '0', 1024, nil), pad([]byte("1\n0\n512\n")), block)))
		}, `hash check failed for "state.bin" (it is stored as a sparse file`},
		{"PAX size of 2^62 over short data", func() []byte {
			return gzipped(t, bytes.NewReader(join(paxRecords("size", fmt.Sprint(int64(1)<<62)),
				rawHeader("state.bin", '0', 1, nil), block)))
		}, "failed to read or write snapshot data: unexpected EOF"},
		{"PAX header of 1 GiB", func() []byte {
			return append(gzipped(t, bytes.NewReader(rawHeader("pax", 'x', 1<<30, nil))), zeroMembers(t, 64)...)
		}, "failed reading snapshot: archive/tar: header field too long"},
		{"GNU long name of 1 MB", func() []byte {
			return gzipped(t, bytes.NewReader(join(rawHeader("././@LongLink", 'L', int64(len(longName)), func(b []byte) {
				copy(b[257:], "ustar  \x00")
			}), pad([]byte(longName)), rawHeader("short", '0', 0, nil))))
		}, `unexpected file "` + longName[:128] + `"... in snapshot`},
		{"zeros after the end", func() []byte {
			return zeroMembers(t, 4)
		}, `file missing for "meta.json"`},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			checkGoroutines(t)
			data := tc.data()
			var err error
			checkAllocated(t, 12<<20, func() { _, err = archive.Read(bytes.NewReader(data), nil) })
			if !errors.Is(err, archive.ErrCorrupt) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("message of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestMemoryDoesNotGrowWithTheArchive(t *testing.T) {
	const size = 256 << 20
	data := append(gzipped(t, bytes.NewReader(rawHeader("state.bin", '0', size, nil))), zeroMembers(t, 20)...)
	var n int64
	var err error
	checkAllocated(t, 6<<20, func() {
		_, err = archive.Read(bytes.NewReader(data), func(_ *archive.Meta, r io.Reader) error {
			var err error
			n, err = io.Copy(io.Discard, r)
			return err
		})
	})
	if n != size || !errors.Is(err, archive.ErrCorrupt) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestIrregularMembers(t *testing.T) {
	tests := []struct {
		member string
		flag   byte
		want   string
	}{
		{"state.bin", tar.TypeLink, "a hard link"},
		{"state.bin", tar.TypeDir, "a directory"},
		{"state.bin", tar.TypeChar, "a device"},
		{"meta.json", tar.TypeSymlink, `hash check failed for "meta.json" (it is a symbolic link`},
		{"SHA256SUMS", tar.TypeFifo, "failed to read snapshot hashes: SHA256SUMS: it is a device"},
		{"state.bin", 'Z', "of the unknown type 'Z'"},
	}
	for _, tc := range tests {
		t.Run(tc.member+" "+string(tc.flag), func(t *testing.T) {
			data := gzipped(t, bytes.NewReader(rawHeader(tc.member, tc.flag, 0, nil)))
			_, err := archive.Read(bytes.NewReader(data), func(*archive.Meta, io.Reader) error {
				t.Error("handed over")
				return nil
			})
			if !errors.Is(err, archive.ErrCorrupt) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSecondSumsAreRefused(t *testing.T) {
	members, headers := unpackStd(t, realArchive(t, "empty"))
	data := packStd(t, headers[0].ModTime, append(members, members[2])...)
	_, err := archive.Read(bytes.NewReader(data), nil)
	if err == nil || !strings.HasSuffix(err.Error(), "SHA256SUMS: the archive holds it more than once") {
		t.Errorf("got %v", err)
	}
}
