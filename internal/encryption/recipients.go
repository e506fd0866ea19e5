package encryption

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"
)

// Recipients are whom archives are encrypted for: public keys, or one passphrase.
type Recipients struct {
	list       []age.Recipient
	names      []string // canonical, of public keys; empty with a passphrase
	passphrase string   // empty with public keys
}

// ParseRecipients takes public keys as age's program does: age1…, age1pq1…, ssh-ed25519 … or ssh-rsa …. One that is there twice counts
// once. An error tells the place of the key in the list, from 1, and not what is there.
func ParseRecipients(keys []string) (*Recipients, error) {
	r := new(Recipients)
	for i, key := range keys {
		if err := r.add(key); err != nil {
			return nil, fmt.Errorf("recipient %d: %w", i+1, err)
		}
	}
	return r, r.check()
}

// add adds a public key.
func (r *Recipients) add(key string) error {
	recipient, name, err := parseRecipient(strings.TrimSpace(key))
	if err != nil {
		return err
	}
	if !slices.Contains(r.names, name) {
		r.list, r.names = append(r.list, recipient), append(r.names, name)
	}
	return nil
}

// check encrypts nothing: that shows whether these keys go together.
func (r *Recipients) check() error {
	if len(r.list) == 0 {
		return errors.New("there is no recipient: a public key, age1…, ssh-ed25519 … or ssh-rsa …, is needed")
	}
	w, err := age.Encrypt(io.Discard, r.list...)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("these recipients cannot be used together: %w", err)
	}
	return nil
}

// parseRecipient returns a public key, and its canonical text.
func parseRecipient(key string) (age.Recipient, string, error) {
	switch {
	case strings.HasPrefix(key, "AGE-"):
		return nil, "", errors.New("this is an identity, with which one decrypts; the recipient is its public key, age1…. " +
			"Keep the identity away from where backups are made")
	case strings.HasPrefix(key, "age1tag1"), strings.HasPrefix(key, "age1tagpq1"):
		return nil, "", errors.New("recipients of plugins are not served")
	case strings.HasPrefix(key, "age1pq1"):
		return canonical(age.ParseHybridRecipient(key))
	case strings.HasPrefix(key, "age1") && strings.Count(key, "1") > 1:
		return nil, "", errors.New("recipients of plugins are not served")
	case strings.HasPrefix(key, "age1"):
		return canonical(age.ParseX25519Recipient(key))
	case strings.HasPrefix(key, "ssh-"):
		return parseSSHRecipient(key)
	}
	return nil, "", errors.New("this is no public key of age (age1…) or OpenSSH (ssh-ed25519 …, ssh-rsa …)")
}

// canonical returns a key as it writes itself.
func canonical[R interface {
	age.Recipient
	String() string
}](r R, err error) (age.Recipient, string, error) {
	if err != nil { // its text repeats the key
		return nil, "", errors.New("this is a malformed public key of age: is it all there?")
	}
	return r, r.String(), nil
}

// parseSSHRecipient takes a line of an .pub file. Its comment is no part of the key.
func parseSSHRecipient(line string) (age.Recipient, string, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return nil, "", errors.New("this is a malformed public key of OpenSSH: is it all there?")
	}
	var r age.Recipient
	switch key.Type() {
	case ssh.KeyAlgoED25519:
		r, err = agessh.NewEd25519Recipient(key)
	case ssh.KeyAlgoRSA:
		r, err = agessh.NewRSARecipient(key)
	default:
		return nil, "", fmt.Errorf("keys of the type %s cannot be encrypted for: ssh-ed25519 and ssh-rsa can", key.Type())
	}
	if err != nil {
		return nil, "", fmt.Errorf("this key of OpenSSH cannot be encrypted for: %w", err)
	}
	return r, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), nil
}

// Passphrase is a passphrase as the one recipient. Who knows it decrypts, and so does who encrypts.
func Passphrase(secret string) (*Recipients, error) {
	r, err := age.NewScryptRecipient(secret)
	if err != nil {
		return nil, errors.New("the passphrase is empty")
	}
	return &Recipients{list: []age.Recipient{r}, passphrase: secret}, nil
}

// ByPassphrase tells whether it is a passphrase.
func (r *Recipients) ByPassphrase() bool { return r.passphrase != "" }

// Keys decrypt what is encrypted with a passphrase; it is nil for public keys, from which nobody gets there.
func (r *Recipients) Keys() *Keys {
	if !r.ByPassphrase() {
		return nil
	}
	k := new(Keys)
	if err := k.AddPassphrase(r.passphrase); err != nil {
		return nil // it is not empty
	}
	return k
}

// Fingerprints name the public keys, in the order of their names; there are none with a passphrase.
func (r *Recipients) Fingerprints() []string {
	all := make([]string, 0, len(r.names))
	for _, name := range r.names {
		all = append(all, Fingerprint(name))
	}
	slices.Sort(all)
	return all
}

// Fingerprint names a public key: the first 16 digits, in hex, of the SHA-256 of its canonical text, which is age1… of a key of age, and
// type and key, without a comment, of one of OpenSSH.
func Fingerprint(canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return hex.EncodeToString(sum[:8])
}

// String says, for people, whom it is for. It holds no secret.
func (r *Recipients) String() string { return Describe(r.Fingerprints(), r.ByPassphrase()) }

// GoString is String, so that a passphrase is never printed.
func (r *Recipients) GoString() string { return r.String() }

// Describe says, for people, whom something is encrypted for: public keys with these fingerprints, or a passphrase, or nobody knows.
func Describe(fingerprints []string, byPassphrase bool) string {
	switch {
	case byPassphrase:
		return "a passphrase"
	case len(fingerprints) == 0:
		return "recipients that are not known"
	case len(fingerprints) == 1:
		return "recipient " + fingerprints[0]
	}
	return "recipients " + strings.Join(fingerprints, ", ")
}

// Encrypt begins an encrypted file. What is written to the result goes to w encrypted; its Close ends the file, and leaves w open. Without
// it the file is not whole.
func (r *Recipients) Encrypt(w io.Writer) (io.WriteCloser, error) {
	out, err := age.Encrypt(w, r.list...)
	if err != nil {
		return nil, fmt.Errorf("encrypt for %s: %w", r, err)
	}
	return out, nil
}
