package userevent

import (
	"encoding/binary"
	"errors"
)

// Encode is an event as it travels to other agents: its version, and then each field behind its length. Name and logical time travel
// beside it.
func (e Event) Encode() []byte {
	b := []byte{byte(e.Version)}
	for _, field := range []string{e.ID, e.NodeFilter, e.ServiceFilter, e.TagFilter, string(e.Payload)} {
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	return b
}

var errTruncated = errors.New("the event is cut off")

// Decode is the inverse of [Event.Encode].
func Decode(name string, b []byte, time uint64) (Event, error) {
	if len(b) == 0 {
		return Event{}, errTruncated
	}
	e := Event{Name: name, Version: int(b[0]), LTime: time}
	b = b[1:]
	var payload string
	for _, field := range []*string{&e.ID, &e.NodeFilter, &e.ServiceFilter, &e.TagFilter, &payload} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return Event{}, errTruncated
		}
		*field, b = string(b[size:size+int(n)]), b[size+int(n):]
	}
	if len(b) > 0 {
		return Event{}, errors.New("there is more behind the event")
	}
	if payload != "" {
		e.Payload = []byte(payload)
	}
	return e, nil
}
