package encryption

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// intro is how a binary file of age begins, in any version.
const intro = "age-encryption.org/"

// scryptType is the type of the stanza of a passphrase.
const scryptType = "scrypt"

// ErrDamaged says that an encrypted file is damaged or not whole.
var ErrDamaged = errors.New("the encrypted file is damaged, or not whole")

func isEncrypted(start []byte) bool {
	return bytes.HasPrefix(start, []byte(intro)) || isArmored(start)
}

func isArmored(start []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(start), []byte(armor.Header))
}

// A LockedError says that no key decrypts a file.
type LockedError struct {
	// Recipients are the fingerprints of the public keys that it is for; empty if they are not known.
	Recipients   []string
	ByPassphrase bool
	// Tried tells that there were keys.
	Tried bool

	public int // how many public keys it is for
}

// Error says what would decrypt it, and how to give that.
func (e *LockedError) Error() string {
	whom := fmt.Sprintf("%d public keys", e.public)
	if e.public == 1 {
		whom = "a public key"
	}
	if len(e.Recipients) > 0 {
		whom = Describe(e.Recipients, false)
	}
	switch {
	case e.ByPassphrase && e.Tried:
		return "it is encrypted with a passphrase, and what was given is not that: is -passphrase-file the right one?"
	case e.ByPassphrase:
		return "it is encrypted with a passphrase: give that with -passphrase-file"
	case e.Tried:
		return fmt.Sprintf("it is encrypted for %s, and none of the keys given is one of theirs: give another one with -identity", whom)
	}
	return fmt.Sprintf("it is encrypted for %s: give an identity that decrypts it with -identity", whom)
}

// For adds to a LockedError in err, if there is one, what is known from elsewhere about whom the file is for. It comes before anything that
// makes a text of the error.
func For(err error, fingerprints []string) error {
	var locked *LockedError
	if errors.As(err, &locked) && len(locked.Recipients) == 0 {
		locked.Recipients = fingerprints
	}
	return err
}

// Decrypt reads an encrypted file, binary or armored. Not before a Read of the result has returned io.EOF is it known that all of it is
// there; src has been read to its end then, too. Errors are a *[LockedError] if no key fits, an [ErrDamaged], or what src or an [Ask] said.
func (k *Keys) Decrypt(src io.Reader) (*Plain, error) {
	w := &watched{r: src}
	whole := bufio.NewReaderSize(w, 64<<10)
	start, _ := whole.Peek(64 << 10)
	in := dearmored(start, whole)
	ids := []age.Identity{nobody{}}
	if k != nil {
		ids = append(ids, k.list...)
	}
	plain, err := age.Decrypt(in, ids...)
	if err != nil {
		return nil, w.explain(err, k)
	}
	header, err := age.ExtractHeader(dearmored(start, bytes.NewReader(start)))
	byPassphrase := err == nil && bytes.Contains(header, []byte("\n-> "+scryptType+" "))
	return &Plain{ByPassphrase: byPassphrase, plain: plain, rest: whole, source: w}, nil
}

// dearmored takes the armor off what r gives, if it starts like one.
func dearmored(start []byte, r io.Reader) io.Reader {
	if isArmored(start[:min(len(start), peekSize)]) {
		return armor.NewReader(r)
	}
	return r
}

// nobody is an identity that decrypts nothing, for the library wants one.
type nobody struct{}

// Unwrap is part of age.Identity.
func (nobody) Unwrap([]*age.Stanza) ([]byte, error) { return nil, age.ErrIncorrectIdentity }

// watched remembers what its reader said.
type watched struct {
	r   io.Reader
	err error
}

// Read reads on.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// explain says what an error of the library comes from.
func (w *watched) explain(err error, keys *Keys) error {
	var none *age.NoIdentityMatchError
	var asked *askError
	switch {
	case w.err != nil:
		return w.err
	case errors.As(err, &none):
		locked := &LockedError{Tried: !keys.Empty()}
		for _, kind := range none.StanzaTypes {
			if kind == scryptType {
				locked.ByPassphrase = true
				locked.Tried = locked.Tried || keys != nil && keys.asked
			} else if !strings.HasSuffix(kind, "-grease") {
				locked.public++
			}
		}
		return locked
	case errors.As(err, &asked):
		return asked.err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// Plain is what was encrypted.
type Plain struct {
	ByPassphrase bool // it was encrypted with a passphrase

	plain, rest io.Reader
	source      *watched
	err         error
}

// Read reads on.
func (d *Plain) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.plain.Read(p)
	switch {
	case err == io.EOF:
		err = d.end()
	case err != nil:
		err = d.source.explain(err, nil)
	}
	d.err = err
	return n, err
}

// end reads the source to its end, where it may have something to say.
func (d *Plain) end() error {
	n, err := io.Copy(io.Discard, d.rest)
	switch {
	case err != nil:
		return d.source.explain(err, nil)
	case n > 0:
		return fmt.Errorf("%w: something follows its end", ErrDamaged)
	}
	return io.EOF
}
