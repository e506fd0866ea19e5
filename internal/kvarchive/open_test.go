package kvarchive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

// special packs one member of another type.
func special(t *testing.T, hdr *tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	must(t, errors.Join(tw.WriteHeader(hdr), tw.Close()))
	return gzipped(t, buf.Bytes())
}

func TestRefused(t *testing.T) {
	kv, pq, acl, meta := sound()[0], sound()[1], sound()[2], sound()[3]
	whole := packed(t, sound()...)
	renamed := func(m member, name string) member { return member{name, m.text} }
	for name, tt := range map[string]struct {
		data []byte
		text string
	}{
		"empty file":            {nil, "it has no bytes"},
		"one byte":              {[]byte{0x1f}, "no archive of consul-snapshot"},
		"a text":                {[]byte("hello, world"), "no archive of consul-snapshot"},
		"a native snapshot":     {golden.Read(t, "consul-1.21.4/full.snap"), "one of consul snapshot save"},
		"empty gzip":            {gzipped(t, nil), "nothing was compressed"},
		"empty tar":             {packed(t), "none of its documents"},
		"gzip of a text":        {gzipped(t, []byte(strings.Repeat("hello ", 1000))), "neither a tar stream"},
		"cut":                   {whole[:len(whole)-9], "cut off"},
		"cut in the header":     {whole[:5], "cut off"},
		"cut tar":               {gzipped(t, tarred(t, sound()...)[:520]), "cut off"},
		"garbage behind":        {append(bytes.Clone(whole), "garbage behind the end"...), "other bytes follow"},
		"garbage behind tar":    {gzipped(t, append(tarred(t, sound()...), 1)), "other bytes follow"},
		"another gzip behind":   {append(bytes.Clone(whole), whole...), "other bytes follow"},
		"changed byte":          {flip(whole, len(whole)-6), "damaged"},
		"no keys":               {packed(t, pq, acl, meta), "lacks consul.kv.1795246814.json, the document of the keys"},
		"no queries":            {packed(t, kv, acl, meta), "lacks consul.pq.1795246814.json"},
		"no legacy ACLs":        {packed(t, kv, pq, meta), "lacks consul.acl.1795246814.json"},
		"no meta.json":          {packed(t, kv, pq, acl), "has no meta.json"},
		"two meta.json":         {packed(t, append(sound(), renamed(meta, "e/meta.json"))...), "two files meta.json"},
		"two documents":         {packed(t, append(sound(), renamed(kv, "e/"+Keys.file(started)))...), "two documents consul.kv"},
		"other start":           {packed(t, renamed(kv, "d/consul.kv.1.json"), pq, acl, meta), "lacks consul.kv.1795246814.json"},
		"meta.json is no JSON":  {packed(t, kv, pq, acl, member{"d/meta.json", "{"}), "meta.json cannot be read"},
		"meta.json of others":   {packed(t, kv, pq, acl, member{"d/meta.json", `{"KVSha256":7}`}), `"KVSha256" cannot be a JSON number`},
		"endless meta.json":     {packed(t, member{"d/meta.json", strings.Repeat(" ", maxMeta+1)}), "more than the 1048576"},
		"negative start":        {packed(t, kv, pq, acl, member{"d/meta.json", `{"StartTime":-1}`}), "start time -1"},
		"no checksum":           {packed(t, kv, pq, acl, member{"d/meta.json", `{"StartTime":1795246814}`}), "no checksum"},
		"queries changed":       {packed(t, kv, renamed(acl, pq.name), acl, meta), "consul.pq.1795246814.json is not what was saved"},
		"legacy ACLs changed":   {packed(t, kv, pq, renamed(pq, acl.name), meta), "consul.acl.1795246814.json is not what was saved"},
		"ACLs without checksum": {packed(t, append(sound(), member{"d/" + ACLs.file(started), "[]"})...), "no checksum of consul.acl-v2"},
		"ACLs lacking":          {packed(t, kv, pq, acl, member{"d/meta.json", metaOf(kv.text, pq.text, acl.text, "[]")}), "lacks consul.acl-v2"},
		"up and out":            {packed(t, member{"d/../../x", ""}), "leads out"},
		"from the root":         {packed(t, member{"/etc/x", ""}), "leads out"},
		"up as on Windows":      {packed(t, member{`d\..\..\x`, ""}), "leads out"},
		"symbolic link":         {special(t, &tar.Header{Name: "d/meta.json", Linkname: "/x", Typeflag: tar.TypeSymlink}), "neither a file nor"},
		"hard link":             {special(t, &tar.Header{Name: "d/x", Linkname: "y", Typeflag: tar.TypeLink}), "neither a file nor"},
		"device":                {special(t, &tar.Header{Name: "d/x", Typeflag: tar.TypeChar}), "neither a file nor"},
		"0.1, null":             {gzipped(t, []byte("null\n")), "when it cannot reach Consul"},
		"0.1, cut":              {gzipped(t, []byte(`[{"Key":"a"},`))[:20], "cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openBytes(t, tt.data, "")
			if err == nil || !(errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNothingSaved)) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v, want %q", err, tt.text)
			}
		})
	}
}

func flip(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 1
	return data
}

// Local mode of the real tool leaves the documents of earlier runs beside those that meta.json speaks of.
func TestOtherMembers(t *testing.T) {
	list := append([]member{{"d/consul.kv.1.json", `[{"Key":"old"}]`}, {"d/README", "x"}}, sound()...)
	a := mustOpen(t, packed(t, list...), "")
	if got := strings.Join(a.Other, " "); got != `"d/README" "consul.kv.1.json"` {
		t.Errorf("others: %s", got)
	}
	if c := contentOf(t, a); len(c.Keys) != 1 || c.Keys[0].Key != "a" {
		t.Errorf("%+v", c.Keys)
	}
}

func TestNullKeysAlone(t *testing.T) {
	a := mustOpen(t, packed(t, member{"d/" + Keys.file(started), "null"}, member{"d/" + Queries.file(started), "[]"},
		member{"d/" + LegacyACLs.file(started), "null"}, member{"d/meta.json", metaOf("null", "[]", "null", "")}), "")
	if !a.Document(Keys).Null || a.Document(Queries).Null {
		t.Errorf("%+v", a.documents)
	}
}

// Entries are looked at only when they are asked for; each fault is told with its document and number.
func TestBadEntries(t *testing.T) {
	for text, want := range map[string]string{
		` {"Key":"a"}`:              "it is not a JSON array, but begins with '{'",
		`nul`:                       "cut off",
		`nulx`:                      "neither a JSON array nor null",
		`null x`:                    `'x' follows the end`,
		`[`:                         "cut off in the middle",
		`[{"Key":"a"}`:              "cut off in the middle",
		`[{"Key":"a"`:               "cut off in the middle",
		`[{"Key":"a`:                "cut off in the middle",
		`[{"Key":"a"}] [`:           `'[' follows the end`,
		`[{"Key":"a"} {"Key":"b"}]`: `'{' stands where`,
		`[{"Key":"a"},]`:            `begins with ']'`,
		`[,{"Key":"a"}]`:            `begins with ','`,
		`["a"]`:                     `not a JSON object, but begins with '"'`,
		`[null]`:                    `begins with 'n'`,
		`[{"Key":"a"},{}]`:          "entry 2 cannot be read: it has no key",
		`[{"Key":7}]`:               `entry 1 cannot be read: "Key" cannot be a JSON number`,
		`[{"Key":"a","Flags":-1}]`:  `"Flags" cannot be a JSON`,
		`[{"Key":"a","Flags":99999999999999999999}]`: `"Flags" cannot be a JSON`,
		`[{"Key":"a","Value":"secret!"}]`:            "it is not what its document holds",
		`[{"Key":"a"]}]`:                             "it is not JSON after",
		`[{"Key":"a","RawKey":"Yg=="}]`:              "different keys",
	} {
		t.Run(text, func(t *testing.T) {
			a := mustOpen(t, gzipped(t, []byte(text)), "")
			_, err := a.Verify(t.Context())
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

func TestVisitorStops(t *testing.T) {
	a := mustOpen(t, packed(t, sound()...), "")
	stop := errors.New("stop")
	if err := a.Keys(t.Context(), func(*record.KVEntry) error { return stop }); err != stop {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Keys(ctx, func(*record.KVEntry) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := Open(ctx, bytes.NewReader(packed(t, sound()...)), Options{ScratchDir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A source that fails is no damaged archive, wherever it fails.
func TestSourceFails(t *testing.T) {
	broken := errors.New("broken pipe")
	for name, file := range map[string]string{
		"plain":     "plain/consul-backup-1.consul.snapshot.1795246816.tar.gz",
		"encrypted": "encrypted/consul-backup-1.consul.snapshot.1795246816.tar.gz",
		"0.1":       "v0.1-format/consul.backup.1468004512.gz",
	} {
		t.Run(name, func(t *testing.T) {
			data := golden.Read(t, fixtures+file)
			for n := 0; n <= len(data); n += 61 {
				r := io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken))
				_, err := Open(t.Context(), r, Options{Passphrase: passphrase, ScratchDir: t.TempDir()})
				if !errors.Is(err, broken) || !errors.Is(err, ErrRead) || errors.Is(err, ErrCorrupt) {
					t.Fatalf("after %d bytes: %v", n, err)
				}
			}
		})
	}
}

func TestScratchDirIsGone(t *testing.T) {
	_, err := Open(t.Context(), bytes.NewReader(packed(t, sound()...)), Options{ScratchDir: t.TempDir() + "/gone"})
	if err == nil || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "create a scratch file in") {
		t.Errorf("%v", err)
	}
}

// What unpacks without end is refused, and not kept.
func TestBounded(t *testing.T) {
	b := &bounded{r: iotest.DataErrReader(strings.NewReader(strings.Repeat("x", 100))), left: 99}
	if n, err := io.Copy(io.Discard, b); !errors.Is(err, ErrCorrupt) || n > 99 {
		t.Errorf("%d, %v", n, err)
	}
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	tw := tar.NewWriter(gz)
	for range maxMembers + 1 {
		must(t, tw.WriteHeader(&tar.Header{Name: "x", Typeflag: tar.TypeReg}))
	}
	must(t, errors.Join(tw.Close(), gz.Close()))
	if _, err := openBytes(t, buf.Bytes(), ""); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "more than 100000 members") {
		t.Errorf("%v", err)
	}
}
