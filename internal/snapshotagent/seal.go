package snapshotagent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/scratch"
)

// encryption is what entries say of backups that are made with these settings; nil if they are not encrypted.
func (s *settings) encryption() *inventory.Encryption {
	if s.Encrypt == nil {
		return nil
	}
	return inventory.EncryptedFor(s.Encrypt)
}

// sealed tells how a snapshot was encrypted: what a proof has said before that, and, if it was with a passphrase, what decrypts it.
type sealed struct {
	verdict Verdict
	keys    *encryption.Keys
}

// seal encrypts a snapshot, if that is configured, once it has been proven: nobody here may be able to read it afterwards. What is plain is
// deleted, so that what waits on disk for a destination is encrypted. It returns nil if nothing is to be encrypted.
func (a *Agent) seal(ctx context.Context, t *taken) (*sealed, error) {
	to := a.current.Load().Encrypt
	if to == nil {
		return nil, nil
	}
	verdict := a.prove(ctx, t, t.file.Name())
	if ctx.Err() != nil {
		return nil, at(StageDrill, ctx.Err())
	}
	file, err := a.config.Scratch.Create()
	if err != nil {
		return nil, at(StageEncrypt, err)
	}
	if err := t.encrypt(ctx, to, file); err != nil {
		return nil, at(StageEncrypt, errors.Join(err, file.Discard()))
	}
	plain := t.file
	t.file = file
	t.entry.Size, t.entry.SHA256 = t.Size, fmt.Sprintf("%x", t.SHA256)
	t.entry.Name, t.entry.Encryption = inventory.EncryptedName(t.entry.ID, 0), inventory.EncryptedFor(to)
	if err := plain.Discard(); err != nil {
		return nil, at(StageEncrypt, err)
	}
	return &sealed{verdict, to.Keys()}, nil
}

// encrypt writes the snapshot encrypted, and notes size and digest of that. It fails if the scratch file does not hold any more what was
// read and proven.
func (t *taken) encrypt(ctx context.Context, to *encryption.Recipients, into *scratch.File) error {
	r, err := t.file.Reopen()
	if err != nil {
		return err
	}
	defer r.Close()
	plain, stored := sha256.New(), sha256.New()
	w, err := to.Encrypt(io.MultiWriter(into, stored))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.MultiWriter(w, plain), &cancelReader{ctx, r})
	if err := errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("encrypt the snapshot for %s: %w", to, err)
	}
	if [sha256.Size]byte(plain.Sum(nil)) != t.Description.SHA256 {
		return fmt.Errorf("%s: %w", t.file.Name(), errSpoilt)
	}
	info, err := into.Stat()
	if err != nil {
		return err
	}
	t.Size, t.SHA256 = info.Size(), [sha256.Size]byte(stored.Sum(nil))
	return nil
}

// verdict is the proof of what was stored, of which a copy has been read back. What was encrypted has been proven before; if there is a key
// here, the copy must decrypt to that.
func (a *Agent) verdict(ctx context.Context, t *taken, s *sealed, copied *scratch.File) Verdict {
	switch {
	case s == nil:
		return a.prove(ctx, t, copied.Name())
	case s.keys == nil || s.verdict.Proof == inventory.Bad:
		return s.verdict
	}
	if err := t.decrypts(ctx, s.keys, copied); err != nil {
		return Verdict{inventory.Bad, fmt.Sprintf("what was stored does not decrypt to what was encrypted: %v", err)}
	}
	return s.verdict
}

// decrypts decrypts a copy of what is stored, and compares.
func (t *taken) decrypts(ctx context.Context, keys *encryption.Keys, copied *scratch.File) error {
	r, err := copied.Reopen()
	if err != nil {
		return err
	}
	defer r.Close()
	plain, err := keys.Decrypt(&cancelReader{ctx, r})
	if err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, plain); err != nil {
		return err
	}
	if [sha256.Size]byte(sum.Sum(nil)) != t.Description.SHA256 {
		return errors.New("it is another archive")
	}
	return nil
}

// cancelReader fails once its context is done.
type cancelReader struct {
	ctx context.Context
	r   io.Reader
}

// Read reads on.
func (c *cancelReader) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
