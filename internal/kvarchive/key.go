package kvarchive

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/lictor-dr/lictor/internal/record"
)

// keyJSON is a key as the archive has it. RawKey is ours, and only there if Key could not be said in JSON.
type keyJSON struct {
	Key         string
	CreateIndex uint64
	ModifyIndex uint64
	LockIndex   uint64
	Flags       uint64
	Value       []byte
	Session     string
	RawKey      []byte
}

// parseKey reads one entry. What the real tool writes is read directly; anything else that JSON allows, by the standard library.
func parseKey(raw []byte) (*record.KVEntry, error) {
	if e, ok := quickKey(raw); ok {
		return e, nil
	}
	return slowKey(raw)
}

func slowKey(raw []byte) (*record.KVEntry, error) {
	var k keyJSON
	if err := json.Unmarshal(raw, &k); err != nil {
		return nil, err
	}
	e := &record.KVEntry{Key: k.Key, CreateIndex: k.CreateIndex, ModifyIndex: k.ModifyIndex, LockIndex: k.LockIndex, Flags: k.Flags,
		Session: k.Session}
	if len(k.Value) > 0 {
		e.Value = k.Value
	}
	if len(k.RawKey) > 0 {
		if shown(string(k.RawKey)) != k.Key {
			return nil, corrupt("RawKey and Key are different keys")
		}
		e.Key = string(k.RawKey)
	}
	if e.Key == "" {
		return nil, corrupt("it has no key")
	}
	return e, nil
}

// shown is what JSON makes of a string: each byte that is not of UTF-8 becomes U+FFFD.
func shown(s string) string { return string([]rune(s)) }

// quickKey reads an entry without spaces, escapes and anything unknown. If it returns false, nothing is said about the entry.
func quickKey(raw []byte) (*record.KVEntry, bool) {
	e := &record.KVEntry{}
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
			return e, len(rest) == 1 && e.Key != ""
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

// appendKey writes an entry as the real tool does.
func appendKey(b []byte, e *record.KVEntry) []byte {
	b = appendText(append(b, `{"Key":`...), e.Key)
	b = strconv.AppendUint(append(b, `,"CreateIndex":`...), e.CreateIndex, 10)
	b = strconv.AppendUint(append(b, `,"ModifyIndex":`...), e.ModifyIndex, 10)
	b = strconv.AppendUint(append(b, `,"LockIndex":`...), e.LockIndex, 10)
	b = strconv.AppendUint(append(b, `,"Flags":`...), e.Flags, 10)
	b = appendBytes(append(b, `,"Value":`...), e.Value)
	b = appendText(append(b, `,"Session":`...), e.Session)
	if !utf8.ValidString(e.Key) {
		b = appendBytes(append(b, `,"RawKey":`...), []byte(e.Key))
	}
	return append(b, '}')
}

func appendBytes(b, value []byte) []byte {
	if len(value) == 0 {
		return append(b, "null"...)
	}
	b = append(b, '"')
	return append(base64.StdEncoding.AppendEncode(b, value), '"')
}

func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			escaped, _ := json.Marshal(s) // which never fails for a string
			return append(b, escaped...)
		}
	}
	b = append(append(b, '"'), s...)
	return append(b, '"')
}
