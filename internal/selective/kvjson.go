package selective

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/lictor-dr/lictor/internal/record"
)

// Answers with many keys are most of what a plan waits for, and encoding/json takes its time with them. This reads such a list while it
// arrives, one entry at a time; whatever does not look like what servers send goes to encoding/json. Tests hold it against that.

const entryBuffer = 256 << 10

// eachEntry visits the entries of a JSON array of keys.
func eachEntry(r io.Reader, visit func(*record.KVEntry) error) error {
	in := bufio.NewReaderSize(r, entryBuffer)
	c, err := skipSpace(in)
	if err != nil {
		return badAnswer(err)
	}
	if c != '[' {
		return fmt.Errorf("%w: it is no list but begins with %q", errAnswer, c)
	}
	var buf []byte
	for first := true; ; first = false {
		c, err := skipSpace(in)
		if err == nil && c == ',' && !first {
			c, err = skipSpace(in)
		} else if err == nil && c == ']' {
			return nil
		} else if err == nil && !first {
			return fmt.Errorf("%w: its items have %q between them", errAnswer, c)
		}
		if err != nil {
			return badAnswer(err)
		}
		if c != '{' {
			return fmt.Errorf("%w: an item of it begins with %q", errAnswer, c)
		}
		if buf, err = readObject(in, append(buf[:0], c)); err != nil {
			return badAnswer(err)
		}
		e, err := parseEntry(buf)
		if err != nil {
			return fmt.Errorf("%w: %w", errAnswer, err)
		}
		if err := visit(e); err != nil {
			return err
		}
	}
}

func skipSpace(in *bufio.Reader) (byte, error) {
	for {
		c, err := in.ReadByte()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c, err
		}
	}
}

// readObject reads to the end of an object that has begun.
func readObject(in *bufio.Reader, buf []byte) ([]byte, error) {
	depth, inString, escaped := 1, false, false
	for {
		if len(buf) > record.MaxRecord {
			return nil, fmt.Errorf("%w: an item of it is too large", errAnswer)
		}
		if _, err := in.Peek(1); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		window, _ := in.Peek(in.Buffered())
		n := 0
		for n < len(window) && depth > 0 {
			if inString && !escaped { // most of it is values
				if quote := bytes.IndexAny(window[n:], "\"\\"); quote < 0 {
					n = len(window)
					break
				} else {
					n += quote
				}
			}
			c := window[n]
			n++
			switch {
			case escaped:
				escaped = false
			case inString && c == '\\':
				escaped = true
			case c == '"':
				inString = !inString
			case inString:
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				depth--
			}
		}
		buf = append(buf, window[:n]...)
		_, _ = in.Discard(n) // which is there
		if depth == 0 {
			return buf, nil
		}
	}
}

// parseEntry reads one entry.
func parseEntry(b []byte) (*record.KVEntry, error) {
	e := new(record.KVEntry)
	if !fastEntry(b, e) {
		*e = record.KVEntry{}
		if err := json.Unmarshal(b, e); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// fastEntry reads an entry in the form in which servers write it, and tells whether it has that form.
func fastEntry(b []byte, e *record.KVEntry) bool {
	b = b[1:]
	for {
		name, rest, ok := plainString(b)
		if !ok || len(rest) == 0 || rest[0] != ':' {
			return false
		}
		b = rest[1:]
		if b, ok = fastField(string(name), b, e); !ok || len(b) == 0 {
			return false
		}
		if b[0] == '}' {
			return len(b) == 1
		}
		if b[0] != ',' {
			return false
		}
		b = b[1:]
	}
}

// fastField reads the value of a field.
func fastField(name string, b []byte, e *record.KVEntry) (rest []byte, ok bool) {
	switch name {
	case "LockIndex":
		e.LockIndex, rest, ok = plainNumber(b)
	case "Flags":
		e.Flags, rest, ok = plainNumber(b)
	case "CreateIndex":
		e.CreateIndex, rest, ok = plainNumber(b)
	case "ModifyIndex":
		e.ModifyIndex, rest, ok = plainNumber(b)
	case "Key", "Session":
		var text []byte
		if text, rest, ok = plainString(b); !ok {
			return nil, false
		}
		if name == "Key" {
			e.Key = string(text)
		} else {
			e.Session = string(text)
		}
	case "Value":
		if rest, ok = bytes.CutPrefix(b, []byte("null")); ok {
			return rest, true
		}
		var text []byte
		if text, rest, ok = plainString(b); !ok {
			return nil, false
		}
		value, err := base64.StdEncoding.AppendDecode(make([]byte, 0, base64.StdEncoding.DecodedLen(len(text))), text)
		e.Value, ok = value, err == nil
	}
	return rest, ok
}

// plainString reads a string without escapes, of ASCII alone.
func plainString(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	end := bytes.IndexByte(b[1:], '"')
	if end < 0 {
		return nil, nil, false
	}
	text = b[1 : 1+end]
	for _, c := range text {
		if c == '\\' || c < ' ' || c >= 0x80 {
			return nil, nil, false
		}
	}
	return text, b[end+2:], true
}

func plainNumber(b []byte) (n uint64, rest []byte, ok bool) {
	end := 0
	for end < len(b) && b[end] >= '0' && b[end] <= '9' {
		end++
	}
	if end == 0 || end > 1 && b[0] == '0' {
		return 0, nil, false
	}
	n, err := strconv.ParseUint(string(b[:end]), 10, 64)
	return n, b[end:], err == nil
}
