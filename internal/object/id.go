package object

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// An ID tells one object from all others. It is a digest, so that names of any length take the same room.
type ID [16]byte

// IDOf makes the ID of an object of a family from what identifies it there.
func IDOf(family string, parts ...string) ID {
	var room [256]byte
	b := appendPart(room[:0], family)
	for _, part := range parts {
		b = appendPart(b, part)
	}
	return shorten(sha256.Sum256(b))
}

func appendPart(b []byte, part string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

func shorten(sum [32]byte) ID { return ID(sum[:16]) }

// Fold makes names alike that Consul compares without case.
func Fold(name string) string { return strings.ToLower(name) }
