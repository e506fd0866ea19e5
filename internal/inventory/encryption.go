package inventory

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lictor-dr/lictor/internal/encryption"
)

// ageFormat is the one format of encryption.
const ageFormat = "age"

// Encryption says how an archive is encrypted. It holds nothing that helps to decrypt it.
type Encryption struct {
	Format string `json:"format"` // age
	// Recipients are the fingerprints of the public keys that it is encrypted for, sorted; empty if they are not known, as of an archive whose
	// entry was made again.
	Recipients []string `json:"recipients,omitempty"`
	Passphrase bool     `json:"passphrase,omitempty"` // it is encrypted with a passphrase

	extra extra
}

// EncryptedFor is what an entry says of an archive that is encrypted for recipients.
func EncryptedFor(to *encryption.Recipients) *Encryption {
	return &Encryption{Format: ageFormat, Recipients: to.Fingerprints(), Passphrase: to.ByPassphrase()}
}

// Whom says, for people, whom it is encrypted for.
func (e *Encryption) Whom() string { return encryption.Describe(e.Recipients, e.Passphrase) }

// String says, for people, whether an archive is encrypted, and for whom.
func (e *Encryption) String() string {
	if e == nil {
		return "not encrypted"
	}
	return "encrypted for " + e.Whom()
}

// Same tells whether two archives are encrypted for the same recipients, as far as entries tell: of two passphrases nobody knows. Nil is an
// archive that is not encrypted.
func (e *Encryption) Same(other *Encryption) bool {
	if e == nil || other == nil {
		return e == other
	}
	return e.Passphrase == other.Passphrase && slices.Equal(e.Recipients, other.Recipients)
}

func (e *Entry) checkEncryption() error {
	if _, encrypted, _, ok := parseName(e.Name); ok && encrypted != (e.Encryption != nil) {
		return fmt.Errorf("the names of encrypted archives, and of no others, end in %s: %q", suffix+ageSuffix, e.Name)
	}
	switch c := e.Encryption; {
	case c == nil:
		return nil
	case c.Format != ageFormat:
		return fmt.Errorf("encryption %q is not known to this version", c.Format)
	case c.Passphrase && len(c.Recipients) > 0:
		return fmt.Errorf("encryption with a passphrase and for %d recipients", len(c.Recipients))
	case !slices.IsSorted(c.Recipients):
		return fmt.Errorf("recipients are out of order")
	}
	for _, r := range e.Encryption.Recipients {
		if b, err := hex.DecodeString(r); err != nil || len(b) != 8 {
			return fmt.Errorf("recipient %q", r)
		}
	}
	return nil
}

// MarshalJSON writes the fields of an encryption, then those it does not know.
func (e *Encryption) MarshalJSON() ([]byte, error) { return join((*plainEncryption)(e), e.extra) }

// UnmarshalJSON keeps the fields that it does not know.
func (e *Encryption) UnmarshalJSON(data []byte) error {
	known, rest, err := split(data, encryptionFields)
	if err != nil {
		return err
	}
	var p plainEncryption
	if err := json.Unmarshal(known, &p); err != nil {
		return err
	}
	*e = Encryption(p)
	e.extra = rest
	return nil
}
