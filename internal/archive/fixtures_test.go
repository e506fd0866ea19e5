package archive_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/golden"
)

const (
	file      = "failed to read snapshot file: "
	integrity = file + "failed checking integrity of snapshot: "
)

// refused maps each archive that a real Consul refuses to the text it gave; detail may follow the text.
var refused = map[string]string{
	"empty-file":            `failed to decompress snapshot: EOF`,
	"not-gzip":              `failed to decompress snapshot: gzip: invalid header`,
	"gzip-header-only":      `failed to decompress snapshot: unexpected EOF`,
	"gzip-of-text":          file + `failed reading snapshot: archive/tar: invalid tar header`,
	"gzip-of-nothing":       integrity + `file missing for "meta.json"`,
	"gzip-of-empty-tar":     integrity + `file missing for "meta.json"`,
	"truncated-gzip":        file + `failed to read or write snapshot data: unexpected EOF`,
	"truncated-trailer":     `unexpected EOF`,
	"gzip-bad-crc":          `gzip: invalid checksum`,
	"gzip-bad-length":       `gzip: invalid checksum`,
	"gzip-bitflip":          file + `failed reading snapshot: archive/tar: invalid tar header`,
	"state-bitflip":         integrity + `hash check failed for "state.bin"`,
	"meta-tampered":         integrity + `hash check failed for "meta.json"`,
	"wrong-sha256sums":      integrity + `hash check failed for "state.bin"`,
	"sums-empty":            integrity + `file missing for "meta.json"`,
	"sums-missing-line":     integrity + `file missing for "state.bin"`,
	"sums-extra-line":       integrity + `list missing hash for "other.txt"`,
	"sums-malformed":        integrity + `no hex data for %x string`,
	"sums-short-digest":     integrity + `hash check failed for "state.bin"`,
	"sums-binary-marker":    integrity + `list missing hash for "*meta.json"`,
	"sums-blank-line":       integrity + `EOF`,
	"sums-missing":          integrity + `file missing for "meta.json"`,
	"missing-meta":          integrity + `hash check failed for "meta.json"`,
	"missing-meta-unlisted": integrity + `file missing for "meta.json"`,
	"missing-state":         integrity + `hash check failed for "state.bin"`,
	"extra-file":            file + `unexpected file "notes.txt" in snapshot`,
	"extra-file-listed":     file + `unexpected file "notes.txt" in snapshot`,
	"dot-slash-names":       file + `unexpected file "./meta.json" in snapshot`,
	"path-escape":           file + `unexpected file "../evil" in snapshot`,
	"directory-member":      file + `unexpected file "d/" in snapshot`,
	"state-symlink":         integrity + `hash check failed for "state.bin"`,
	"duplicate-state":       integrity + `hash check failed for "state.bin"`,
	"duplicate-meta":        integrity + `hash check failed for "meta.json"`,
	"tar-bad-checksum":      file + `failed reading snapshot: archive/tar: invalid tar header`,
	"tar-zero-padding":      `10240 unread uncompressed bytes remain`,
	"gnu-tar":               `10240 unread uncompressed bytes remain`,
	"pax-global-header":     file + `unexpected file "pax_global_header" in snapshot`,
	"trailing-in-gzip":      `13 unread uncompressed bytes remain`,
	"trailing-garbage":      `gzip: invalid header`,
	"trailing-zeros":        `gzip: invalid header`,
	"trailing-gzip-member":  `6 unread uncompressed bytes remain`,
	"meta-not-json": file +
		`failed to decode snapshot metadata: invalid character 'o' in literal null (expecting 'u')`,
	"meta-wrong-type": file + `failed to decode snapshot metadata: json: cannot unmarshal string into ` +
		`Go struct field SnapshotMeta.Index of type uint64`,
	"tar-huge-size":         file + `failed to read or write snapshot data: unexpected EOF`,
	"tar-huge-size-base256": file + `failed to read or write snapshot data: unexpected EOF`,
}

// unrestorable maps each archive that inspect shows but a restore refuses to the text of the restore.
var unrestorable = map[string]string{
	"meta-null":      `failed to create snapshot: unsupported snapshot version 0`,
	"meta-version-0": `failed to create snapshot: unsupported snapshot version 0`,
	"meta-version-2": `unsupported snapshot version 2`,
	"meta-size-small": `failed to write snapshot, size didn't match ` +
		`(231425 != 231424)`,
	"meta-size-huge":     `failed to write snapshot, size didn't match (231425 != 1152921504606846976)`,
	"meta-size-negative": `failed to write snapshot, size didn't match (231425 != -1)`,
}

// accepted lists the archives that a real Consul takes as archives, those included whose records then kill it.
var accepted = strings.Fields(`ok-rebuilt tar-no-eof tar-one-eof-block gzip-with-name tar-other-modes
	sums-uppercase-hex sums-crlf sums-no-final-newline sums-one-blank sums-three-blanks sums-tab sums-trailing-words
	sums-duplicate-line pax-extended trailing-empty-gzip-member order-reversed meta-unknown-field meta-pretty-printed
	meta-index-zero state-header-only
	state-empty state-truncated state-no-header state-unknown-type state-unknown-ignorable state-legacy-acl
	state-txn-type`)

func damaged(t testing.TB, name string) []byte {
	t.Helper()
	return golden.Read(t, "damaged/"+name+".snap")
}

func realArchive(t testing.TB, name string) []byte {
	t.Helper()
	return golden.Read(t, "consul-1.21.4/"+name+".snap")
}

func TestEveryDamagedFixtureHasAVerdict(t *testing.T) {
	paths, err := filepath.Glob(golden.Path("damaged/*.snap"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for name := range refused {
		want[name] = true
	}
	for name := range unrestorable {
		want[name] = true
	}
	for _, name := range accepted {
		want[name] = true
	}
	if len(paths) != len(want) {
		t.Errorf("%d files, %d verdicts", len(paths), len(want))
	}
	for _, path := range paths {
		if name := strings.TrimSuffix(filepath.Base(path), ".snap"); !want[name] {
			t.Errorf("no verdict for %s", name)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, text := range refused {
		t.Run(name, func(t *testing.T) {
			res, err := archive.Read(bytes.NewReader(damaged(t, name)), nil)
			if err == nil {
				t.Fatalf("accepted, want %q", text)
			}
			if res != nil {
				t.Error("a result beside an error")
			}
			if !errors.Is(err, archive.ErrCorrupt) || errors.Is(err, archive.ErrRead) {
				t.Errorf("not marked as damage alone: %v", err)
			}
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("could be taken for the end of data: %v", err)
			}
			if got := err.Error(); got != text && !strings.HasPrefix(got, text+" (") {
				t.Errorf("got  %s\nwant %s", got, text)
			}
		})
	}
}

func TestErrorDetail(t *testing.T) {
	tests := []struct{ name, member, text string }{
		{"state-bitflip", "state.bin", `(SHA256SUMS says ff6eae2742ce80d6..., its 231425 bytes give 198d0224d3550677...)`},
		{"wrong-sha256sums", "state.bin", `(SHA256SUMS says 0000000000000000..., its 231425 bytes give `},
		{"sums-short-digest", "state.bin", `(SHA256SUMS has a digest of 16 bytes for it, not of 32)`},
		{"missing-state", "state.bin", `(SHA256SUMS lists it, the archive does not hold it)`},
		{"missing-meta", "meta.json", `(SHA256SUMS lists it, the archive does not hold it)`},
		{"state-symlink", "state.bin", `(it is a symbolic link, only regular files are accepted)`},
		{"duplicate-state", "state.bin", `(the archive holds it more than once)`},
		{"truncated-gzip", "state.bin", ``},
		{"meta-not-json", "meta.json", ``},
		{"sums-malformed", "SHA256SUMS", ``},
		{"extra-file", "", ``},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := archive.Read(bytes.NewReader(damaged(t, tc.name)), nil)
			var ae *archive.Error
			if !errors.As(err, &ae) {
				t.Fatalf("not an *Error: %v", err)
			}
			if ae.Member != tc.member || ae.Offset <= 0 {
				t.Errorf("member %q, offset %d", ae.Member, ae.Offset)
			}
			if !strings.Contains(err.Error(), tc.text) {
				t.Errorf("%q does not contain %q", err, tc.text)
			}
		})
	}
}

func TestReadableButNotRestorable(t *testing.T) {
	for name, text := range unrestorable {
		t.Run(name, func(t *testing.T) {
			res, err := archive.Read(bytes.NewReader(damaged(t, name)), nil)
			if err != nil {
				t.Fatal(err)
			}
			err = res.Meta.CheckRestorable(res.StateSize)
			if !errors.Is(err, archive.ErrNotRestorable) || errors.Is(err, archive.ErrCorrupt) {
				t.Fatalf("wrong mark: %v", err)
			}
			if want := "Raft error when restoring snapshot: " + text; err.Error() != want {
				t.Errorf("got  %s\nwant %s", err, want)
			}
		})
	}
}

func TestAccepted(t *testing.T) {
	for _, name := range accepted {
		t.Run(name, func(t *testing.T) {
			data := damaged(t, name)
			var got bytes.Buffer
			var metaFirst bool
			res, err := archive.Read(bytes.NewReader(data), func(meta *archive.Meta, r io.Reader) error {
				metaFirst = meta != nil
				_, err := io.Copy(&got, r)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := res.Meta.CheckRestorable(res.StateSize); err != nil {
				t.Error(err)
			}
			if int64(got.Len()) != res.StateSize || res.Bytes != int64(len(data)) {
				t.Errorf("state %d of %d bytes, archive %d of %d", got.Len(), res.StateSize, res.Bytes, len(data))
			}
			if metaFirst == (name == "order-reversed") {
				t.Errorf("meta handed over: %v", metaFirst)
			}
		})
	}
}

func TestGoldenArchives(t *testing.T) {
	tests := []struct {
		name   string
		id     string
		index  uint64
		size   int64
		digest string
	}{
		{"empty", "2-19-1795247553214", 19, 6199, "102a510a8e0bda9072db10436990aa69d1a935fd9b1de026af326c14d85ac7c2"},
		{"kv", "2-233-1795247596945", 233, 231425, "ff6eae2742ce80d669c78a505c6b87a962d0fc29bb87f9b6655ec6bee2b0fe20"},
		{"full", "2-148-1795247781585", 148, 134783, "7c45fcd7b1a580b1dd5e7c88bfd68a2dbc6ecb74ef5d746aa13b4409566e6bcf"},
		{"large-kv", "2-331-1795247640739", 331, 3065299, "2fea7b4213e7480ed39077e708e0a17d7b30f320b0a1fe089224ead4541a3976"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			data := realArchive(t, tc.name)
			res, err := archive.Read(bytes.NewReader(data), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := res.Meta.CheckRestorable(res.StateSize); err != nil {
				t.Error(err)
			}
			m := res.Meta
			if m.ID != tc.id || m.Index != tc.index || m.Version != 1 || len(m.Configuration.Servers) != 1 {
				t.Errorf("meta %+v", m)
			}
			if res.StateSize != tc.size || hex.EncodeToString(res.StateSHA256[:]) != tc.digest {
				t.Errorf("state.bin: %d bytes, %x", res.StateSize, res.StateSHA256)
			}
			if res.Bytes != int64(len(data)) {
				t.Errorf("Bytes %d, archive has %d", res.Bytes, len(data))
			}
		})
	}
}
