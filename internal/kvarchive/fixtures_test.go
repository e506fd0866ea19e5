package kvarchive

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
)

// asMaps brings what was read into the form of expected.json.
func asMaps[T any](t *testing.T, list []T, format func(T) ([]byte, error)) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, v := range list {
		text, err := format(v)
		must(t, err)
		var m map[string]any
		must(t, json.Unmarshal(text, &m))
		all = append(all, m)
	}
	return all
}

func TestFixtures(t *testing.T) {
	files := expectations(t)
	for name, want := range files {
		if strings.HasPrefix(name, "bad/") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			data := golden.Read(t, fixtures+name)
			a := mustOpen(t, data, passphrase)
			if a.Size != int64(len(data)) || a.SHA256 != digestOf(string(data)) {
				t.Errorf("%d bytes with the SHA-256 %s", a.Size, a.SHA256)
			}
			if a.Encrypted != want.Encrypted {
				t.Errorf("encrypted: %t", a.Encrypted)
			}
			if want.DecryptsTo != "" {
				want = files[want.DecryptsTo]
			}
			checkHead(t, a, want)
			checkContent(t, contentOf(t, a), want)
			counts, err := a.Verify(t.Context())
			if must(t, err); counts != (Counts{Keys: 10, Queries: len(want.PreparedQueries), LegacyACLs: len(want.LegacyACLs)}) {
				t.Errorf("counted %+v", counts)
			}
		})
	}
}

func checkHead(t *testing.T, a *Archive, want expectation) {
	t.Helper()
	if len(a.Other) > 0 {
		t.Errorf("other members: %q", a.Other)
	}
	if want.Meta == nil {
		if a.Version != "0.1" || !a.KeysOnly() || !a.Started.IsZero() {
			t.Errorf("version %q, %s", a.Version, a.Started)
		}
		return
	}
	m := want.Meta
	if a.Version != m.ConsulSnapshotVersion || a.KeysOnly() || a.NodeName != m.NodeName ||
		a.Started.Unix() != m.StartTime || a.Ended.Unix() != m.EndTime {
		t.Errorf("%+v, want %+v", a, m)
	}
	for kind, member := range map[Kind]string{Keys: "kv", Queries: "pq", LegacyACLs: "acl"} {
		d := a.Document(kind)
		if !strings.HasSuffix(want.Members[member], "/"+d.Name) || d.SHA256 != *m.sum(kind) {
			t.Errorf("%s: %+v, want %s with %s", kind, d, want.Members[member], *m.sum(kind))
		}
	}
	if null := a.Document(LegacyACLs).Null; null != (want.LegacyACLs == nil) {
		t.Errorf("the legacy ACLs are null: %t", null)
	}
	if d := a.Document(ACLs); d.Name != "" {
		t.Errorf("ACLs: %+v", d)
	}
}

func checkContent(t *testing.T, got content, want expectation) {
	t.Helper()
	jsonOf := func(v any) ([]byte, error) { return json.Marshal(v) }
	var keys []keyJSON
	for _, e := range got.Keys {
		keys = append(keys, keyJSON{Key: e.Key, CreateIndex: e.CreateIndex, ModifyIndex: e.ModifyIndex, LockIndex: e.LockIndex,
			Flags: e.Flags, Value: e.Value, Session: e.Session})
	}
	maps := asMaps(t, keys, func(k keyJSON) ([]byte, error) { return jsonOf(k) })
	for _, m := range maps {
		delete(m, "RawKey")
	}
	if !reflect.DeepEqual(maps, want.Keys) {
		t.Errorf("keys: %v\nwant: %v", maps, want.Keys)
	}
	if maps := asMaps(t, got.Queries, formatQuery); !reflect.DeepEqual(maps, want.PreparedQueries) {
		t.Errorf("queries: %v\nwant: %v", maps, want.PreparedQueries)
	}
	if maps := asMaps(t, got.LegacyACLs, func(a *LegacyACL) ([]byte, error) { return jsonOf(a) }); !reflect.DeepEqual(maps, want.LegacyACLs) {
		t.Errorf("legacy ACLs: %v\nwant: %v", maps, want.LegacyACLs)
	}
}

func TestBadFixtures(t *testing.T) {
	tests := map[string]struct {
		is   error
		text string
	}{
		"bad/consul-unreachable-null-data.tar.gz": {ErrNothingSaved, "when it cannot reach Consul"},
		"bad/encrypted-truncated.tar.gz":          {ErrCorrupt, "cut off or was changed: its passphrase is right"},
		"bad/kv-checksum-mismatch.tar.gz":         {ErrCorrupt, "consul.kv.1795246814.json is not what was saved: its SHA-256 is "},
		"bad/path-traversal.tar.gz":               {ErrCorrupt, `a member "../../escaped.txt", whose name leads out of the archive's directory`},
	}
	for name := range expectations(t) {
		if _, there := tests[name]; !there && strings.HasPrefix(name, "bad/") {
			t.Errorf("%s is not tested", name)
		}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := openBytes(t, golden.Read(t, fixtures+name), passphrase)
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v, want %q", err, tt.text)
			}
		})
	}
}

func TestPassphrases(t *testing.T) {
	data := golden.Read(t, fixtures+"encrypted/consul-backup-1.consul.snapshot.1795246816.tar.gz")
	cut := func(n int) []byte { return data[:n] }
	flipped := bytes.Clone(data)
	flipped[len(flipped)-20] ^= 1
	for name, tt := range map[string]struct {
		data   []byte
		secret string
		is     error
		text   string
	}{
		"none":                   {data, "", ErrNoPassphrase, "set CRYPTO_PASSWORD"},
		"wrong":                  {data, "incorrect", ErrWrongPassphrase, "another passphrase"},
		"wrong, and cut":         {cut(900), "incorrect", ErrWrongPassphrase, "another passphrase"},
		"cut by a byte":          {cut(len(data) - 1), passphrase, ErrCorrupt, "cut off or was changed"},
		"cut in the salt":        {cut(20), passphrase, ErrCorrupt, "cut off after 20 bytes"},
		"cut behind the mark":    {cut(3), passphrase, ErrCorrupt, "cut off after 3 bytes"},
		"changed":                {flipped, passphrase, ErrCorrupt, "cut off or was changed"},
		"followed by other data": {append(bytes.Clone(data), 0), passphrase, ErrCorrupt, "cut off or was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openBytes(t, tt.data, tt.secret)
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v, want %q", err, tt.text)
			}
			if tt.secret != "" && strings.Contains(err.Error(), tt.secret) {
				t.Errorf("the error repeats the passphrase: %v", err)
			}
		})
	}
}

func TestSealedTooLarge(t *testing.T) {
	data := golden.Read(t, fixtures+"encrypted/consul-backup-1.consul.snapshot.1795246816.tar.gz")
	o := Options{Passphrase: passphrase, ScratchDir: t.TempDir()}
	_, err := open(t.Context(), bytes.NewReader(data), o, int64(len(data)-1))
	if err == nil || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "checked only as a whole") {
		t.Errorf("%v", err)
	}
	a, err := open(t.Context(), bytes.NewReader(data), o, int64(len(data)))
	must(t, err)
	must(t, a.Close())
}
