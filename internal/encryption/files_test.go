package encryption

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The fingerprint can be worked out with sha256sum.
func TestFingerprint(t *testing.T) {
	const key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
	if got := recipients(t, key).Fingerprints()[0]; got != "cf7e568231315068" {
		t.Error(got)
	}
	own := sshEd25519(t, "")
	bare := strings.TrimSuffix(own.public, " somebody@somewhere")
	if a, b := recipients(t, own.public).Fingerprints()[0], recipients(t, bare).Fingerprints()[0]; a != b || a != Fingerprint(bare) {
		t.Errorf("%s with a comment, %s without", a, b)
	}
}

func TestRefusedRecipients(t *testing.T) {
	own := x25519(t)
	secret := strings.TrimSpace(own.private[strings.Index(own.private, "AGE-"):])
	for _, c := range []struct{ key, want string }{
		{"", "no public key"}, {secret, "this is an identity"}, {own.public[:40], "malformed"}, {"age1yubikey1qqqq", "plugins"},
		{"age1tag1qqqqq", "plugins"}, {"ssh-ed25519 AAAA", "malformed"}, {"github:me", "no public key"}, {"swordfish", "no public key"},
	} {
		_, err := ParseRecipients([]string{own.public, c.key})
		if err == nil || !strings.Contains(err.Error(), "recipient 2: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.key, err)
		}
		if err != nil && len(c.key) > 6 && strings.Contains(err.Error(), c.key) {
			t.Errorf("the error repeats what may be a secret: %v", err)
		}
	}
	if _, err := ParseRecipients(nil); err == nil {
		t.Error("nobody is somebody")
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip(err) // the runtime refuses already
	}
	if _, err := ParseRecipients([]string{sshPair(t, &small.PublicKey, small, "").public}); err == nil {
		t.Error("an RSA key that is too small is taken")
	}
}

func TestRecipientsFile(t *testing.T) {
	a, b := x25519(t), sshRSA(t)
	keys, err := ReadRecipientLines("f", strings.NewReader("# team\r\n\n"+a.public+"\r\n  "+b.public+"\n#"+b.public))
	if err != nil || len(keys) != 2 || keys[0] != a.public || keys[1] != b.public {
		t.Errorf("%q, %v", keys, err)
	}
	for text, want := range map[string]string{
		"": "no public key", "# only": "no public key", a.public + "\nhunter2\n": "f, line 2: ", a.private: "f, line 3: this is an identity",
		"\xff\xfe": "no text", strings.Repeat("#", maxKeyFile+1): "more than",
	} {
		if _, err := ReadRecipientLines("f", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.30q: %v", text, err)
		}
	}
	if _, err := RecipientLines(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestPassphraseFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pass")
	for text, want := range map[string]string{
		"a b": "a b", "a b\n": "a b", "a\r\n": "a", " a ": " a ", "": "", "\n": "", "a\nb\n": "", "a\x00b": "", "\xff": "", strings.Repeat("a", 5000): "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		secret, warning, err := ReadPassphrase(path)
		if secret != want || warning != "" || (err == nil) != (want != "") {
			t.Errorf("%.20q: %q, %q, %v", text, secret, warning, err)
		}
		if err != nil && text != "" && len(text) < 4 && strings.Contains(err.Error(), strings.TrimSpace(text)+"b") {
			t.Errorf("the error repeats the passphrase: %v", err)
		}
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, warns := range map[os.FileMode]bool{0o600: false, 0o640: true, 0o604: true, 0o400: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, warning, err := ReadPassphrase(path); err != nil || (warning != "") != warns {
			t.Errorf("mode %o: %q, %v", mode, warning, err)
		}
	}
}

// A passphrase is not shown however its recipient is printed.
func TestPassphraseIsNotShown(t *testing.T) {
	to, err := Passphrase("hunter2")
	if err != nil {
		t.Fatal(err)
	}
	holder := struct{ To *Recipients }{to}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{to, holder, &holder} {
			if text := fmt.Sprintf(format, v); strings.Contains(text, "hunter2") {
				t.Errorf("%s: %s", format, text)
			}
		}
	}
}

func TestRefusedIdentities(t *testing.T) {
	own := x25519(t)
	for text, want := range map[string]string{
		"": "no identity", "# nothing": "no identity", own.public: "public key", "hunter2": "no identity of age",
		strings.TrimSpace(own.private)[:80]: "malformed", "AGE-PLUGIN-YUBIKEY-1QQ": "plugins",
		"-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n": "no private key of OpenSSH",
	} {
		path := filepath.Join(t.TempDir(), "id")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := new(Keys).AddFile(path, never)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "AGE-SECRET-KEY-1Q") {
			t.Errorf("%.30q: %v", text, err)
		}
	}
}

func TestForWhom(t *testing.T) {
	sealed := encrypt(t, recipients(t, x25519(t).public, x25519(t).public), nil)
	_, err := decryptAll(nil, sealed)
	if err == nil || !strings.Contains(err.Error(), "2 public keys") || !strings.Contains(err.Error(), "-identity") {
		t.Error(err)
	}
	if err = fmt.Errorf("wrapped: %w", For(err, []string{"0123456789abcdef"})); !strings.Contains(err.Error(), "recipient 0123456789abcdef") {
		t.Error(err)
	}
	if For(nil, nil) != nil {
		t.Error("an error of nothing")
	}
}
