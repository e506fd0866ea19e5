package comparison

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// An id tells one object from all others. It is a digest, so that names of any length take the same room.
type id [16]byte

// idOf makes the id of an object of a family from what identifies it there.
func idOf(family string, parts ...string) id {
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

func shorten(sum [32]byte) id { return id(sum[:16]) }

// fold makes names alike that Consul compares without case.
func fold(name string) string { return strings.ToLower(name) }
