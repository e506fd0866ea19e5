package gossip

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/hashicorp/memberlist"
)

// DecodeKey reads a gossip key: base64 of 16, 24 or 32 bytes. No error contains the key.
func DecodeKey(key string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return nil, fmt.Errorf("Invalid key: %w", err)
	}
	if memberlist.ValidateKey(b) != nil {
		return nil, errors.New("Invalid key: key size must be 16, 24 or 32 bytes")
	}
	return b, nil
}

// keyring is the pool's keys: those of the keyring file, else the configured one; nil without either. differs says that the file lacks
// the configured key.
func (c *Config) keyring() (ring *memberlist.Keyring, differs bool, err error) {
	keys, err := readKeyring(c.KeyringFile)
	if err != nil {
		return nil, false, err
	}
	if c.Key != "" {
		own, err := DecodeKey(c.Key)
		if err != nil {
			return nil, false, err
		}
		if len(keys) == 0 {
			keys = [][]byte{own}
		}
		differs = !slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, own) })
	}
	if len(keys) == 0 {
		return nil, false, nil
	}
	ring, err = memberlist.NewKeyring(keys, keys[0])
	return ring, differs, err
}

// readKeyring reads a keyring file: a JSON array of keys in base64, the first is the one in use. No file is no keys.
func readKeyring(path string) ([][]byte, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the keyring: %w", err)
	}
	keys, err := decodeKeyring(b)
	if err != nil {
		return nil, fmt.Errorf("the keyring %s is damaged: %w; copy it from another agent of the pool, or remove it to start with the key of the configuration", path, err)
	}
	return keys, nil
}

// decodeKeyring is the inverse of [encodeKeyring]. No error contains a key.
func decodeKeyring(b []byte) ([][]byte, error) {
	var texts []string
	if json.Unmarshal(b, &texts) != nil { // its error may quote a key
		return nil, errors.New("it is no JSON array of keys")
	}
	var keys [][]byte
	for _, text := range texts {
		key, err := DecodeKey(text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no key")
	}
	return keys, nil
}

// encodeKeyring is the content of a keyring file.
func encodeKeyring(ring *memberlist.Keyring) ([]byte, error) {
	var texts []string
	for _, key := range ring.GetKeys() {
		texts = append(texts, base64.StdEncoding.EncodeToString(key))
	}
	return json.MarshalIndent(texts, "", "  ")
}
