package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/term"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/encryption"
)

// keyFlags say what decrypts snapshots that are encrypted.
type keyFlags struct {
	identities     []string
	passphraseFile string

	read *encryption.Keys // what the files hold, once they were read
}

func (k *keyFlags) define(fs *flag.FlagSet) {
	fs.Func("identity", "A `file` with what decrypts an encrypted snapshot: identities of age (AGE-SECRET-KEY-1…), "+
		"also encrypted with a passphrase, which is asked for, or a private key of OpenSSH. Can be given multiple times.",
		func(path string) error { k.identities = append(k.identities, path); return nil })
	fs.StringVar(&k.passphraseFile, "passphrase-file", "",
		"A `file` with the passphrase of a snapshot that is encrypted with one. Without it the passphrase is asked for, on a terminal.")
}

// defineOld is define for commands that read archives of consul-snapshot, too.
func (k *keyFlags) defineOld(fs *flag.FlagSet) {
	k.define(fs)
	fs.Lookup("passphrase-file").Usage = "A `file` with the passphrase of what is encrypted with one. Without it that of an archive of " +
		"consul-snapshot is taken from CRYPTO_PASSWORD, if that is set; otherwise it is asked for, on a terminal."
}

// given tells whether there is anything.
func (k *keyFlags) given() bool { return len(k.identities) > 0 || k.passphraseFile != "" }

// keys reads the files, once: nobody is asked twice. A passphrase that no file has is asked for once it is needed, if there is a terminal.
func (k *keyFlags) keys(p *program) (*encryption.Keys, error) {
	if k.read != nil {
		return k.read, nil
	}
	keys := new(encryption.Keys)
	for _, path := range k.identities {
		warning, err := keys.AddFile(path, askSecret)
		if err != nil {
			return nil, err
		}
		warnOf(p, warning)
	}
	if k.passphraseFile == "" {
		if canAsk() {
			keys.AddAsked("Passphrase of the snapshot: ", askSecret)
		}
		k.read = keys
		return keys, nil
	}
	secret, warning, err := encryption.ReadPassphrase(k.passphraseFile)
	if err != nil {
		return nil, err
	}
	warnOf(p, warning)
	k.read = keys
	return keys, keys.AddPassphrase(secret)
}

func warnOf(p *program, warning string) {
	if warning != "" {
		p.warn("%s", warning)
	}
}

// askSecret asks on the terminal of the process, whatever its standard input is, without showing what is typed. Tests put another one here.
var askSecret = func(prompt string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", errors.New("a passphrase is needed, and there is no terminal to ask for it")
	}
	defer tty.Close()
	fmt.Fprint(tty, prompt)
	defer fmt.Fprintln(tty)
	secret, err := term.ReadPassword(int(tty.Fd()))
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	return string(secret), nil
}

// canAsk tells whether there is a terminal.
var canAsk = func() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	return tty.Close() == nil
}

// isEncryptedFile tells whether a regular file is encrypted. What is wrong with it is for who opens it to find.
func isEncryptedFile(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	encrypted, _ := encryption.Sniff(f)
	return encrypted
}

// decryptFile decrypts a file to a private temporary one, to its end.
func (k *keyFlags) decryptFile(p *program, path string) (*backup.Spool, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return k.decrypt(p, f)
}

// decrypt decrypts to a private temporary file, to the end: before that nothing of it may be used.
func (k *keyFlags) decrypt(p *program, from io.Reader) (*backup.Spool, error) {
	keys, err := k.keys(p)
	if err != nil {
		return nil, err
	}
	plain, err := keys.Decrypt(from)
	if err != nil {
		return nil, err
	}
	return spooled(plain)
}

// recipientFlags say whom a snapshot is to be encrypted for.
type recipientFlags struct {
	recipients []string
	files      []string
}

func (r *recipientFlags) define(fs *flag.FlagSet) {
	fs.Func("recipient", "Encrypt for this public `key`: age1…, ssh-ed25519 … or ssh-rsa …. Can be given multiple times; "+
		"each one's private key decrypts.",
		func(key string) error { r.recipients = append(r.recipients, key); return nil })
	fs.Func("recipients-file", "Encrypt for the public keys in this `file`, one a line; lines that begin with # are comments. "+
		"Can be given multiple times.",
		func(path string) error { r.files = append(r.files, path); return nil })
}

func (r *recipientFlags) given() bool { return len(r.recipients)+len(r.files) > 0 }

// open reads the files; nil if nobody is named.
func (r *recipientFlags) open() (*encryption.Recipients, error) {
	if !r.given() {
		return nil, nil
	}
	keys := slices.Clone(r.recipients)
	for i, key := range keys { // a flag's place in the list says more than its number among all
		if _, err := encryption.ParseRecipients([]string{key}); err != nil {
			return nil, fmt.Errorf("-recipient, number %d: %w", i+1, errors.Unwrap(err))
		}
	}
	for _, path := range r.files {
		lines, err := encryption.RecipientLines(path)
		if err != nil {
			return nil, err
		}
		keys = append(keys, lines...)
	}
	return encryption.ParseRecipients(keys)
}

// source is a source whose snapshots are decrypted with the keys that flags name.
func (k *keyFlags) source(p *program, from backup.Source, recipients []string) (backup.Source, error) {
	keys, err := k.keys(p)
	if err != nil {
		return nil, err
	}
	return &backup.Decrypted{Source: from, Keys: keys, Recipients: recipients}, nil
}
