package httpapi

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/lictor-dr/lictor/internal/record"
)

// Answers with many KV entries are most of what a busy server sends, so they are encoded by hand, and sent while they are encoded.
// Tests hold the encoding against that of encoding/json.

const (
	sendFrom  = 64 << 10 // an answer is sent whenever as many bytes are ready
	keepBelow = 1 << 20  // larger buffers are left to the garbage collector
)

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// writeList answers with a JSON array of items, each of which add appends.
func writeList[T any](w http.ResponseWriter, r *request, items []T, add func([]byte, T) []byte) error {
	pooled := buffers.Get().(*[]byte)
	b := append((*pooled)[:0], '[')
	defer func() {
		if cap(b) <= keepBelow {
			*pooled = b
			buffers.Put(pooled)
		}
	}()
	whole := r.has("pretty")
	sent := false
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = add(b, item)
		if len(b) < sendFrom || whole {
			continue
		}
		w.Header()["Content-Type"] = contentJSON
		if _, err := w.Write(b); err != nil {
			return nil // the client has gone
		}
		b, sent = b[:0], true
	}
	b = append(b, ']')
	if !sent {
		return writeJSONText(w, r, b)
	}
	_, _ = w.Write(b)
	return nil
}

// appendKVEntry appends an entry as the API shows it.
func appendKVEntry(b []byte, e *record.KVEntry) []byte {
	b = strconv.AppendUint(append(b, `{"LockIndex":`...), e.LockIndex, 10)
	b = appendJSONString(append(b, `,"Key":`...), e.Key)
	b = strconv.AppendUint(append(b, `,"Flags":`...), e.Flags, 10)
	b = append(b, `,"Value":`...)
	if e.Value == nil {
		b = append(b, "null"...)
	} else {
		b = append(base64.StdEncoding.AppendEncode(append(b, '"'), e.Value), '"')
	}
	if e.Session != "" {
		b = appendJSONString(append(b, `,"Session":`...), e.Session)
	}
	b = strconv.AppendUint(append(b, `,"CreateIndex":`...), e.CreateIndex, 10)
	b = strconv.AppendUint(append(b, `,"ModifyIndex":`...), e.ModifyIndex, 10)
	return append(b, '}')
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s as a JSON string that is safe inside HTML. What is not UTF-8 is replaced.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0 // of what is not yet appended
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if plainJSON[c] {
				i++
				continue
			}
			b = appendEscape(append(b, s[start:i]...), c)
			i++
			start = i
			continue
		}
		c, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			b = append(append(b, s[start:i]...), `\ufffd`...)
			start = i + size
		case c == '\u2028' || c == '\u2029': // line ends in JavaScript
			b = append(append(b, s[start:i]...), `\u202`...)
			b = append(b, hexDigits[c&0xf])
			start = i + size
		}
		i += size
	}
	return append(append(b, s[start:]...), '"')
}

// appendEscape appends an ASCII character that cannot stand for itself.
func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '\\', '"':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

// plainJSON tells which ASCII characters stand for themselves.
var plainJSON = func() (plain [utf8.RuneSelf]bool) {
	for c := range plain {
		plain[c] = c >= ' '
	}
	for _, c := range `"\<>&` {
		plain[c] = false
	}
	return plain
}()
