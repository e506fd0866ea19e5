package kvjson

import (
	"bytes"
	"encoding/base64"
	"math"

	"github.com/lictor-dr/lictor/internal/record"
)

// Entry reads an entry in the form in which servers write it: without spaces, escapes and anything unknown. If it returns false, nothing is
// said about the entry, and encoding/json is to read it.
func Entry(raw []byte) (*record.KVEntry, bool) {
	e := &record.KVEntry{}
	if len(raw) < 2 || raw[0] != '{' {
		return nil, false
	}
	for rest := raw[1:]; ; {
		name, after, ok := plainText(rest)
		if !ok || len(after) == 0 || after[0] != ':' {
			return nil, false
		}
		rest, ok = quickField(e, name, after[1:])
		if !ok || len(rest) == 0 {
			return nil, false
		}
		switch rest[0] {
		case ',':
			rest = rest[1:]
		case '}':
			return e, len(rest) == 1
		default:
			return nil, false
		}
	}
}

// quickField reads the value of a field and returns what follows it.
func quickField(e *record.KVEntry, name, text []byte) (rest []byte, ok bool) {
	var value []byte
	switch string(name) {
	case "Key":
		value, rest, ok = plainText(text)
		e.Key = string(value)
	case "Session":
		value, rest, ok = plainText(text)
		e.Session = string(value)
	case "Value":
		e.Value, rest, ok = plainBytes(text)
	case "CreateIndex":
		e.CreateIndex, rest, ok = plainNumber(text)
	case "ModifyIndex":
		e.ModifyIndex, rest, ok = plainNumber(text)
	case "LockIndex":
		e.LockIndex, rest, ok = plainNumber(text)
	case "Flags":
		e.Flags, rest, ok = plainNumber(text)
	}
	return rest, ok
}

// plainText takes a string of printable ASCII without escapes.
func plainText(text []byte) (value, rest []byte, ok bool) {
	value, rest, ok = quoted(text)
	for _, c := range value {
		if c < ' ' || c > '~' || c == '\\' {
			return nil, nil, false
		}
	}
	return value, rest, ok
}

// quoted takes what stands between two quotes.
func quoted(text []byte) (value, rest []byte, ok bool) {
	if len(text) < 2 || text[0] != '"' {
		return nil, nil, false
	}
	end := bytes.IndexByte(text[1:], '"')
	if end < 0 {
		return nil, nil, false
	}
	return text[1 : 1+end], text[2+end:], true
}

// plainBytes takes base64, or null.
func plainBytes(text []byte) (value, rest []byte, ok bool) {
	if rest, ok = bytes.CutPrefix(text, []byte("null")); ok {
		return nil, rest, true
	}
	encoded, rest, ok := quoted(text)
	if !ok || bytes.IndexByte(encoded, '\n') >= 0 || bytes.IndexByte(encoded, '\r') >= 0 { // which base64 passes over
		return nil, nil, false
	}
	if len(encoded) == 0 {
		return nil, rest, true
	}
	value = make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
	n, err := base64.StdEncoding.Decode(value, encoded)
	return value[:n], rest, err == nil && n > 0
}

// plainNumber takes a decimal number without sign, fraction and exponent.
func plainNumber(text []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		digit := uint64(text[i] - '0')
		if n > (math.MaxUint64-digit)/10 {
			return 0, nil, false
		}
		n = n*10 + digit
	}
	if i == 0 || i > 1 && text[0] == '0' {
		return 0, nil, false
	}
	return n, text[i:], true
}
