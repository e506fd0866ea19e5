package encryption

import (
	"bytes"
	"strings"
	"testing"
)

// Whatever a file of recipients holds, it is taken as a list of keys that can be used, or refused without repeating it.
func FuzzRecipientsFile(f *testing.F) {
	own := x25519(f)
	for _, seed := range []string{own.public, own.private, "# x\n" + own.public + "\r\n", sshEd25519(f, "").public, "ssh-rsa AAAAB3", "age1pq1qq", "\xff", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := ReadRecipientLines("f", bytes.NewReader(data))
		if err != nil {
			for line := range bytes.Lines(data) {
				if line = bytes.TrimSpace(line); len(line) > 40 && strings.Contains(err.Error(), string(line)) {
					t.Errorf("the error repeats a line: %v", err)
				}
			}
			return
		}
		for _, key := range keys {
			r, err := ParseRecipients([]string{key})
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseRecipients(r.names)
			if err != nil || again.Fingerprints()[0] != r.Fingerprints()[0] {
				t.Errorf("the canonical text of a key is another key: %v", err)
			}
		}
	})
}

// Whatever is decrypted, nothing panics, and only what was encrypted comes out.
func FuzzDecrypt(f *testing.F) {
	own := x25519(f)
	plain := []byte("the one thing that was encrypted")
	sealed := encrypt(f, recipients(f, own.public), plain)
	f.Add(sealed)
	f.Add(sealedByAge(f, plain, true, recipients(f, own.public).list...))
	f.Add(sealed[:len(sealed)-1])
	keys := keysOf(f, never, own.private)
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := decryptAll(keys, data); err == nil && !bytes.Equal(got, plain) {
			t.Errorf("%q", got)
		}
	})
}

func FuzzIdentityFile(f *testing.F) {
	for _, seed := range []string{x25519(f).private, sshEd25519(f, "").private, sshEd25519(f, "x").private, "AGE-SECRET-KEY-1", "\n#\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys := new(Keys)
		if err := keys.add("f", data, never); err == nil && keys.Empty() {
			t.Error("a file without a key is taken")
		}
	})
}
