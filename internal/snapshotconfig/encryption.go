package snapshotconfig

import (
	"fmt"

	"github.com/lictor-dr/lictor/internal/encryption"
)

// Encryption is whom backups are encrypted for: public keys or a passphrase; with neither they are not encrypted.
type Encryption struct {
	Recipients     []string // public keys of age or OpenSSH, as configured
	PassphraseFile string   // holds the passphrase

	whom string // for people
}

var encryptionKeys = []key{
	{path: "encryption.recipients", flag: "encryption-recipient", kind: kindList,
		usage: "Encrypt backups for this public `key`: age1…, ssh-ed25519 … or ssh-rsa …. Can be given multiple times; each one's private key " +
			"decrypts. The agent itself can read no backup then that it has made."},
	{path: "encryption.passphrase_file", flag: "encryption-passphrase-file",
		usage: "Encrypt backups with the passphrase in this `file`, for want of public keys: who has the file, as the agent does, can read them all."},
}

// setEncryption checks the recipients, and that the file of the passphrase can be used; it is read when the agent starts, and on a reload.
func (s *settings) setEncryption(c *Config) {
	const recipients, passphrase = "encryption.recipients", "encryption.passphrase_file"
	e := &c.Encryption
	e.Recipients, e.PassphraseFile = s.set.list(recipients), s.set.str(passphrase)
	switch {
	case len(e.Recipients) > 0 && e.PassphraseFile != "":
		s.fault("%s cannot be combined with %s: age encrypts for public keys or with a passphrase", s.set.name(recipients), s.set.name(passphrase))
	case len(e.Recipients) > 0:
		to, err := encryption.ParseRecipients(e.Recipients)
		if err != nil {
			s.fault("%s: %v", s.set.name(recipients), err)
			return
		}
		e.whom = to.String()
	case e.PassphraseFile != "":
		if _, _, err := encryption.ReadPassphrase(e.PassphraseFile); err != nil {
			s.fault("%s: %v", s.set.name(passphrase), err)
		}
		e.whom = fmt.Sprintf("a passphrase, in %s", e.PassphraseFile)
	}
}

// String says, for people, whom backups are encrypted for.
func (e *Encryption) String() string { return e.whom }
