package archive_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/golden"
)

// rawDir lays out a snapshot as a server's data directory holds it.
func rawDir(t *testing.T, base, meta string, state []byte) (path string) {
	t.Helper()
	dir := t.TempDir()
	if meta != "" {
		must(t, os.WriteFile(filepath.Join(dir, "meta.json"), []byte(meta), 0o600))
	}
	path = filepath.Join(dir, base)
	must(t, os.WriteFile(path, state, 0o600))
	return path
}

func crcOf(data []byte) string {
	sum := crc64.Checksum(data, crc64.MakeTable(crc64.ECMA))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, sum))
}

func TestOpenFileArchive(t *testing.T) {
	f, err := archive.OpenFile(golden.Path("consul-1.21.4/kv.snap"))
	must(t, err)
	defer func() { must(t, f.Close()) }()
	for range 2 {
		res, err := f.Read(nil)
		must(t, err)
		if f.Raw() || res.Meta.Index != 233 || res.StateSize != 231425 || res.Bytes != 9847 {
			t.Errorf("%+v", res)
		}
	}
}

func TestOpenFileRaw(t *testing.T) {
	state := kvBytes(700 << 10)
	good := fmt.Sprintf(`{"Version":1,"ID":"a","Index":7,"Size":%d,"CRC":%q}`, len(state), crcOf(state))
	tests := []struct{ name, base, meta, err string }{
		{"as Raft writes it", "state.bin", good, ""},
		{"any case", "STATE.Bin", good, ""},
		{"without CRC", "state.bin", `{"Version":1,"ID":"a","Index":7}`, ""},
		{"other CRC", "state.bin", strings.Replace(good, crcOf(state), crcOf(nil), 1), `hash check failed for "state.bin"`},
		{"short CRC", "state.bin", strings.Replace(good, crcOf(state), "AAAA", 1), `hash check failed for "state.bin"`},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			checkGoroutines(t)
			f, err := archive.OpenFile(rawDir(t, tc.base, tc.meta, state))
			must(t, err)
			defer func() { must(t, f.Close()) }()
			var got bytes.Buffer
			res, err := f.Read(func(m *archive.Meta, r io.Reader) error {
				if m == nil || m.Index != 7 {
					t.Errorf("meta %+v", m)
				}
				_, err := io.Copy(&got, r)
				return err
			})
			if !f.Raw() || !bytes.Equal(got.Bytes(), state) {
				t.Error("state.bin was not handed over as it is")
			}
			if tc.err != "" {
				if !errors.Is(err, archive.ErrCorrupt) || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			must(t, err)
			if res.Meta.ID != "a" || res.StateSize != int64(len(state)) || res.Bytes != res.StateSize {
				t.Errorf("%+v", res)
			}
		})
	}
}

func TestOpenFileRawStateError(t *testing.T) {
	f, err := archive.OpenFile(rawDir(t, "state.bin", `{}`, []byte("x")))
	must(t, err)
	defer func() { must(t, f.Close()) }()
	if _, err := f.Read(failing); !errors.Is(err, errState) || errors.Is(err, archive.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

func TestOpenFileErrors(t *testing.T) {
	_, err := archive.OpenFile("testdata/none.snap")
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != "open testdata/none.snap: no such file or directory" {
		t.Errorf("got %v", err)
	}

	path := rawDir(t, "state.bin", "", nil)
	_, err = archive.OpenFile(path)
	var rme *archive.RawMetaError
	want := "reading meta.json from internal snapshot dir: open " + filepath.Dir(path) + "/meta.json: no such file or directory"
	if !errors.As(err, &rme) || !errors.Is(err, fs.ErrNotExist) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}

	for name, meta := range map[string]string{"not JSON": "x", "bad CRC": `{"CRC":5}`, "too large": strings.Repeat(" ", 2<<20)} {
		_, err := archive.OpenFile(rawDir(t, "state.bin", meta, nil))
		if !errors.As(err, &rme) || !errors.Is(err, archive.ErrCorrupt) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestReadOfADirectoryIsNotDamage(t *testing.T) {
	f, err := archive.OpenFile(t.TempDir())
	must(t, err)
	defer func() { must(t, f.Close()) }()
	if _, err := f.Read(nil); !errors.Is(err, archive.ErrRead) || errors.Is(err, archive.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}
