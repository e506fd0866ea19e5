package kvarchive

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/lictor-dr/lictor/internal/kvjson"
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
	if e, ok := kvjson.Entry(raw); ok && e.Key != "" {
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
