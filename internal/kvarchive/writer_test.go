package kvarchive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

func newTestWriter(t testing.TB, head Head) *Writer {
	t.Helper()
	dir := t.TempDir()
	w, err := NewWriter(dir, head)
	must(t, err)
	t.Cleanup(func() {
		must(t, w.Close())
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	return w
}

// write puts content into an archive.
func write(t testing.TB, w *Writer, c content, ended time.Time) {
	t.Helper()
	for _, e := range c.Keys {
		must(t, w.PutKey(e))
	}
	for _, q := range c.Queries {
		must(t, w.PutQuery(q))
	}
	for _, a := range c.LegacyACLs {
		must(t, w.PutLegacyACL(a))
	}
	for _, a := range c.ACLs {
		must(t, w.PutACL(a))
	}
	must(t, w.Finish(ended))
}

func pack(t testing.TB, w *Writer) []byte {
	t.Helper()
	var buf bytes.Buffer
	n, err := w.Pack(t.Context(), &buf)
	if must(t, err); n != int64(buf.Len()) {
		t.Errorf("%d bytes are said to be %d", buf.Len(), n)
	}
	return buf.Bytes()
}

// What is read from an archive of the real tool and written again is the same archive: member by member, header by header, byte by byte.
func TestWritesWhatTheRealToolWrites(t *testing.T) {
	for name, want := range expectations(t) {
		if want.Meta == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			original := golden.Read(t, fixtures+name)
			a := mustOpen(t, original, "")
			headers, texts := unpacked(t, original)
			w := newTestWriter(t, Head{Directory: strings.TrimSuffix(path.Base(name), ".tar.gz"), NodeName: a.NodeName, Started: a.Started})
			write(t, w, contentOf(t, a), a.Ended)
			ours := pack(t, w)
			gotHeaders, gotTexts := unpacked(t, ours)
			if !reflect.DeepEqual(gotTexts, texts) {
				t.Errorf("members: %.300q\nwant: %.300q", gotTexts, texts)
			}
			sameHeaders(t, gotHeaders, headers)
			if !bytes.Equal(ours[:10], original[:10]) {
				t.Errorf("the gzip header is %x, want %x", ours[:10], original[:10])
			}
		})
	}
}

// sameHeaders compares all but the time, which is that of the file system in archives of the real tool.
func sameHeaders(t *testing.T, got, want []*tar.Header) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d members, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := *got[i]
		if d := w.ModTime.Sub(g.ModTime).Abs(); d > 2*time.Second {
			t.Errorf("%s has the time %s, want %s", g.Name, g.ModTime, w.ModTime)
		}
		g.ModTime = w.ModTime
		if !reflect.DeepEqual(g, *w) {
			t.Errorf("header %+v\nwant   %+v", g, *w)
		}
	}
}

func uints(r *rand.Rand) uint64 {
	return []uint64{0, 1, r.Uint64N(1000), r.Uint64(), math.MaxUint64}[r.IntN(5)]
}

// text makes names with everything that JSON has a special way to write.
func text(r *rand.Rand, alphabet string) string {
	letters := []rune(alphabet)
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteRune(letters[r.IntN(len(letters))])
	}
	return b.String()
}

const odd = "ab/ \"\\<>&\u2028\u00e9\u2603\U0001f600\t\n\x00\x7f{}[],:"

func randomContent(r *rand.Rand) content {
	var c content
	for i := range r.IntN(40) {
		e := &record.KVEntry{Key: fmt.Sprintf("%03d", i) + text(r, odd), CreateIndex: uints(r), ModifyIndex: uints(r), LockIndex: uints(r),
			Flags: uints(r), Session: text(r, "0123456789abcdef-")}
		if n := r.IntN(300); n > 3 {
			e.Value = make([]byte, n-3)
			for i := range e.Value {
				e.Value[i] = byte(r.Uint32())
			}
		}
		if r.IntN(5) == 0 {
			e.Key += "\xff\xc3(\x80"
		}
		c.Keys = append(c.Keys, e)
	}
	for range r.IntN(4) {
		c.Queries = append(c.Queries, randomQuery(r))
	}
	for range r.IntN(4) {
		c.LegacyACLs = append(c.LegacyACLs, &LegacyACL{ID: "x" + text(r, odd), Name: text(r, odd), Type: ClientACL, Rules: text(r, odd),
			ModifyIndex: uints(r)})
	}
	for i := range r.IntN(6) {
		c.ACLs = append(c.ACLs, []*ACL{
			{Policy: &record.ACLPolicy{ID: text(r, odd), Name: "p", Rules: text(r, odd), Hash: []byte{1, 2}, Datacenters: []string{"dc1"}}},
			{Role: &record.ACLRole{ID: "r", Name: text(r, odd), Policies: []record.ACLLink{{ID: "i", Name: "n"}}, ModifyIndex: uints(r)}},
			{Token: &record.ACLToken{AccessorID: "a", SecretID: text(r, odd), Local: true, CreateTime: time.Unix(r.Int64N(1e9), 7).UTC(),
				ServiceIdentities: []record.ACLServiceIdentity{{ServiceName: "s"}}, ExpirationTTL: time.Hour}},
		}[i%3])
	}
	return c
}

func randomQuery(r *rand.Rand) *record.PreparedQuery {
	q := &record.PreparedQuery{ID: text(r, odd), Name: text(r, odd), Session: text(r, "ab"), Token: text(r, odd)}
	q.DNS.TTL = text(r, "1s")
	q.Template = record.QueryTemplate{Type: "name_prefix_match", Regexp: text(r, odd), RemoveEmptyTags: r.IntN(2) == 0}
	q.Service = record.QueryService{Service: text(r, odd), Near: "_agent", OnlyPassing: r.IntN(2) == 0, Connect: r.IntN(2) == 0,
		Tags: []string{"!a", text(r, odd)}, NodeMeta: map[string]string{text(r, odd): "x"}, Peer: text(r, "p"), SamenessGroup: text(r, "g"),
		Failover: record.QueryFailover{NearestN: r.IntN(9), Targets: []record.QueryTarget{{Peer: "p"}, {Datacenter: text(r, odd)}}}}
	return q
}

// Whatever is put into an archive comes out of it, plain and encrypted.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 8))
		c := randomContent(r)
		w := newTestWriter(t, Head{Directory: "d", NodeName: text(r, odd), Started: time.Unix(r.Int64N(1<<40), 0)})
		write(t, w, c, time.Unix(5, 0))
		data, secret := pack(t, w), ""
		if seed%20 == 0 {
			secret = passphrase
			var buf bytes.Buffer
			_, err := w.PackSealed(t.Context(), &buf, secret)
			must(t, err)
			data = buf.Bytes()
		}
		a := mustOpen(t, data, secret)
		if got := contentOf(t, a); !reflect.DeepEqual(got, c) {
			t.Fatalf("seed %d: %+v\nwant %+v", seed, got, c)
		}
		counts, err := a.Verify(t.Context())
		if must(t, err); counts != w.Counts() || counts.Keys != len(c.Keys) {
			t.Errorf("seed %d: %+v and %+v", seed, counts, w.Counts())
		}
		if a.NodeName != w.head.NodeName || !a.Started.Equal(w.head.Started) || a.Ended.Unix() != 5 || a.Encrypted != (secret != "") {
			t.Errorf("seed %d: %+v", seed, a)
		}
	}
}

// The document of today's ACLs comes last, and only if they were asked for.
func TestMembersOfEmptyArchives(t *testing.T) {
	five := []string{"d", "d/consul.acl.7.json", "d/consul.kv.7.json", "d/consul.pq.7.json", "d/meta.json"}
	for name, tt := range map[string]struct {
		include []Kind
		names   []string
		texts   []string
	}{
		"keys and queries": {nil, five, []string{"", "null", "[]", "[]"}},
		"legacy ACLs":      {[]Kind{LegacyACLs}, five, []string{"", "[]", "[]", "[]"}},
		"ACLs":             {[]Kind{ACLs}, append(five[:5:5], "d/consul.acl-v2.7.json"), []string{"", "null", "[]", "[]"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTestWriter(t, Head{Directory: "d", Started: time.Unix(7, 0)})
			for _, k := range tt.include {
				w.Include(k)
			}
			write(t, w, content{}, time.Unix(8, 0))
			data := pack(t, w)
			headers, texts := unpacked(t, data)
			var got []string
			for _, h := range headers {
				got = append(got, h.Name)
			}
			if !reflect.DeepEqual(got, tt.names) || !reflect.DeepEqual(texts[:4], tt.texts) {
				t.Errorf("%q %q", got, texts)
			}
			mustOpen(t, data, "")
		})
	}
}

// The real tool takes Key as it is; RawKey is for us.
func TestKeyThatIsNotText(t *testing.T) {
	got := string(appendKey(nil, &record.KVEntry{Key: "a\xff<"}))
	want := `{"Key":"a\ufffd\u003c","CreateIndex":0,"ModifyIndex":0,"LockIndex":0,"Flags":0,"Value":null,"Session":"","RawKey":"Yf88"}`
	if got != want {
		t.Errorf("%s", got)
	}
}

func TestWriterMisused(t *testing.T) {
	for _, dir := range []string{"", ".", "..", "a/b", `a\b`, "a\x00"} {
		if _, err := NewWriter(t.TempDir(), Head{Directory: dir}); err == nil {
			t.Errorf("the directory %q is taken", dir)
		}
	}
	w := newTestWriter(t, Head{Directory: "d", Started: time.Unix(7, 0)})
	if _, err := w.Pack(t.Context(), new(bytes.Buffer)); err != errUnfinished {
		t.Errorf("%v", err)
	}
	if err := w.PutACL(&ACL{}); err == nil {
		t.Error("no object at all is taken for one")
	}
	must(t, w.Finish(time.Unix(8, 0)))
	if err := w.PutKey(&record.KVEntry{Key: "late"}); err != errFinished {
		t.Errorf("%v", err)
	}
	if err := w.Finish(time.Unix(8, 0)); err != errFinished {
		t.Errorf("%v", err)
	}
	if _, err := w.PackSealed(t.Context(), new(bytes.Buffer), ""); err == nil || !strings.Contains(err.Error(), "passphrase is empty") {
		t.Errorf("%v", err)
	}
}

// full fails after some bytes.
type full struct{ left int }

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestTargetFails(t *testing.T) {
	w := newTestWriter(t, Head{Directory: "d", Started: time.Unix(7, 0)})
	r := rand.New(rand.NewPCG(1, 1))
	var c content
	for range 20 {
		c.Keys = append(c.Keys, randomContent(r).Keys...)
	}
	write(t, w, c, time.Unix(8, 0))
	n := len(pack(t, w))
	for _, left := range []int{0, 9, 10, n / 2, n - 1} {
		if _, err := w.Pack(t.Context(), &full{left}); !errors.Is(err, errFull) {
			t.Errorf("after %d of %d bytes: %v", left, n, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Pack(ctx, new(bytes.Buffer)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	target := new(bytes.Buffer)
	if _, err := w.packSealed(t.Context(), target, "x", int64(n)); err == nil || !strings.Contains(err.Error(), "too large to be encrypted") {
		t.Errorf("%v", err)
	}
	if target.Len() > 0 {
		t.Error("part of an archive was written")
	}
	if _, err := w.packSealed(t.Context(), target, "x", int64(n+sealHead+tagSize)); err != nil || target.Len() != n+sealHead+tagSize {
		t.Errorf("%d bytes, %v", target.Len(), err)
	}
}

// Two seals of one archive share neither salt nor nonce.
func TestSealsDiffer(t *testing.T) {
	w := newTestWriter(t, Head{Directory: "d", Started: time.Unix(7, 0)})
	write(t, w, content{}, time.Unix(8, 0))
	var sealed [2]bytes.Buffer
	for i := range sealed {
		_, err := w.PackSealed(t.Context(), &sealed[i], passphrase)
		must(t, err)
	}
	a, b := sealed[0].Bytes(), sealed[1].Bytes()
	if string(a[:3]) != "v0:" || bytes.Equal(a[3:35], b[3:35]) || bytes.Equal(a[35:47], b[35:47]) {
		t.Errorf("%x\n%x", a[:60], b[:60])
	}
}
