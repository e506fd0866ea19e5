package kvarchive

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

// readAll reads all of an archive, and wants every failure to be one of the archive.
func readAll(t *testing.T, data []byte, secret string) {
	a, err := Open(t.Context(), bytes.NewReader(data), Options{Passphrase: secret})
	if err == nil {
		defer func() { must(t, a.Close()) }()
		if _, err = a.Verify(t.Context()); err == nil { // then its records are sound, too
			err = a.Source(t.Context())(func(raw record.Raw) error {
				_, err := record.Decode(raw)
				return err
			})
		}
	}
	for _, known := range []error{ErrCorrupt, ErrNothingSaved, ErrNoPassphrase, ErrWrongPassphrase} {
		if err == nil || errors.Is(err, known) {
			return
		}
	}
	t.Errorf("%v", err)
}

// Whatever bytes are opened, nothing panics, and what is wrong is told as damage.
func FuzzOpen(f *testing.F) {
	for name := range expectations(f) {
		f.Add(golden.Read(f, fixtures+name))
	}
	f.Fuzz(func(t *testing.T, data []byte) { readAll(t, data, passphrase) })
}

// Behind the compression, whose checksum keeps a fuzzer out.
func FuzzTar(f *testing.F) {
	for name, e := range expectations(f) {
		if !e.Encrypted && !strings.Contains(name, "truncated") {
			f.Add(gunzipped(f, golden.Read(f, fixtures+name)))
		}
	}
	f.Add(tarred(f, sound()...))
	f.Fuzz(func(t *testing.T, data []byte) { readAll(t, gzipped(t, data), "") })
}

// What is encrypted is judged as it is when it is not.
func FuzzSealed(f *testing.F) {
	f.Add(packed(f, sound()...))
	f.Add([]byte("no archive"))
	f.Fuzz(func(t *testing.T, plain []byte) {
		if bytes.HasPrefix(plain, []byte(sealMark)) {
			return
		}
		sp, err := newSpool("")
		must(t, err)
		_, err = sp.Write(plain)
		must(t, err)
		buf, err := newSealed(sp)
		must(t, err)
		must(t, sp.close())
		sealed, err := seal(buf, passphrase)
		must(t, err)
		verdict := func(data []byte) string {
			a, err := Open(t.Context(), bytes.NewReader(data), Options{Passphrase: passphrase})
			if err != nil {
				return err.Error()
			}
			must(t, a.Close())
			return "sound"
		}
		if got, want := verdict(sealed), verdict(plain); got != want {
			t.Errorf("encrypted: %s\nplain: %s", got, want)
		}
	})
}

// Behind the checksums: each document as it may be.
func FuzzDocuments(f *testing.F) {
	f.Add(`[{"Key":"a","Value":"eA=="}]`, `[{"ID":"x","Service":{"Service":"s"}}]`, `[{"ID":"s","Type":"client","Rules":""}]`,
		`[{"Token":{"SecretID":"s"}}]`)
	f.Add("null", "null", "null", "[]")
	f.Add("[]", `[{"ID":"q","Token":"<hidden>"}]`, `[{"ID":"x","Type":"client","Rules":"key \"\" { policy = \"read\" }"}]`,
		`[{"Token":{"AccessorID":"a","SecretID":"s","ExpirationTime":"2026-01-02T03:04:05.123456789+02:00"}}]`)
	f.Fuzz(func(t *testing.T, kv, pq, legacy, acls string) {
		list := []member{{"d/" + Keys.file(started), kv}, {"d/" + Queries.file(started), pq}, {"d/" + LegacyACLs.file(started), legacy},
			{"d/meta.json", metaOf(kv, pq, legacy, acls)}}
		if acls != "" {
			list = append(list, member{"d/" + ACLs.file(started), acls})
		}
		readAll(t, packed(t, list...), "")
	})
}

// Keys are read as the standard library reads them; and what is read is written and read again the same.
func FuzzKey(f *testing.F) {
	f.Add([]byte(`{"Key":"a","CreateIndex":1,"ModifyIndex":18446744073709551615,"LockIndex":0,"Flags":7,"Value":"eA==","Session":""}`))
	f.Add([]byte(`{"Key":"a","Value":null,"RawKey":"YQ=="}`))
	f.Add([]byte(`{"Key":"\u2603\"", "value":"" }`))
	f.Add([]byte(`{"Key":"a","Flags":00}`))
	f.Add([]byte(`{"Key":"a","Flags":18446744073709551616}`))
	f.Add([]byte("{\"Key\":\"a\",\"Value\":\"eA\n==\"}"))
	f.Add([]byte("{\"Key\":\"a\",\"Value\":\"eA\r==\"}"))
	f.Add([]byte("{\"Key\":\"a\tb\"}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) == 0 || raw[0] != '{' {
			return // which is no element
		}
		slow, err := slowKey(raw)
		if quick, fault := parseKey(raw); (fault == nil) != (err == nil) || !reflect.DeepEqual(quick, slow) {
			t.Fatalf("quick: %+v, %v\nslow: %+v, %v", quick, fault, slow, err)
		}
		if err != nil {
			return
		}
		again, err := parseKey(appendKey(nil, slow))
		if err != nil || !reflect.DeepEqual(again, slow) {
			t.Errorf("%+v, %v\nwant %+v", again, err, slow)
		}
	})
}

// Names that are read are those that are written.
func FuzzParseObjectKey(f *testing.F) {
	for _, key := range []string{"consul.backup.1468004512.gz", "backups/2016/July/8/consul.backup.1468004512.gz",
		"b/2026/1/2/h.consul.snapshot.1.tar.gz"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		o, ok := ParseObjectKey(key)
		if !ok || o.KVOnly || o.Host == "" {
			return
		}
		again, ok := ParseObjectKey(ObjectKey(o.Prefix, o.Host, o.Time))
		if !ok || again != o {
			t.Errorf("%+v, %+v", o, again)
		}
	})
}

// Rules of any kind are translated into rules that can be read, or refused.
func FuzzModernize(f *testing.F) {
	for _, rules := range []string{`key "a" { policy = "read" }`, `{"key": {"a": {"policy": "read"}}}`, "# c\nkeyring = \"read\""} {
		f.Add(rules)
	}
	f.Fuzz(func(t *testing.T, rules string) {
		token, policy, err := Modernize(&LegacyACL{ID: "s", Name: "n", Type: ClientACL, Rules: rules})
		if err != nil {
			return
		}
		if policy == nil {
			if strings.TrimSpace(rules) != "" || len(token.Policies) > 0 {
				t.Errorf("%+v", token)
			}
			return
		}
		if _, err := acl.Parse(policy.Rules); err != nil {
			t.Errorf("%q: %v", policy.Rules, err)
		}
	})
}
