package kvarchive

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
)

// Every archive of consul-snapshot is known, the bad ones too, also if little of it is there.
func TestSniffOld(t *testing.T) {
	for name := range expectations(t) {
		data := golden.Read(t, fixtures+name)
		for _, n := range []int{len(data), min(len(data), 250)} {
			if start := Recognize(data[:n]); start != (Start{Old: true, Encrypted: strings.Contains(name, "encrypted")}) {
				t.Errorf("%s, %d bytes: %+v", name, n, start)
			}
		}
	}
	for name, data := range map[string][]byte{
		"members without a directory": packed(t, sound()[0], member{"meta.json", "{}"}),
		"packed by hand":              packed(t, member{"./x/README", "x"}, member{"./x/meta.json", "{}"}),
		"null of 0.1":                 gzipped(t, []byte("null")),
		"space before the array":      gzipped(t, []byte(" \n[")),
		"a directory alone":           special(t, &tar.Header{Name: "h.consul.snapshot.17/", Typeflag: tar.TypeDir}),
		"cut in the seal":             []byte(sealMark),
	} {
		if start := Recognize(data); !start.Old {
			t.Errorf("%s: %+v", name, start)
		}
	}
}

// No snapshot of Consul is taken for one, however damaged.
func TestSniffNative(t *testing.T) {
	for _, dir := range []string{"consul-1.21.4", "damaged"} {
		files, err := filepath.Glob(golden.Path(dir + "/*.snap"))
		must(t, err)
		if len(files) < 4 {
			t.Fatalf("%s has %d snapshots", dir, len(files))
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			must(t, err)
			start := Recognize(data[:min(len(data), sniffed)])
			if name := filepath.Base(file); start != (Start{}) {
				t.Errorf("%s: %+v", name, start)
			}
		}
	}
	if start := Recognize(nil); start != (Start{}) {
		t.Errorf("nothing: %+v", start)
	}
}

func TestSniffLooks(t *testing.T) {
	for text, want := range map[string]string{
		"hello": "", "<?xml version": "XML, such as the errors of object stores", "PK\x03\x04...": "a zip archive", `[{"Key":"a"}]`: "JSON that is not compressed", `{"a":1}`: "JSON that is not compressed",
		string(tarred(t, sound()...)): "a tar archive that is not compressed", "\x00\x01\x02": "",
		string(gzipped(t, []byte(strings.Repeat("hello ", 200)))): "", string(packed(t, member{"etc/passwd", "x"})): `a tar archive that begins with "etc/passwd"`,
	} {
		if start := Recognize([]byte(text)); start.Old || start.Looks != want {
			t.Errorf("%.20q: %+v, want %q", text, start, want)
		}
	}
}

// What was looked at is still there.
func TestSniffLeavesTheStream(t *testing.T) {
	data := golden.Read(t, fixtures+"plain/consul-backup-1.consul.snapshot.1795246816.tar.gz")
	long := append(bytes.Clone(data), make([]byte, 3*sniffed)...)
	start, whole := Sniff(bytes.NewReader(long))
	got, err := io.ReadAll(whole)
	if must(t, err); !start.Old || !bytes.Equal(got, long) {
		t.Errorf("%+v, %d of %d bytes", start, len(got), len(long))
	}
}

// Whatever the bytes are, nothing panics, and what Open can read is known.
func FuzzSniff(f *testing.F) {
	for name := range expectations(f) {
		f.Add(golden.Read(f, fixtures+name))
	}
	for _, name := range []string{"consul-1.21.4/empty.snap", "damaged/directory-member.snap", "damaged/not-gzip.snap"} {
		f.Add(golden.Read(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		start := Recognize(data)
		if start.Old && start.Looks != "" {
			t.Errorf("both: %+v", start)
		}
		if a, err := Open(t.Context(), bytes.NewReader(data), Options{Passphrase: passphrase}); err == nil {
			if must(t, a.Close()); !start.Old {
				t.Errorf("an archive that opens is not known: %+v", start)
			}
		}
	})
}
