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

// newSealed returns a buffer that begins with the head of an encrypted archive. What is to be encrypted is written behind it.
func newSealed() (*bytes.Buffer, error) {
	head := make([]byte, sealHead, 64<<10)
	copy(head, sealMark)
	if _, err := rand.Read(head[len(sealMark):]); err != nil {
		return nil, fmt.Errorf("make salt and nonce: %w", err)
	}
	return bytes.NewBuffer(head), nil
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

// unseal reads an encrypted archive to its end and returns what was encrypted.
func unseal(r io.Reader, passphrase string, most int64) ([]byte, error) {
	if passphrase == "" {
		return nil, ErrNoPassphrase
	}
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(io.LimitReader(r, most+1)); err != nil {
		return nil, err
	}
	data := buf.Bytes()
	switch {
	case int64(len(data)) > most:
		return nil, fmt.Errorf("the encrypted archive is larger than %d MiB: it can be checked only as a whole, in memory, and that is the "+
			"most that is held there", most>>20)
	case len(data) < sealHead+tagSize:
		return nil, corrupt("the encrypted archive is cut off after %d bytes", len(data))
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
