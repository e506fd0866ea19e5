package encryption

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// Limits of what is read, in bytes.
const (
	maxKeyFile    = 1 << 20
	maxPassphrase = 4 << 10
)

// ReadRecipientLines returns the public keys in a file: one a line, empty lines and those that begin with # are left out. Name is for
// messages. Each key is checked; an error tells the number of its line, and not what is there.
func ReadRecipientLines(name string, r io.Reader) (keys []string, err error) {
	data, err := readAll(name, r, maxKeyFile)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%s: this is no text, so it holds no public keys", name)
	}
	for n, line := range lines(data) {
		if _, _, err := parseRecipient(line); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, n, err)
		}
		keys = append(keys, line)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: there is no public key in it", name)
	}
	return keys, nil
}

// RecipientLines is ReadRecipientLines for the file at path.
func RecipientLines(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("recipients file: %w", err)
	}
	defer f.Close()
	return ReadRecipientLines(path, f)
}

// lines are those that hold something, with their numbers from 1.
func lines(data []byte) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range bytes.Lines(data) {
			n++
			text := strings.TrimSpace(string(line))
			if text != "" && text[0] != '#' && !yield(n, text) {
				return
			}
		}
	}
}

func readAll(name string, r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case int64(len(data)) > most:
		return nil, fmt.Errorf("%s has more than %d bytes: that is no file of keys", name, most)
	}
	return data, nil
}

// ReadPassphrase returns the passphrase in a file: its one line, without the line break. The warning, if there is one, is that others can
// read the file.
func ReadPassphrase(path string) (secret, warning string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", fmt.Errorf("passphrase file: %w", err)
	}
	defer f.Close()
	data, err := readAll(path, f, maxPassphrase)
	if err != nil {
		return "", "", fmt.Errorf("passphrase file: %w", err)
	}
	if secret, err = onePassphrase(data); err != nil {
		return "", "", fmt.Errorf("passphrase file %s: %w", path, err)
	}
	return secret, exposed(f), nil
}

func onePassphrase(data []byte) (string, error) {
	line := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case line == "":
		return "", errors.New("it is empty")
	case strings.ContainsAny(line, "\r\n"):
		return "", errors.New("it has more than one line, and a passphrase is one")
	case !utf8.ValidString(line) || strings.ContainsRune(line, 0):
		return "", errors.New("it is no text")
	}
	return line, nil
}

// exposed warns if others than its owner can read a file.
func exposed(f *os.File) string {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o044 == 0 {
		return ""
	}
	return fmt.Sprintf("%s can be read by others (mode %04o), and with it every backup that it decrypts: chmod 600 %s",
		f.Name(), info.Mode().Perm(), f.Name())
}

// peekSize is how much of a file is looked at to tell what it is. Before armor there may be white space.
const peekSize = 1024 + 64

// Sniff tells whether what r gives is an encrypted file, binary or armored, and returns a reader that begins where r did. An error of r is
// for the reader to meet.
func Sniff(r io.Reader) (encrypted bool, whole io.Reader) {
	b := bufio.NewReaderSize(r, 64<<10)
	start, _ := b.Peek(peekSize)
	return isEncrypted(start), b
}
