package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
)

var testMeta = archive.Meta{
	Version: 1, ID: "2-148-1795247781585", Index: 148, Term: 2, Peers: []byte("\x91\xaf127.0.0.1:21011"),
	Configuration: archive.Configuration{Servers: []archive.Server{{
		ID: "aaaaaaaa-0002-4000-8000-000000000001", Address: "127.0.0.1:21011",
	}}},
	ConfigurationIndex: 1, Size: -5,
}

// build writes an archive with a Writer, feeding it in pieces of the given size.
func build(t testing.TB, state []byte, piece int) ([]byte, *archive.Result) {
	t.Helper()
	w, err := archive.NewWriter(t.TempDir())
	must(t, err)
	defer func() { must(t, w.Close()) }()
	for rest := state; len(rest) > 0; {
		n, err := w.Write(rest[:min(piece, len(rest))])
		must(t, err)
		rest = rest[n:]
	}
	res, err := w.Finish(testMeta, time.Unix(1795247781, 999))
	must(t, err)
	var buf bytes.Buffer
	n, err := w.WriteTo(&buf)
	must(t, err)
	if n != int64(buf.Len()) || n != w.Len() || n != res.Bytes {
		t.Errorf("wrote %d of %d, Len %d, Bytes %d", n, buf.Len(), w.Len(), res.Bytes)
	}
	return buf.Bytes(), res
}

func TestWriterRoundTrip(t *testing.T) {
	random := make([]byte, 5<<20)
	rand.New(rand.NewSource(1)).Read(random)
	mixed := append(kvBytes(17<<20), random...)
	tests := []struct {
		name  string
		state []byte
		piece int
	}{
		{"empty", nil, 1},
		{"one byte", []byte{1}, 1},
		{"a whole tar block", kvBytes(512), 100},
		{"one more than a block", kvBytes(513), 1000},
		{"exactly one sample", kvBytes(128 << 10), 4096},
		{"three blocks and a bit", kvBytes(800<<10 + 1), 33333},
		{"zeros", make([]byte, 3<<20), 1 << 20},
		{"random", random, 1 << 16},
		{"several segments of different kind", mixed, 1 << 20},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			checkGoroutines(t)
			data, wrote := build(t, tc.state, tc.piece)
			var state bytes.Buffer
			read, err := archive.Read(bytes.NewReader(data), func(_ *archive.Meta, r io.Reader) error {
				_, err := io.Copy(&state, r)
				return err
			})
			must(t, err)
			if !bytes.Equal(state.Bytes(), tc.state) {
				t.Error("state.bin differs")
			}
			if read.StateSHA256 != wrote.StateSHA256 || read.Bytes != wrote.Bytes || read.Meta.ID != testMeta.ID {
				t.Errorf("read  %+v\nwrote %+v", read, wrote)
			}
			must(t, read.Meta.CheckRestorable(int64(len(tc.state))))
		})
	}
}

func TestWriterForTheStandardLibrary(t *testing.T) {
	state := kvBytes(300<<10 + 3)
	data, _ := build(t, state, 7777)
	members, headers := unpackStd(t, data)
	if len(members) != 3 || members[0].name != "meta.json" || members[1].name != "state.bin" || members[2].name != "SHA256SUMS" {
		t.Fatalf("members %+v", headers)
	}
	const wantMeta = `{"Version":1,"ID":"2-148-1795247781585","Index":148,"Term":2,"Peers":"ka8xMjcuMC4wLjE6MjEwMTE=",` +
		`"Configuration":{"Servers":[{"Suffrage":0,"ID":"aaaaaaaa-0002-4000-8000-000000000001","Address":"127.0.0.1:21011"}]},` +
		`"ConfigurationIndex":1,"Size":307203}` + "\n"
	if string(members[0].data) != wantMeta {
		t.Errorf("meta.json is %s", members[0].data)
	}
	if !bytes.Equal(members[1].data, state) {
		t.Error("state.bin differs")
	}
	if !bytes.HasPrefix(data, []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")) {
		t.Errorf("gzip header % x", data[:10])
	}
	for _, h := range headers {
		if h.Format != tar.FormatUSTAR || h.Typeflag != tar.TypeReg || h.Mode != 0o600 || h.Uid != 0 || h.Gid != 0 ||
			h.Uname != "" || h.Gname != "" || h.ModTime.Unix() != 1795247781 {
			t.Errorf("header %+v", h)
		}
	}
	// The tar stream is that which the standard library writes for these members, to the byte.
	again := packStd(t, time.Unix(1795247781, 0), members...)
	if !bytes.Equal(gunzip(t, data), gunzip(t, again)) {
		t.Error("the tar streams differ")
	}
}

func gunzip(t testing.TB, data []byte) []byte {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(data))
	must(t, err)
	out, err := io.ReadAll(gz)
	must(t, err)
	return out
}

func TestGoldenTarIsWhatTheWriterWrites(t *testing.T) {
	for _, name := range []string{"empty", "kv", "full", "large-kv"} {
		t.Run(name, func(t *testing.T) {
			data := realArchive(t, name)
			members, headers := unpackStd(t, data)
			w, err := archive.NewWriter(t.TempDir())
			must(t, err)
			defer func() { must(t, w.Close()) }()
			_, err = w.Write(members[1].data)
			must(t, err)
			res, err := archive.Read(bytes.NewReader(data), nil)
			must(t, err)
			_, err = w.Finish(res.Meta, headers[0].ModTime)
			must(t, err)
			var buf bytes.Buffer
			_, err = w.WriteTo(&buf)
			must(t, err)
			got, _ := unpackStd(t, buf.Bytes())
			if !bytes.Equal(got[0].data, members[0].data) {
				t.Errorf("meta.json\n%s\n%s", got[0].data, members[0].data)
			}
			// Consul writes the two lines of the sums in random order.
			if string(got[2].data) != sorted(members[2].data) {
				t.Errorf("SHA256SUMS\n%s\n%s", got[2].data, members[2].data)
			}
			if head, want := gunzip(t, buf.Bytes()), gunzip(t, data); !bytes.Equal(head[:len(head)-1536], want[:len(want)-1536]) {
				t.Error("the tar streams differ before the content of SHA256SUMS")
			}
			if again := packStd(t, headers[0].ModTime, members...); !bytes.Equal(again, data) {
				t.Error("the standard library packs these members into other bytes")
			}
		})
	}
}

// sorted puts the line of meta.json before that of state.bin.
func sorted(sums []byte) string {
	lines := strings.SplitAfter(string(sums), "\n")
	if strings.HasSuffix(lines[0], "state.bin\n") {
		lines[0], lines[1] = lines[1], lines[0]
	}
	return strings.Join(lines, "")
}

func TestArchivesAreSmall(t *testing.T) {
	members, _ := unpackStd(t, realArchive(t, "large-kv"))
	states := map[string][]byte{"large-kv": members[1].data, "key/value": kvBytes(20 << 20), "random": make([]byte, 4<<20)}
	rand.New(rand.NewSource(2)).Read(states["random"])
	for name, state := range states {
		t.Run(name, func(t *testing.T) {
			var std bytes.Buffer
			gz, err := gzip.NewWriterLevel(&std, 6)
			must(t, err)
			_, err = gz.Write(state)
			must(t, err)
			must(t, gz.Close())
			data, _ := build(t, state, 1<<20)
			if ratio := float64(len(data)) / float64(std.Len()); ratio > 1.05 {
				t.Errorf("%d bytes, gzip -6 gives %d: ratio %.3f", len(data), std.Len(), ratio)
			}
		})
	}
}

func TestWriterLeavesNothingBehind(t *testing.T) {
	checkGoroutines(t)
	dir := t.TempDir()
	w, err := archive.NewWriter(dir)
	must(t, err)
	_, err = w.Write(kvBytes(2 << 20))
	must(t, err)
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 0 {
		t.Errorf("the spool has a name: %v", entries)
	}
	must(t, w.Close())
	must(t, w.Close())
}

func TestWriterOutOfOrder(t *testing.T) {
	w, err := archive.NewWriter("")
	must(t, err)
	if _, err := w.WriteTo(io.Discard); err == nil || w.Len() != 0 {
		t.Error("WriteTo before Finish worked")
	}
	_, err = w.Finish(testMeta, time.Time{})
	must(t, err)
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("Write after Finish worked")
	}
	if _, err := w.Finish(testMeta, time.Time{}); err == nil {
		t.Error("a second Finish worked")
	}
	for range 2 {
		if n, err := w.WriteTo(io.Discard); err != nil || n != w.Len() {
			t.Errorf("WriteTo after that: %d, %v", n, err)
		}
	}
	must(t, w.Close())
	if _, err := w.WriteTo(io.Discard); err == nil {
		t.Error("WriteTo after Close worked")
	}
	if _, err := w.Write(nil); err == nil {
		t.Error("Write after Close worked")
	}
}

func TestWriterErrorsOfTheTarget(t *testing.T) {
	data := errors.New("client went away")
	w, err := archive.NewWriter("")
	must(t, err)
	defer func() { must(t, w.Close()) }()
	_, err = w.Finish(testMeta, time.Now())
	must(t, err)
	if _, err := w.WriteTo(failingTarget{data}); err != data {
		t.Errorf("got %v", err)
	}
}

type failingTarget struct{ err error }

func (f failingTarget) Write([]byte) (int, error) { return 0, f.err }

func TestNewWriterNamesTheDirectory(t *testing.T) {
	dir := t.TempDir() + "/missing"
	_, err := archive.NewWriter(dir)
	if want := "create snapshot spool in " + dir + ": no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}
