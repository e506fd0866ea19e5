package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// emptyInConsul are the types that the real decode prints without their data,
// and Resource, inside which it expands a message that nothing describes.
var emptyInConsul = map[string]bool{
	"KVS": true, "Session": true, "Tombstone": true, "PreparedQuery": true, "Autopilot": true, "ConnectCA": true, "Resource": true,
}

func typeOfLine(line string) string {
	_, name, _ := strings.Cut(line[strings.LastIndex(line, `,"Type":`):], ":")
	return strings.Trim(name, `"}`)
}

func TestDecodeLikeConsul(t *testing.T) {
	for _, name := range []string{"empty", "kv", "full"} {
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(allFixtures, "consul-1.21.4", name+".decode.ndjson"))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(strings.TrimSpace(string(b)), "\n")
			res := lictor("snapshot", "decode", fixturePath("consul-1.21.4/"+name))
			got := strings.Split(strings.TrimSpace(res.out), "\n")
			if res.code != 0 || res.err != "" || len(got) != len(want) {
				t.Fatalf("exit %d, stderr %q, %d lines, want %d", res.code, res.err, len(got), len(want))
			}
			for i := range want {
				typ := typeOfLine(want[i])
				switch {
				case typeOfLine(got[i]) != typ:
					t.Errorf("line %d is %s, want %s", i+1, typeOfLine(got[i]), typ)
				case emptyInConsul[typ]:
					if !strings.Contains(got[i], `"ID":"`) && !strings.Contains(got[i], `"Key":"`) && typ != "Autopilot" && typ != "Resource" {
						t.Errorf("line %d is empty: %s", i+1, got[i])
					}
				case got[i] != want[i]:
					t.Errorf("line %d\ngot  %s\nwant %s", i+1, got[i], want[i])
				}
			}
		})
	}
}

func TestDecodePrintsWhatConsulDoesNot(t *testing.T) {
	out := lictor("snapshot", "decode", fixturePath("consul-1.21.4/full")).out
	for _, want := range []string{
		`"Key":"locks/ttl","Flags":0,`, `"Session":"a3ad9f09-1669-c143-8658-defa17b30100",`, // a lock
		`{"Data":{"ID":"a3ad9f09-1669-c143-8658-defa17b30100","Name":"ttl","Node":"lictor-full-1","LockDelay":7000000000,"Behavior":"delete",`,
		`"Name":"geo-","Session":"","Token":"","Template":{"Type":"name_prefix_match","Regexp":"^geo-(.*?)-([^\\-]+?)$",`,
		`{"Data":{"CleanupDeadServers":true,"LastContactThreshold":200000000,`,
		`"Name":"Consul CA Primary Cert","SerialNumber":12,`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %s", want)
		}
	}
}

// archiveMembers takes an archive apart.
func archiveMembers(t *testing.T, b []byte) map[string][]byte {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if out[h.Name], err = io.ReadAll(tr); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDecodeSources(t *testing.T) {
	archive := snapshotBytes(t, "consul-1.21.4/kv")
	want := lictor("snapshot", "decode", fixturePath("consul-1.21.4/kv"))
	t.Setenv("TMPDIR", t.TempDir())
	check(t, lictorReading(string(archive), "snapshot", "decode", "-"), want)
	if left := entries(t, os.TempDir()); left != "" {
		t.Errorf("left %q", left)
	}
	raw := t.TempDir()
	for name, content := range archiveMembers(t, archive) {
		if err := os.WriteFile(filepath.Join(raw, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check(t, lictor("snapshot", "decode", filepath.Join(raw, "state.bin")), want)
	if err := os.Remove(filepath.Join(raw, "meta.json")); err != nil {
		t.Fatal(err)
	}
	check(t, lictor("snapshot", "decode", filepath.Join(raw, "state.bin")), failed("Error reading meta.json from internal snapshot dir: open "+
		filepath.Join(raw, "meta.json")+": no such file or directory"))
}

func TestDecodeOdd(t *testing.T) {
	res := lictor("snapshot", "decode", fixturePath("damaged/order-reversed"))
	if res.code != 0 || !strings.HasPrefix(res.out, `{"Data":{"Version":1,"ID":"2-233-`) {
		t.Errorf("metadata at the end of the archive: exit %d, %.80q", res.code, res.out)
	}
	res = lictor("snapshot", "decode", fixturePath("damaged/state-unknown-type"))
	if res.code != 0 || !strings.Contains(res.out, `,"Type":"Unknown(99)"}`+"\n") {
		t.Errorf("unknown type: exit %d", res.code)
	}
}

func TestDecodeFails(t *testing.T) {
	tests := []struct {
		name    string
		args    string
		want    string // beginning of the line
		printed bool
	}{
		{"no file", "", "Missing FILE argument\n", false},
		{"two files", "a b", "Too many arguments (expected 1, got 2)\n", false},
		{"absent", "/nope.snap", "Error opening snapshot file: open /nope.snap: no such file or directory\n", false},
		{"bad trailer", fixturePath("damaged/gzip-bad-crc"), "Error reading snapshot: gzip: invalid checksum\n", false},
		{"bad sum", fixturePath("damaged/state-bitflip"),
			"Error reading snapshot: failed to read snapshot file: failed checking integrity of snapshot: hash check failed for \"state.bin\"", false},
		{"records end early", fixturePath("damaged/state-truncated"), "Error extracting snapshot data: failed to decode msg type KVS, error unexpected EOF", true},
		{"no records", fixturePath("damaged/state-empty"), "Error extracting snapshot data: EOF", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := lictor(words("snapshot decode " + tt.args)...)
			if got.code != 1 || (got.out != "") != tt.printed || !strings.HasPrefix(got.err, tt.want) {
				t.Errorf("exit %d, %d bytes, stderr %q, want %q", got.code, len(got.out), got.err, tt.want)
			}
		})
	}
	var stderr bytes.Buffer
	code := run([]string{"lictor", "snapshot", "decode", fixturePath("consul-1.21.4/kv")}, nil, fullDisk{}, &stderr)
	if code != 1 || stderr.String() != "Error writing to standard output: no space left on device\n" {
		t.Errorf("exit %d, %q", code, stderr.String())
	}
}
