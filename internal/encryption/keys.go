package encryption

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"
)

// Keys are what decrypts. The nil Keys, and empty ones, decrypt nothing.
type Keys struct {
	list  []age.Identity
	asked bool // one of them is a passphrase that may be asked for
}

// Empty tells whether there is no key, but for a passphrase that may be asked for.
func (k *Keys) Empty() bool {
	return k == nil || len(k.list) == 0 || len(k.list) == 1 && k.asked
}

// An Ask asks somebody for a passphrase. It is called when the passphrase is needed, and not before.
type Ask func(prompt string) (string, error)

// AddPassphrase adds a passphrase.
func (k *Keys) AddPassphrase(secret string) error {
	id, err := age.NewScryptIdentity(secret)
	if err != nil {
		return errors.New("the passphrase is empty")
	}
	k.list = append(k.list, id)
	return nil
}

// AddAsked adds a passphrase that is asked for once something is encrypted with one.
func (k *Keys) AddAsked(prompt string, ask Ask) {
	k.list, k.asked = append(k.list, &askedPassphrase{prompt: prompt, ask: ask}), true
}

// AddFile adds the keys of a file: identities of age, one a line; such a file encrypted with a passphrase, which is asked for when it is
// needed; or a private key of OpenSSH, likewise. The warning, if there is one, is that others can read it.
func (k *Keys) AddFile(path string, ask Ask) (warning string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("identity file: %w", err)
	}
	defer f.Close()
	data, err := readAll(path, f, maxKeyFile)
	if err != nil {
		return "", fmt.Errorf("identity file: %w", err)
	}
	if err := k.add(path, data, ask); err != nil {
		return "", fmt.Errorf("identity file %s: %w", path, err)
	}
	return exposed(f), nil
}

func (k *Keys) add(path string, data []byte, ask Ask) error {
	switch {
	case isEncrypted(data):
		k.list = append(k.list, &lockedFile{data: data, prompt: "Passphrase of the identity file " + path + ": ", ask: ask})
		return nil
	case bytes.HasPrefix(bytes.TrimSpace(data), []byte("-----BEGIN")):
		return k.addSSH(path, data, ask)
	}
	ids, err := parseIdentities(data)
	k.list = append(k.list, ids...)
	return err
}

// parseIdentities reads identities of age, one a line. Errors do not repeat them.
func parseIdentities(data []byte) (ids []age.Identity, err error) {
	for n, line := range lines(data) {
		var id age.Identity
		switch {
		case strings.HasPrefix(line, "AGE-SECRET-KEY-1"):
			id, err = age.ParseX25519Identity(line)
		case strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-1"):
			id, err = age.ParseHybridIdentity(line)
		case strings.HasPrefix(line, "AGE-PLUGIN-"):
			return nil, fmt.Errorf("line %d: identities of plugins are not served", n)
		case strings.HasPrefix(line, "age1"), strings.HasPrefix(line, "ssh-"):
			return nil, fmt.Errorf("line %d: this is a public key, with which nothing can be decrypted", n)
		default:
			return nil, fmt.Errorf("line %d: this is no identity of age (AGE-SECRET-KEY-1…) and no private key of OpenSSH", n)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: this identity is malformed: is it all there?", n)
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, errors.New("there is no identity in it")
	}
	return ids, nil
}

func (k *Keys) addSSH(path string, data []byte, ask Ask) error {
	id, err := agessh.ParseIdentity(data)
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) {
		public := missing.PublicKey
		if public == nil {
			return errors.New("this private key has a passphrase and is of an old format: ssh-keygen -p -f FILE writes it anew")
		}
		prompt := "Passphrase of " + path + ": "
		id, err = agessh.NewEncryptedSSHIdentity(public, data, func() ([]byte, error) {
			secret, err := ask(prompt)
			return []byte(secret), err
		})
	}
	if err != nil {
		return errors.New("this is no private key of OpenSSH of the type ed25519 or rsa")
	}
	k.list = append(k.list, id)
	return nil
}

// askedPassphrase asks for a passphrase when something is encrypted with one, and once.
type askedPassphrase struct {
	prompt string
	ask    Ask
	id     *age.ScryptIdentity
}

// Unwrap is part of age.Identity.
func (a *askedPassphrase) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) != 1 || stanzas[0].Type != scryptType {
		return nil, age.ErrIncorrectIdentity
	}
	if a.id == nil {
		secret, err := a.ask(a.prompt)
		if err != nil {
			return nil, &askError{err}
		}
		if a.id, err = age.NewScryptIdentity(secret); err != nil {
			return nil, &askError{errors.New("the passphrase is empty")}
		}
	}
	return a.id.Unwrap(stanzas)
}

// askError is that of an Ask.
type askError struct{ err error }

func (e *askError) Error() string { return e.err.Error() }
func (e *askError) Unwrap() error { return e.err }

// lockedFile is an identity file that is encrypted with a passphrase.
type lockedFile struct {
	data   []byte
	prompt string
	ask    Ask
	ids    []age.Identity
}

// Unwrap is part of age.Identity.
func (l *lockedFile) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) == 1 && stanzas[0].Type == scryptType {
		return nil, age.ErrIncorrectIdentity // no need to ask: a passphrase is no identity
	}
	if l.ids == nil {
		if err := l.unlock(); err != nil {
			return nil, &askError{err}
		}
	}
	for _, id := range l.ids {
		if key, err := id.Unwrap(stanzas); !errors.Is(err, age.ErrIncorrectIdentity) {
			return key, err
		}
	}
	return nil, age.ErrIncorrectIdentity
}

func (l *lockedFile) unlock() error {
	keys := new(Keys)
	keys.AddAsked(l.prompt, l.ask)
	r, err := keys.Decrypt(bytes.NewReader(l.data))
	var locked *LockedError
	switch {
	case errors.As(err, &locked) && locked.ByPassphrase:
		return errors.New("the passphrase of the identity file is wrong")
	case errors.As(err, &locked):
		return errors.New("the identity file is encrypted for a public key: decrypt it first")
	case err != nil:
		return fmt.Errorf("open the identity file: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxKeyFile))
	if err != nil {
		return fmt.Errorf("open the identity file: %w", err)
	}
	l.ids, err = parseIdentities(plain)
	return err
}
