package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// DecodeEntry reads an entry and checks it. The error is an [ErrEntry], or an [ErrFormat].
func DecodeEntry(data []byte) (*Entry, error) {
	if len(data) > MaxEntry {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrEntry, MaxEntry)
	}
	e := new(Entry)
	if err := json.Unmarshal(data, e); err != nil {
		if newer(data) {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	if err := e.Check(); err != nil {
		return nil, err
	}
	return e, nil
}

// newer tells whether data is an entry of a newer format, whose fields may have other types.
func newer(data []byte) bool {
	var format struct {
		Format int `json:"format"`
	}
	return json.Unmarshal(data, &format) == nil && format.Format > Format
}

// Encode checks an entry and returns its JSON, indented and ended by a line feed.
func (e *Entry) Encode() ([]byte, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode entry %s: %w", e.ID, err)
	}
	if len(data) >= MaxEntry {
		return nil, fmt.Errorf("encode entry %s: %d bytes, at most %d are allowed", e.ID, len(data), MaxEntry-1)
	}
	return append(data, '\n'), nil
}

// extra are the fields of a JSON object that this version does not know.
type extra map[string]json.RawMessage

type (
	plainEntry  Entry // without methods, so that encoding/json does its own
	plainCensus TypeCensus

	plainEncryption Encryption
)

var (
	entryFields  = fields(reflect.TypeFor[plainEntry]())
	censusFields = fields(reflect.TypeFor[plainCensus]())

	encryptionFields = fields(reflect.TypeFor[plainEncryption]())
)

// fields are the names that a struct's fields have in JSON.
func fields(t reflect.Type) map[string]bool {
	names := map[string]bool{}
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" {
			names[name] = true
		}
	}
	return names
}

// MarshalJSON writes the fields of an entry, then those it does not know.
func (e *Entry) MarshalJSON() ([]byte, error) {
	p := plainEntry(*e)
	p.Started, p.Saved, p.Committed = p.Started.UTC(), p.Saved.UTC(), p.Committed.UTC()
	if p.Census == nil {
		p.Census = []TypeCensus{}
	}
	return join(&p, e.extra)
}

// UnmarshalJSON keeps the fields that it does not know. It does not check the entry.
func (e *Entry) UnmarshalJSON(data []byte) error {
	known, rest, err := split(data, entryFields)
	if err != nil {
		return err
	}
	var p plainEntry
	if err := json.Unmarshal(known, &p); err != nil {
		return err
	}
	*e = Entry(p)
	e.extra = rest
	return nil
}

// MarshalJSON writes the fields of a census, then those it does not know.
func (c TypeCensus) MarshalJSON() ([]byte, error) { return join((*plainCensus)(&c), c.extra) }

// UnmarshalJSON keeps the fields that it does not know.
func (c *TypeCensus) UnmarshalJSON(data []byte) error {
	known, rest, err := split(data, censusFields)
	if err != nil {
		return err
	}
	var p plainCensus
	if err := json.Unmarshal(known, &p); err != nil {
		return err
	}
	*c = TypeCensus(p)
	c.extra = rest
	return nil
}

// split divides an object into what has exactly a known name, as an object of its own, and the rest.
func split(data []byte, known map[string]bool) ([]byte, extra, error) {
	var rest extra
	if err := json.Unmarshal(data, &rest); err != nil {
		return nil, nil, err
	}
	ours := map[string]json.RawMessage{}
	for name, value := range rest {
		if known[name] {
			ours[name] = value
			delete(rest, name)
		}
	}
	if len(rest) == 0 {
		rest = nil
	}
	b, err := json.Marshal(ours)
	return b, rest, err
}

// join writes v, a struct with at least one field, and behind its fields the rest.
func join(v any, rest extra) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil || len(rest) == 0 {
		return b, err
	}
	buf := bytes.NewBuffer(b[:len(b)-1])
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		buf.WriteByte(',')
		buf.Write(quoted)
		buf.WriteByte(':')
		buf.Write(rest[name])
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}
