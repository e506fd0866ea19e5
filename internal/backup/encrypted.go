package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/lictor-dr/lictor/internal/encryption"
)

// StepEncrypt is the encryption of a proven archive.
const StepEncrypt Step = "encrypting snapshot"

// Encrypted is a Place: another one, which gets archives encrypted. An archive is staged and proven in a [Spool], so that nothing plain
// gets a name; only then it is encrypted, written to the other place, read back from there and compared.
type Encrypted struct {
	Place Place
	To    *encryption.Recipients

	// What is in the other place once an archive is committed.
	Size   int64 // bytes
	SHA256 [sha256.Size]byte
}

// Stage makes the spool.
func (p *Encrypted) Stage(context.Context) (Staged, error) {
	spool, err := NewSpool()
	if err != nil {
		return nil, err
	}
	return &stagedEncrypted{&stagedSpool{Spool: spool}, p}, nil
}

type stagedEncrypted struct {
	*stagedSpool
	place *Encrypted
}

// Commit encrypts.
func (s *stagedEncrypted) Commit(ctx context.Context) error {
	to, err := s.place.Place.Stage(ctx)
	if err != nil {
		return &StepError{StepStage, err}
	}
	if err := s.seal(ctx, to); err != nil {
		return errors.Join(&StepError{StepEncrypt, err}, to.Abort())
	}
	if err := to.Commit(ctx); err != nil {
		return errors.Join(err, to.Abort())
	}
	return s.Abort()
}

// seal writes the encrypted archive, and reads it back.
func (s *stagedEncrypted) seal(ctx context.Context, to Staged) error {
	r, err := s.Open()
	if err != nil {
		return err
	}
	sum, n := sha256.New(), new(counter)
	w, err := s.place.To.Encrypt(io.MultiWriter(to, sum, n))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, &cancelReader{ctx, r})
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	if err := to.Seal(); err != nil {
		return err
	}
	sum.Sum(s.place.SHA256[:0])
	s.place.Size = int64(*n)
	return SameBytes(ctx, to, s.place.SHA256)
}

// SameBytes reads back what is staged, and compares its SHA-256.
func SameBytes(ctx context.Context, staged Staged, want [sha256.Size]byte) error {
	r, err := staged.Open()
	if err != nil {
		return err
	}
	back := sha256.New()
	_, err = io.Copy(back, &cancelReader{ctx, r})
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if !bytes.Equal(back.Sum(nil), want[:]) {
		return errors.New("what was written reads back differently: is the disk sound?")
	}
	return nil
}

// counter counts what is written to it.
type counter int64

// Write counts p.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Decrypt makes the stream that of the archive if it is that of an encrypted one, and tells whether it is. Who reads it must not use what
// comes before its end, where it is known to be whole. The error is that of [encryption.Keys.Decrypt]; the body is what is left of the
// encrypted archive then.
func (s *Stream) Decrypt(keys *encryption.Keys) (encrypted bool, err error) {
	encrypted, whole := encryption.Sniff(s.Body)
	plain := whole
	if encrypted {
		if plain, err = decrypt(keys, whole); err != nil {
			return true, err
		}
	}
	s.Body = &body{plain, s.Body}
	return encrypted, nil
}

// decrypt keeps a nil pointer from becoming a reader.
func decrypt(keys *encryption.Keys, r io.Reader) (io.Reader, error) {
	plain, err := keys.Decrypt(r)
	if err != nil {
		return nil, err
	}
	return plain, nil
}

// body reads one thing and closes another.
type body struct {
	io.Reader
	io.Closer
}

// Decrypted is a Source: another one, whose archives are decrypted if they are encrypted.
type Decrypted struct {
	Source
	Keys *encryption.Keys
	// Recipients are the fingerprints of those that an archive is encrypted for, as far as they are known, for the error of one that Keys
	// do not decrypt.
	Recipients []string
}

// Snapshot asks for one.
func (d *Decrypted) Snapshot(ctx context.Context) (*Stream, error) {
	stream, err := d.Source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := stream.Decrypt(d.Keys); err != nil {
		return nil, errors.Join(fmt.Errorf("decrypt the snapshot: %w", encryption.For(err, d.Recipients)), stream.Body.Close())
	}
	return stream, nil
}
