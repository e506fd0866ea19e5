package encryption

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"filippo.io/age"
)

// What is encrypted for the recipients of keys is decrypted by them.
func TestRecipientsOfKeys(t *testing.T) {
	first, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	second, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	one, two := Fingerprint(first.Recipient().String()), Fingerprint(second.Recipient().String())
	keys := &Keys{list: []age.Identity{first, second}}
	for _, c := range []struct {
		name  string
		among []string
		want  []string
	}{
		{"all", nil, []string{one, two}}, {"one that the backup is for", []string{"ffffffffffffffff", two}, []string{two}},
		{"none of them is", []string{"ffffffffffffffff"}, []string{one, two}},
	} {
		to, err := keys.Recipients(c.among)
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Sorted(slices.Values(c.want))
		if !slices.Equal(to.Fingerprints(), want) {
			t.Errorf("%s: %v, want %v", c.name, to.Fingerprints(), want)
		}
	}
	to, err := keys.Recipients(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := to.Encrypt(&out)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "secret")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	plain, err := keys.Decrypt(&out)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(plain); err != nil || string(b) != "secret" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestRecipientsOfKeysWithoutAny(t *testing.T) {
	passphrase := new(Keys)
	if err := passphrase.AddPassphrase("correct horse battery staple"); err != nil {
		t.Fatal(err)
	}
	locked := &Keys{list: []age.Identity{&lockedFile{}}}
	for name, keys := range map[string]*Keys{"nil": nil, "empty": {}, "a passphrase": passphrase, "a locked file": locked} {
		if to, err := keys.Recipients(nil); err == nil {
			t.Errorf("%s: %v", name, to)
		}
	}
}
