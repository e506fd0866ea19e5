package inventory

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/record"
)

func encrypted(e *Entry) {
	e.Name, e.Encryption = EncryptedName(e.ID, 0), &Encryption{Format: "age", Recipients: []string{"0123456789abcdef"}}
}

// generation makes an entry that of an archive that was encrypted anew.
func generation(n int) func(*Entry) {
	return func(e *Entry) { encrypted(e); e.Name = EncryptedName(e.ID, int64(n)) }
}

func TestEncryptedNames(t *testing.T) {
	for name, want := range map[string]string{
		"consul-1.snap.age": "1", "consul-1.1.snap.age": "1", "consul-1.20.snap.age": "1",
		"consul-1.1.snap": "", "consul-1.0.snap.age": "", "consul-1.01.snap.age": "", "consul-1.-1.snap.age": "", "consul-1.1.1.snap.age": "",
		"consul-1.snap.age.age": "", "consul-.1.snap.age": "", "consul-1..snap.age": "", "consul-1.age": "", "consul-1.99999999999999999999.snap.age": "", "consul-1.1795280525744.snap.age": "1",
		"consul-1.snap.age.json": "", "consul-1.snap.age.bad": "",
	} {
		if id, ok := ParseArchiveName(name); id != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", name, id, ok)
		}
	}
	for archive, want := range map[string]string{
		"consul-1.snap": "consul-1.snap.json", "consul-1.snap.age": "consul-1.snap.json", "consul-1.3.snap.age": "consul-1.snap.json",
		"consul-1.snap.bad": "consul-1.snap.bad.json", "consul-1.3.snap.age.bad": "consul-1.snap.bad.json",
		"latest": "latest.json", "latest.snap.age": "latest.snap.age.json", "latest.bad": "latest.bad.json",
	} {
		if got := EntryName(archive); got != want {
			t.Errorf("entry of %s: %s", archive, got)
		}
	}
	for n := range int64(3) { // what operators and other tools match as archives can be restored with anything
		name := EncryptedName("1", n)
		for _, other := range []string{name, BadName(name)} {
			if ok, err := path.Match("consul-*.snap", other); ok || err != nil {
				t.Errorf("%s is matched as a plain archive, %v", other, err)
			}
		}
	}
}

func TestEncryptionFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Entry)
	}{
		{"plain name", func(e *Entry) { encrypted(e); e.Name = ArchiveName(e.ID) }},
		{"no encryption", func(e *Entry) { encrypted(e); e.Encryption = nil }},
		{"unknown format", func(e *Entry) { encrypted(e); e.Encryption.Format = "rot13" }},
		{"both", func(e *Entry) { encrypted(e); e.Encryption.Passphrase = true }},
		{"no fingerprint", func(e *Entry) { encrypted(e); e.Encryption.Recipients = []string{"age1xyz"} }},
		{"out of order", func(e *Entry) {
			encrypted(e)
			e.Encryption.Recipients = []string{"ffffffffffffffff", "0123456789abcdef"}
		}},
		{"another ID", func(e *Entry) { encrypted(e); e.Name = EncryptedName("2", 0) }},
	} {
		e := sound("1")
		c.spoil(e)
		if err := e.Check(); !errors.Is(err, ErrEntry) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	e := sound("1")
	encrypted(e)
	e.Name = "latest.snap"
	if err := e.Check(); err != nil {
		t.Errorf("under a fixed name: %v", err)
	}
}

// What a newer version says of an encryption stays when the entry is rewritten.
func TestUnknownFieldsOfAnEncryptionSurvive(t *testing.T) {
	e := sound("1")
	encrypted(e)
	data, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Replace(data, []byte(`"format": "age",`), []byte(`"format": "age", "hint": {"a": 1},`), 1)
	back, err := DecodeEntry(data)
	if err != nil {
		t.Fatal(err)
	}
	if data, err = back.Encode(); err != nil || !json.Valid(data) || !strings.Contains(string(data), `"hint"`) {
		t.Errorf("%v, %s", err, data)
	}
}

// An entry names one of the archives of its ID; the others are strays.
func TestListOfEncrypted(t *testing.T) {
	s := newStore()
	add(t, s, "1", encrypted)
	add(t, s, "2", generation(2))
	s.put("consul-2.1.snap.age", []byte("old"))
	s.put("consul-2.snap", []byte("older"))
	add(t, s, "3")
	s.put("consul-3.snap.age", []byte("new"))
	s.put("consul-4.snap.age", []byte("foreign"))
	s.put("consul-5.snap.age.json", []byte("nobody's"))
	add(t, s, "6", encrypted)
	delete(s.objects, "consul-6.snap.age")
	add(t, s, "7", encrypted, func(e *Entry) { e.Size = 99 })
	inv := list(t, s)
	if got := show(inv); !strings.HasSuffix(got, "6 lost, 4 foreign, 3 proven, 2 proven, 1 proven") {
		t.Error(got)
	}
	for id, want := range map[string][]string{
		"1": {"consul-1.snap.age"}, "2": {"consul-2.2.snap.age", "consul-2.1.snap.age", "consul-2.snap"}, "3": {"consul-3.snap", "consul-3.snap.age"},
		"4": {"consul-4.snap.age"}, "6": {"consul-6.snap.age"},
	} {
		if b := inv.Find(id); b == nil || !slices.Equal(append([]string{b.Name}, b.Strays...), want) {
			t.Errorf("%s: %+v", id, b)
		}
	}
}

// Retention deletes encrypted backups as any, and what is left beside them.
func TestPruneEncrypted(t *testing.T) {
	s := newStore()
	add(t, s, "1", encrypted)
	add(t, s, "2", generation(1))
	s.put("consul-2.snap", []byte("what it was before"))
	add(t, s, "3")
	add(t, s, "4", encrypted)
	for _, id := range []string{"11", "12", "13", "14"} {
		if err := SetAside(t.Context(), s, add(t, s, id, encrypted), "differs", noon); err != nil {
			t.Fatal(err)
		}
	}
	done, err := Prune(t.Context(), s, list(t, s), Keep{Cluster: "prod", Retain: 2})
	if err != nil || len(done) != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	want := []string{
		"consul-12.snap.age.bad", "consul-12.snap.bad.json", "consul-13.snap.age.bad", "consul-13.snap.bad.json", "consul-14.snap.age.bad",
		"consul-14.snap.bad.json", "consul-3.snap", "consul-3.snap.json", "consul-4.snap.age", "consul-4.snap.json",
	}
	if got := s.names(); !slices.Equal(got, want) {
		t.Errorf("left: %v", got)
	}
}

func keyFor(t *testing.T) (*encryption.Recipients, *encryption.Keys) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(file, []byte(id.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := new(encryption.Keys)
	if _, err := keys.AddFile(file, nil); err != nil {
		t.Fatal(err)
	}
	to, err := encryption.ParseRecipients([]string{id.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	return to, keys
}

func seal(t *testing.T, to *encryption.Recipients, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := to.Encrypt(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// An encrypted archive is adopted by who can read it.
func TestAdoptEncrypted(t *testing.T) {
	to, keys := keyFor(t)
	_, others := keyFor(t)
	plain := pack(t, &record.KVEntry{Key: "a"})
	sealed := seal(t, to, plain)
	for name, c := range map[string]struct {
		object string
		data   []byte
		keys   *encryption.Keys
		good   bool
	}{
		"with the key":                 {"consul-1.snap.age", sealed, keys, true},
		"of a generation":              {"consul-1.4.snap.age", sealed, keys, true},
		"without":                      {"consul-1.snap.age", sealed, nil, false},
		"with another":                 {"consul-1.snap.age", sealed, others, false},
		"cut":                          {"consul-1.snap.age", sealed[:len(sealed)-1], keys, false},
		"under a plain name":           {"consul-1.snap", sealed, keys, false},
		"plain under an encrypted one": {"consul-1.snap.age", plain, keys, false},
		"not an archive":               {"consul-1.snap.age", seal(t, to, []byte("x")), keys, false},
	} {
		for _, all := range []bool{false, true} {
			s := newStore()
			s.put(c.object, c.data)
			with := claim
			with.Keys = c.keys
			var e *Entry
			var err error
			if all {
				var out *Rebuilding
				if out, err = Rebuild(t.Context(), s, with); len(out.Rebuilt) == 1 {
					e = out.Rebuilt[0]
				} else if len(out.Skipped) == 1 {
					err = out.Skipped[0].Err
				}
			} else {
				e, err = Adopt(t.Context(), s, "1", with)
			}
			if (err == nil) != c.good {
				t.Errorf("%s, all %v: %v", name, all, err)
				continue
			}
			if !c.good {
				if len(s.objects) != 1 {
					t.Errorf("%s: %v", name, s.names())
				}
				continue
			}
			d, err := Describe(t.Context(), bytes.NewReader(plain), claim.Own)
			if err != nil {
				t.Fatal(err)
			}
			b := list(t, s).Find("1")
			if b == nil || !b.Good() || b.Name != c.object || e.SHA256 != sumOf(sealed) || e.Essence != d.Essence || e.Encryption == nil || e.Encryption.Passphrase {
				t.Errorf("%s: %+v, %+v", name, b, e)
			}
		}
	}
}

func sumOf(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// Whenever the store stops working, the old archive or the new one is the backup's, and it is there.
func TestCrashInSupersede(t *testing.T) {
	s := newStore()
	add(t, s, "1", encrypted)
	s.put("consul-1.1.snap.age", []byte("other"))
	by := Sealed{"consul-1.1.snap.age", 5, strings.Repeat("cd", 32), &Encryption{Format: "age", Passphrase: true}}
	eachCrash(t, s, func(s *shelfStore) error {
		inv, err := List(t.Context(), s, nil)
		if err != nil {
			return err
		}
		b := inv.Find("1")
		if b.Entry == nil {
			return b.EntryError
		}
		if b.Name == by.Name {
			return ClearStrays(t.Context(), s, b)
		}
		_, err = Supersede(t.Context(), s, b, by)
		return err
	}, func(t *testing.T, s *shelfStore) {
		seen(t, s, "1 proven")
	})
}

func TestSupersedeRefuses(t *testing.T) {
	s := newStore()
	add(t, s, "1", encrypted)
	s.put("consul-1.1.snap.age", []byte("other"))
	good := Sealed{"consul-1.1.snap.age", 5, strings.Repeat("cd", 32), &Encryption{Format: "age"}}
	b := *list(t, s).Find("1")
	for name, change := range map[string]func(*Sealed){
		"its own name": func(by *Sealed) { by.Name = b.Name }, "another ID": func(by *Sealed) { by.Name = "consul-2.snap.age" },
		"not there": func(by *Sealed) { by.Name = "consul-1.5.snap.age" }, "another size": func(by *Sealed) { by.Size++ },
		"no sum": func(by *Sealed) { by.SHA256 = "" }, "not encrypted": func(by *Sealed) { by.Encryption = nil },
	} {
		by := good
		change(&by)
		if _, err := Supersede(t.Context(), s, &b, by); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := Confirm(t.Context(), s, b.Name, noon); err != nil { // an agent goes on meanwhile: that stays
		t.Fatal(err)
	}
	e, err := Supersede(t.Context(), s, &b, good)
	if err != nil || e.Confirmed == nil {
		t.Fatalf("%+v, %v", e, err)
	}
	if _, err := Supersede(t.Context(), s, &b, good); !errors.Is(err, ErrChanged) {
		t.Errorf("a second time: %v", err)
	}
}
