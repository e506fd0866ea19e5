package kvarchive

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/scrypt"
)

// An encrypted archive: the mark, the salt, the nonce, and what AES-256-GCM makes of the archive.
const (
	sealMark  = "v0:"
	saltSize  = 32
	nonceSize = 12
	tagSize   = 16
	sealHead  = len(sealMark) + saltSize + nonceSize
)

// keyOf derives the key of a passphrase.
func keyOf(passphrase string, salt []byte) (cipher.Block, error) {
	key, err := scrypt.Key([]byte(passphrase), salt, 1<<14, 8, 1, 32)
	if err != nil {
		return nil, err
	}
	return aes.NewCipher(key)
}

// newSealed returns the head of an encrypted archive and, behind it, what is to be encrypted, with room for the tag: it is held once.
func newSealed(plain *spool) ([]byte, error) {
	buf := make([]byte, sealHead+int(plain.n), sealHead+int(plain.n)+tagSize)
	copy(buf, sealMark)
	if _, err := rand.Read(buf[len(sealMark):sealHead]); err != nil {
		return nil, fmt.Errorf("make salt and nonce: %w", err)
	}
	_, err := io.ReadFull(plain.section(0, plain.n), buf[sealHead:])
	return buf, err
}

// seal encrypts what stands behind the head, in place, and returns the whole.
func seal(buf []byte, passphrase string) ([]byte, error) {
	if passphrase == "" {
		return nil, errors.New("encrypt the archive: the passphrase is empty")
	}
	aead, nonce, err := sealOf(buf[:sealHead], passphrase)
	if err != nil {
		return nil, fmt.Errorf("encrypt the archive: %w", err)
	}
	return aead.Seal(buf[:sealHead], nonce, buf[sealHead:], nil), nil
}

func sealOf(head []byte, passphrase string) (cipher.AEAD, []byte, error) {
	block, err := keyOf(passphrase, head[len(sealMark):len(sealMark)+saltSize])
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, head[len(sealMark)+saltSize:], err
}

// unseal reads an encrypted archive to its end and returns what was encrypted. Once its length is known it is held in memory, once.
func unseal(r io.Reader, passphrase string, most int64, dir string) (_ []byte, err error) {
	if passphrase == "" {
		return nil, ErrNoPassphrase
	}
	sp, err := newSpool(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sp.close()) }()
	if _, err := io.Copy(sp, io.LimitReader(r, most+1)); err != nil {
		return nil, err
	}
	switch {
	case sp.n > most:
		return nil, fmt.Errorf("the encrypted archive is larger than %d MiB: it can be checked only as a whole, in memory, and that is the "+
			"most that is held there", most>>20)
	case sp.n < int64(sealHead+tagSize):
		return nil, corrupt("the encrypted archive is cut off after %d bytes", sp.n)
	}
	data := make([]byte, sp.n)
	if _, err := io.ReadFull(sp.section(0, sp.n), data); err != nil {
		return nil, err
	}
	head, sealed := data[:sealHead], data[sealHead:]
	aead, nonce, err := sealOf(head, passphrase)
	if err != nil {
		return nil, fmt.Errorf("decrypt the archive: %w", err)
	}
	start := bytes.Clone(sealed[:len(gzipMark)])
	plain, err := aead.Open(sealed[:0], nonce, sealed, nil)
	if err != nil {
		return nil, whyNotOpen(head, start, passphrase)
	}
	return plain, nil
}

// whyNotOpen tells damage from another passphrase, which GCM does not: with the right key the first bytes become those of a gzip stream.
// Nothing but this hint is taken from what is not authentic.
func whyNotOpen(head, start []byte, passphrase string) error {
	block, err := keyOf(passphrase, head[len(sealMark):len(sealMark)+saltSize])
	if err != nil {
		return fmt.Errorf("decrypt the archive: %w", err)
	}
	counter := append(bytes.Clone(head[len(sealMark)+saltSize:]), 0, 0, 0, 2) // where GCM begins to encrypt
	cipher.NewCTR(block, counter).XORKeyStream(start, start)
	if string(start) == gzipMark {
		return corrupt("the encrypted archive is cut off or was changed: its passphrase is right, but its seal is broken")
	}
	return ErrWrongPassphrase
}
