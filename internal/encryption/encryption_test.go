package encryption

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"
)

// pair is a public key, and the text of the file that decrypts.
type pair struct{ public, private string }

func x25519(t testing.TB) pair {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return pair{id.Recipient().String(), "# created: today\n\n" + id.String() + "\n"}
}

func hybrid(t testing.TB) pair {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return pair{id.Recipient().String(), id.String()}
}

func sshPair(t testing.TB, public, private any, passphrase string) pair {
	t.Helper()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(private, "comment")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "comment", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return pair{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " somebody@somewhere", string(pem.EncodeToMemory(block))}
}

func sshEd25519(t testing.TB, passphrase string) pair {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return sshPair(t, public, private, passphrase)
}

func sshRSA(t testing.TB) pair {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return sshPair(t, &key.PublicKey, key, "")
}

func encrypt(t testing.TB, to *Recipients, plain []byte) []byte {
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

func decryptAll(keys *Keys, sealed []byte) ([]byte, error) {
	r, err := keys.Decrypt(bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func keysOf(t testing.TB, ask Ask, files ...string) *Keys {
	t.Helper()
	keys := new(Keys)
	for _, text := range files {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if warning, err := keys.AddFile(path, ask); err != nil || warning != "" {
			t.Fatalf("%v, warning %q", err, warning)
		}
	}
	return keys
}

func recipients(t testing.TB, keys ...string) *Recipients {
	t.Helper()
	r, err := ParseRecipients(keys)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func never(string) (string, error) { return "", errors.New("nobody is to be asked") }

// sizes are those at which age's pieces of 64 KiB begin and end.
var sizes = []int{0, 1, 65535, 65536, 65537, 200000}

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(mathrand.Uint32())
	}
	return b
}

// What is encrypted for a kind of key is decrypted by its private key, and by no other's.
func TestRoundTrip(t *testing.T) {
	kinds := map[string]pair{
		"X25519": x25519(t), "hybrid": hybrid(t), "ssh-ed25519": sshEd25519(t, ""), "ssh-rsa": sshRSA(t),
	}
	for name, own := range kinds {
		t.Run(name, func(t *testing.T) {
			to := recipients(t, own.public)
			for _, size := range sizes {
				plain := noise(size)
				sealed := encrypt(t, to, plain)
				if got, err := decryptAll(keysOf(t, never, own.private), sealed); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%d bytes: %d, %v", size, len(got), err)
				}
			}
			sealed := encrypt(t, to, []byte("secret"))
			for other, p := range kinds {
				var locked *LockedError
				if _, err := decryptAll(keysOf(t, never, p.private), sealed); other != name && (!errors.As(err, &locked) || !locked.Tried) {
					t.Errorf("with the key of %s: %v", other, err)
				}
			}
		})
	}
}

// Each of several recipients decrypts.
func TestSeveralRecipients(t *testing.T) {
	a, b, c := x25519(t), sshEd25519(t, ""), x25519(t)
	to := recipients(t, a.public, b.public, a.public)
	if got := to.Fingerprints(); len(got) != 2 {
		t.Errorf("fingerprints %q: a key that is there twice counts once", got)
	}
	sealed := encrypt(t, to, []byte("secret"))
	for _, p := range []pair{a, b} {
		if got, err := decryptAll(keysOf(t, never, c.private, p.private), sealed); err != nil || string(got) != "secret" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := ParseRecipients([]string{a.public, hybrid(t).public}); err == nil {
		t.Error("a key that a quantum computer breaks is used beside one that it does not")
	}
}

// The library and this package read each other's files, binary and armored.
func TestAgeItself(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range sizes {
		plain := noise(size)
		ours := encrypt(t, recipients(t, id.Recipient().String()), plain)
		r, err := age.Decrypt(bytes.NewReader(ours), id)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("age reads %d of %d bytes, %v", len(got), size, err)
		}
		for _, armored := range []bool{false, true} {
			theirs := sealedByAge(t, plain, armored, id.Recipient())
			if encrypted, _ := Sniff(bytes.NewReader(theirs)); !encrypted {
				t.Error("what age writes is not seen to be encrypted")
			}
			r, err := keysOf(t, never, id.String()).Decrypt(iotest.OneByteReader(bytes.NewReader(theirs)))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) || r.ByPassphrase {
				t.Errorf("armored %v: %d of %d bytes, %v", armored, len(got), size, err)
			}
		}
	}
	key, err := agessh.ParseRecipient(sshEd25519(t, "").public)
	if err != nil || key == nil {
		t.Fatal(err)
	}
}

func sealedByAge(t testing.TB, plain []byte, armored bool, to ...age.Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	var dst io.WriteCloser = nopCloser{&out}
	if armored {
		out.WriteString("\n  \n")
		dst = armor.NewWriter(&out)
	}
	w, err := age.Encrypt(dst, to...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(plain)
	if err := errors.Join(err, w.Close(), dst.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// light is a passphrase as a recipient that takes no second.
func light(t testing.TB, secret string) *age.ScryptRecipient {
	t.Helper()
	r, err := age.NewScryptRecipient(secret)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(8)
	return r
}

func TestPassphrase(t *testing.T) {
	to, err := Passphrase("correct horse")
	if err != nil || !to.ByPassphrase() || len(to.Fingerprints()) != 0 {
		t.Fatalf("%v, %+v", err, to)
	}
	sealed := encrypt(t, to, []byte("secret"))
	if got, err := decryptAll(to.Keys(), sealed); err != nil || string(got) != "secret" {
		t.Errorf("%q, %v", got, err)
	}
	if recipients(t, x25519(t).public).Keys() != nil {
		t.Error("public keys give something to decrypt with")
	}
	if _, err := Passphrase(""); err == nil {
		t.Error("an empty passphrase is one")
	}
	sealed = sealedByAge(t, []byte("secret"), false, light(t, "correct horse"))
	for _, c := range []struct {
		name  string
		keys  func() *Keys
		want  string
		tried bool
	}{
		{"nothing", func() *Keys { return nil }, "give that with -passphrase-file", false},
		{"an identity", func() *Keys { return keysOf(t, never, x25519(t).private) }, "-passphrase-file", true},
		{"a wrong one", func() *Keys { k := new(Keys); k.AddPassphrase("battery"); return k }, "is not that", true},
		{"a wrong one, asked for", func() *Keys {
			k := new(Keys)
			k.AddAsked("", func(string) (string, error) { return "battery", nil })
			return k
		}, "is not that", true},
	} {
		var locked *LockedError
		if _, err := decryptAll(c.keys(), sealed); !errors.As(err, &locked) || !strings.Contains(err.Error(), c.want) || locked.Tried != c.tried {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	asked := 0
	k := new(Keys)
	k.AddAsked("the prompt", func(prompt string) (string, error) { asked++; return "correct horse", nil })
	if !k.Empty() {
		t.Error("a passphrase that may be asked for counts as given")
	}
	for range 2 {
		if got, err := decryptAll(k, sealed); err != nil || string(got) != "secret" || asked != 1 {
			t.Errorf("%q, %v, asked %d times", got, err, asked)
		}
	}
	if _, err := decryptAll(k, encrypt(t, recipients(t, x25519(t).public), nil)); err == nil || asked != 1 {
		t.Errorf("%v, asked %d times", err, asked)
	}
	k = new(Keys)
	k.AddAsked("", never)
	if _, err := decryptAll(k, sealed); err == nil || !strings.Contains(err.Error(), "nobody is to be asked") {
		t.Error(err)
	}
}

// Files of keys that are locked themselves ask when they are needed, and not before.
func TestLockedKeys(t *testing.T) {
	own := x25519(t)
	file := string(sealedByAge(t, []byte(own.private), true, light(t, "pass")))
	withSSH := sshEd25519(t, "pass")
	for name, c := range map[string]struct{ public, file string }{"age": {own.public, file}, "ssh": {withSSH.public, withSSH.private}} {
		sealed := encrypt(t, recipients(t, c.public), []byte("secret"))
		var prompt string
		keys := keysOf(t, func(p string) (string, error) { prompt = p; return "pass", nil }, c.file)
		if prompt != "" {
			t.Errorf("%s: asked too early", name)
		}
		if got, err := decryptAll(keys, sealed); err != nil || string(got) != "secret" || !strings.Contains(prompt, "key") {
			t.Errorf("%s: %q, %v, prompt %q", name, got, err, prompt)
		}
		keys = keysOf(t, func(string) (string, error) { return "wrong", nil }, c.file)
		if _, err := decryptAll(keys, sealed); err == nil || strings.Contains(err.Error(), own.private) {
			t.Errorf("%s: a wrong passphrase: %v", name, err)
		}
		if _, err := decryptAll(keysOf(t, never, c.file), sealed); err == nil || !strings.Contains(err.Error(), "nobody is to be asked") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever is changed, cut off or added, the end is never reached without an error.
func TestDamage(t *testing.T) {
	own := x25519(t)
	keys := keysOf(t, never, own.private)
	sealed := encrypt(t, recipients(t, own.public), noise(150000))
	armored := sealedByAge(t, []byte("secret"), true, recipients(t, own.public).list...)
	fails := func(name string, data []byte) {
		t.Helper()
		var locked *LockedError
		_, err := decryptAll(keys, data)
		if err == nil || !errors.Is(err, ErrDamaged) && !errors.As(err, &locked) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, n := range []int{30, 100, 170, 200, 65536, 65536 + 200, 2*(65536+16) + 200, len(sealed) - 1, len(sealed) - 16} {
		fails(fmt.Sprint("cut at ", n), sealed[:n])
		flipped := bytes.Clone(sealed)
		flipped[n] ^= 4
		fails(fmt.Sprint("flipped at ", n), flipped)
	}
	// exactly one piece less: that the rest is missing shows only in the piece's own mark
	header := len(sealed) - 3*16 - 150000
	fails("without the last piece", sealed[:header+2*(65536+16)])
	fails("without all pieces", sealed[:header])
	fails("longer", append(bytes.Clone(sealed), 0))
	fails("twice", append(bytes.Clone(sealed), sealed...))
	fails("armor cut", armored[:len(armored)-10])
	fails("armor with something behind", append(bytes.Clone(armored), "more"...))
	fails("a version of the future", append([]byte("age-encryption.org/v2\n"), sealed[22:]...))
}

// Errors of the source are not taken for damage: the disk or the store is what fails.
func TestSourceFails(t *testing.T) {
	own, boom := x25519(t), errors.New("boom")
	sealed := encrypt(t, recipients(t, own.public), noise(150000))
	for _, n := range []int{0, 10, 100, 300, 70000, len(sealed)} {
		r, err := keysOf(t, never, own.private).Decrypt(io.MultiReader(bytes.NewReader(sealed[:n]), iotest.ErrReader(boom)))
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, boom) || errors.Is(err, ErrDamaged) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func TestSniff(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "a": false, "age-encryption.org/v1\n": true, "age-encryption.org/v9\n": true, "\x1f\x8b\x08": false,
		armor.Header + "\n": true, "\n\n " + armor.Header: true, "age-encryption": false, strings.Repeat(" ", 5000) + armor.Header: false,
	} {
		encrypted, whole := Sniff(strings.NewReader(text))
		if got, err := io.ReadAll(whole); err != nil || string(got) != text || encrypted != want {
			t.Errorf("%.40q: %v, %.40q, %v", text, encrypted, got, err)
		}
	}
}
