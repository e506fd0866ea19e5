package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/golden"
)

func readFixture(t *testing.T, name string) string {
	t.Helper()
	return string(golden.Read(t, "consul-1.21.4/"+name))
}

// inspectFixture runs "snapshot inspect" with args, whose last word is the name
// of a fixture.
func inspectFixture(args string) result {
	line := words("snapshot inspect " + args)
	line[len(line)-1] = golden.Path("consul-1.21.4/" + line[len(line)-1])
	return lictor(line...)
}

// Every byte is what the real Consul printed.
func TestInspectLikeConsul(t *testing.T) {
	for _, name := range []string{"empty", "kv", "full"} {
		blocks := strings.Split("\n"+readFixture(t, name+".inspect.txt"), "\n# consul snapshot inspect ")
		if len(blocks) != 4 || blocks[0] != "" {
			t.Fatalf("%s: %d blocks in the golden file, want 3", name, len(blocks)-1)
		}
		for i, block := range blocks[1:] {
			args, want, _ := strings.Cut(block, "\n")
			if i == 2 {
				want = strings.TrimSuffix(want, "\n") // the file's own end
			}
			t.Run(args, func(t *testing.T) { check(t, inspectFixture(args), ok(strings.TrimSuffix(want, "\n"))) })
		}
		for args, file := range map[string]string{
			"-format=json " + name + ".snap":            name + ".inspect.json",
			"-format=json -kvdetails " + name + ".snap": name + ".inspect-kvdetails.json",
		} {
			want := strings.TrimSuffix(readFixture(t, file), "\n")
			t.Run(args, func(t *testing.T) { check(t, inspectFixture(args), ok(want)) })
		}
	}
}

func TestInspectKeyGroups(t *testing.T) {
	tests := []struct {
		name, args string
		in, out    string // a line that must, and one that must not be there
	}{
		{"depth 0 is one group", "-kvdetails -kvdepth=0 kv.snap", "               199        219.3KB", " config"},
		{"filter", "-kvdetails -kvfilter=config/prod kv.snap", " config/prod", " config/stage"},
		{"filter without match has no table", "-kvdetails -kvfilter=nope kv.snap", " KVS", " Key Name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := inspectFixture(tt.args)
			if got.code != 0 || !strings.Contains(got.out, "\n"+tt.in) || strings.Contains(got.out, "\n"+tt.out) {
				t.Errorf("exit %d, stderr %q\n%s", got.code, got.err, got.out)
			}
		})
	}
	got := inspectFixture("-kvfilter=config empty.snap")
	if want := "Warning: -kvdepth and -kvfilter have no effect without -kvdetails and are ignored\n"; got.code != 0 || got.err != want {
		t.Errorf("exit %d, stderr %q", got.code, got.err)
	}
}

func TestInspectRefuses(t *testing.T) {
	snap := readFixture(t, "empty.snap")
	rawDir := t.TempDir()
	raw := filepath.Join(rawDir, "state.bin")
	if err := os.WriteFile(raw, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		want string // the beginning of the line
	}{
		{"no file", nil, "Missing FILE argument\n"},
		{"two files", words("a b"), "Too many arguments (expected 1, got 2)\n"},
		{"flag behind the file", words("a -kvdetails"), "Too many arguments (expected 1, got 2)\n"},
		{"unknown format", words("-format=JSON a"), "Error outputting enhanced snapshot data: Unknown format: JSON\n"},
		{"absent", words("/nope.snap"), "Error opening snapshot file: open /nope.snap: no such file or directory\n"},
		{"empty", []string{write(t, "a.snap", "")}, "Error reading snapshot: failed to decompress snapshot: EOF"},
		{"not gzip", []string{write(t, "a.snap", "this is not a snapshot")},
			"Error reading snapshot: failed to decompress snapshot: gzip: invalid header"},
		{"cut", []string{write(t, "a.snap", snap[:len(snap)/2])}, "Error reading snapshot: failed to read snapshot file: "},
		{"undecodable records", []string{write(t, "a.snap", badRecords(t))}, "Error extracting snapshot data: "},
		{"raw state without metadata", []string{raw}, "Error reading meta.json from internal snapshot dir: open " +
			filepath.Join(rawDir, "meta.json") + ": no such file or directory\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := lictor(append(words("snapshot inspect"), tt.args...)...)
			if got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, tt.want) || strings.Count(got.err, "\n") != 1 {
				t.Errorf("exit %d, stdout %q, stderr %q, want %q", got.code, got.out, got.err, tt.want)
			}
		})
	}
}

// badRecords is an archive whose sums and sizes fit and whose records do not.
func badRecords(t *testing.T) string {
	t.Helper()
	w, err := archive.NewWriter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write([]byte("\x80\x02\x81")); err != nil { // header {}, then a KVS record that ends in its map
		t.Fatal(err)
	}
	if _, err := w.Finish(archive.Meta{Version: 1, ID: "2-5-1"}, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFormatSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 1: "1B", 950: "950B", 1023: "1023B", 1024: "1KB", 2048: "2KB", 8602: "8.4KB",
		1 << 20: "1MB", 1<<20 + 1<<19: "1.5MB", 1 << 30: "1GB", 1 << 40: "1TB", 1 << 50: "1024TB",
	} {
		if got := formatSize(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for name, want := range map[string]string{"a b/ü": "a b/ü", "": "", "a\tb": `"a\tb"`, "\x1b[2J": `"\x1b[2J"`} {
		if got := printable(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func TestInspectStandardInput(t *testing.T) {
	want := inspectFixture("full.snap")
	check(t, lictorReading(readFixture(t, "full.snap"), "snapshot", "inspect", "-"), want)
	check(t, lictorReading("", "snapshot", "inspect", "-"), failed("Error reading snapshot: failed to decompress snapshot: EOF"))
}
