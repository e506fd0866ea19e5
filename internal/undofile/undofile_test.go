package undofile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var entries = []*Entry{
	{"key", []byte("\x02before"), [][]byte{[]byte("\x02after")}},
	{"key", nil, [][]byte{[]byte("\x02made")}},
	{"ACL policy", []byte("\x13gone"), [][]byte{nil, []byte("\x13other")}},
	{"key", bytes.Repeat([]byte("x"), 300_000), nil},
}

var header = &Header{
	Datacenter: "dc1", TrustDomain: "x.consul", Address: "http://127.0.0.1:8500", Source: "a.snap", Made: time.Unix(1700000000, 0).UTC(),
	Keys: []Span{{"app/", true}, {"one", false}},
}

// write writes a file with all entries.
func write(t testing.TB, path string) {
	t.Helper()
	w, err := Create(t.Context(), path, header)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := w.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// all are the entries of a file.
func all(t testing.TB, f *File) (got []*Entry) {
	t.Helper()
	err := f.Each(func(e *Entry) error {
		c := &Entry{Family: e.Family, Before: bytes.Clone(e.Before)}
		for _, after := range e.After {
			c.After = append(c.After, bytes.Clone(after))
		}
		got = append(got, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// What is written is read again, any number of times, and the note of its end with it.
func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "undo")
	write(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !reflect.DeepEqual(&f.Header, header) || f.Count != uint64(len(entries)) || !f.Finished.IsZero() {
		t.Errorf("header %+v, %d entries, finished %v", f.Header, f.Count, f.Finished)
	}
	for range 2 {
		if got := all(t, f); !reflect.DeepEqual(got, entries) {
			t.Errorf("%d entries, or others", len(got))
		}
	}
	at := time.Unix(1700000100, 0).UTC()
	if err := Finish(path, at); err != nil {
		t.Fatal(err)
	}
	done, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer done.Close()
	if !done.Finished.Equal(at) || len(all(t, done)) != len(entries) {
		t.Errorf("finished %v", done.Finished)
	}
}

// A file that was given up is not there, and leaves the one before.
func TestAbort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "undo")
	write(t, path)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Create(t.Context(), path, header)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Add(entries[0]), w.Abort()); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file before was changed: %v", err)
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(names) != 1 {
		t.Errorf("left: %q", names)
	}
}

// Whatever byte is another, and wherever a file ends, it is refused; a note of the end that was cut short is none.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "undo")
	saved := entries
	entries = entries[:3]
	defer func() { entries = saved }()
	write(t, path)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sound {
		bad := bytes.Clone(sound)
		bad[i] ^= 0x41
		if _, err := Read(bytes.NewReader(bad)); err == nil {
			t.Fatalf("byte %d was changed, and nobody noticed", i)
		}
		if _, err := Read(bytes.NewReader(sound[:i])); err == nil {
			t.Fatalf("cut at byte %d, and nobody noticed", i)
		}
	}
	note := "done 2026-11-22T06:00:00Z\n"
	for i := range note {
		f, err := Read(strings.NewReader(string(sound) + note[:i]))
		if err != nil || !f.Finished.IsZero() {
			t.Fatalf("a note of %d bytes: %v", i, err)
		}
	}
	for _, tail := range []string{"x", "done yesterday\n", note + note, "\n"} {
		if _, err := Read(strings.NewReader(string(sound) + tail)); !errors.Is(err, ErrDamaged) {
			t.Errorf("with %q behind it: %v", tail, err)
		}
	}
	if _, err := Read(strings.NewReader("lictor undo 2\n{}\n")); err == nil || !strings.Contains(err.Error(), "format") {
		t.Errorf("a later format: %v", err)
	}
	if _, err := Read(strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "no undo file") {
		t.Errorf("an empty file: %v", err)
	}
}

// Nothing in a file makes reading it fail in any other way than with an error.
func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "undo")
	write(f, path)
	sound, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sound[:500])
	f.Add([]byte("lictor undo 1\n{}\n\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		_ = u.Each(func(*Entry) error { return nil }) // an error at most
	})
}

// Nothing in an entry either: its checksum may be that of whoever made it up.
func FuzzParse(f *testing.F) {
	f.Add([]byte("\x03key\x00\x01\x00"))
	f.Add([]byte("\x03key\x03\x02a\x02\x00\x03\x02b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parse(b)
		if err == nil && len(e.Family)+len(e.Before) > len(b) {
			t.Fatal("it holds more than there was")
		}
	})
}
