package kvarchive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

const (
	fixtures   = "consul-snapshot-0.3.1/"
	passphrase = "correct horse battery staple"
)

// expectation is what expected.json says of a file.
type expectation struct {
	Encrypted       bool
	DecryptsTo      string           `json:"decrypts_to"`
	Keys            []map[string]any `json:"kv"`
	LegacyACLs      []map[string]any `json:"legacy_acls"`
	PreparedQueries []map[string]any `json:"prepared_queries"`
	Members         map[string]string
	Meta            *metadata
}

func expectations(t testing.TB) map[string]expectation {
	t.Helper()
	var doc struct{ Files map[string]expectation }
	if err := json.Unmarshal(golden.Read(t, fixtures+"expected.json"), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Files
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openBytes opens an archive that is closed with the test.
func openBytes(t testing.TB, data []byte, secret string) (*Archive, error) {
	t.Helper()
	dir := t.TempDir()
	a, err := Open(t.Context(), bytes.NewReader(data), Options{Passphrase: secret, ScratchDir: dir})
	left, readErr := os.ReadDir(dir)
	if must(t, readErr); len(left) > 0 {
		t.Errorf("a scratch file has the name %s", left[0].Name())
	}
	if err == nil {
		t.Cleanup(func() { must(t, a.Close()) })
	}
	return a, err
}

func mustOpen(t testing.TB, data []byte, secret string) *Archive {
	t.Helper()
	a, err := openBytes(t, data, secret)
	must(t, err)
	return a
}

// content is all that an archive holds.
type content struct {
	Keys       []*record.KVEntry
	Queries    []*record.PreparedQuery
	LegacyACLs []*LegacyACL
	ACLs       []*ACL
}

func gather[T any](into *[]T) func(T) error {
	return func(v T) error { *into = append(*into, v); return nil }
}

func contentOf(t testing.TB, a *Archive) content {
	t.Helper()
	var c content
	ctx := t.Context()
	must(t, errors.Join(a.Keys(ctx, gather(&c.Keys)), a.Queries(ctx, gather(&c.Queries)), a.LegacyACLs(ctx, gather(&c.LegacyACLs)),
		a.ACLs(ctx, gather(&c.ACLs))))
	return c
}

// member is a member of a hand-made archive.
type member struct {
	name string
	text string
}

const started = 1795246814

// sound is the smallest sound archive.
func sound() []member {
	kv, pq, acl := `[{"Key":"a","Value":"eA=="}]`, "[]", "null"
	return []member{
		{"d/" + Keys.file(started), kv}, {"d/" + Queries.file(started), pq}, {"d/" + LegacyACLs.file(started), acl},
		{"d/meta.json", metaOf(kv, pq, acl, "")},
	}
}

func digestOf(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// metaOf is the meta.json of documents. Of today's ACLs there is none if the text is empty.
func metaOf(kv, pq, legacy, acls string) string {
	m := metadata{ConsulSnapshotVersion: "0.3.1", NodeName: "n", StartTime: started, EndTime: started,
		KVSha256: digestOf(kv), PQSha256: digestOf(pq), ACLSha256: digestOf(legacy)}
	if acls != "" {
		m.ACLV2Sha256 = digestOf(acls)
	}
	text, _ := json.Marshal(m)
	return string(text)
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	_, err := gz.Write(data)
	must(t, errors.Join(err, gz.Close()))
	return buf.Bytes()
}

func tarred(t testing.TB, list ...member) []byte {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, m := range list {
		must(t, tw.WriteHeader(&tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.text)), ModTime: time.Unix(started, 0)}))
		_, err := io.WriteString(tw, m.text)
		must(t, err)
	}
	must(t, tw.Close())
	return buf.Bytes()
}

func packed(t testing.TB, list ...member) []byte {
	t.Helper()
	return gzipped(t, tarred(t, list...))
}

func gunzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(data))
	must(t, err)
	plain, err := io.ReadAll(gz)
	must(t, err)
	return plain
}

// unpacked are the members of an archive, read with the standard library alone.
func unpacked(t testing.TB, data []byte) (headers []*tar.Header, texts []string) {
	t.Helper()
	tr := tar.NewReader(bytes.NewReader(gunzipped(t, data)))
	for {
		hdr, err := tr.Next()
		if err == io.EOF {
			return headers, texts
		}
		must(t, err)
		text, err := io.ReadAll(tr)
		must(t, err)
		headers, texts = append(headers, hdr), append(texts, string(text))
	}
}
