package record

import (
	"slices"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// KV entries are most of every large snapshot, so they have a codec without reflection. What it cannot do (unknown fields,
// unusual forms) it leaves to the general one, and tests hold the two against each other.

// kvKeys are the fields of a KV entry as they stand on the wire.
var kvKeys = func() (heads [7]string) {
	for i, name := range []string{"CreateIndex", "Flags", "Key", "LockIndex", "ModifyIndex", "Session", "Value"} {
		heads[i] = string(msgpack.AppendString(nil, name))
	}
	return heads
}()

const kvMapHead = 0x87 // a map of seven pairs

// decodeKV reads a KV entry.
func decodeKV(b []byte, e *KVEntry) error {
	if ok := decodeKVFast(b, e); ok {
		return nil
	}
	return msgpack.Unmarshal(b, e)
}

// decodeKVFast reads the form that Consul and Lictor write; it tells whether b had that form.
func decodeKVFast(b []byte, e *KVEntry) bool {
	if len(b) == 0 || b[0] != kvMapHead {
		return false
	}
	b = b[1:]
	var ok bool
	var key, session, value []byte
	if e.CreateIndex, b, ok = uintField(b, kvKeys[0]); !ok {
		return false
	}
	if e.Flags, b, ok = uintField(b, kvKeys[1]); !ok {
		return false
	}
	if key, b, ok = stringField(b, kvKeys[2]); !ok {
		return false
	}
	if e.LockIndex, b, ok = uintField(b, kvKeys[3]); !ok {
		return false
	}
	if e.ModifyIndex, b, ok = uintField(b, kvKeys[4]); !ok {
		return false
	}
	if session, b, ok = stringField(b, kvKeys[5]); !ok {
		return false
	}
	if value, b, ok = stringField(b, kvKeys[6]); !ok || len(b) != 0 {
		return false
	}
	e.Key, e.Session, e.Value, e.Extra = string(key), string(session), nil, nil
	if len(value) > 0 {
		e.Value = slices.Clone(value)
	}
	return true
}

func cut(b []byte, head string) ([]byte, bool) {
	if len(b) <= len(head) || string(b[:len(head)]) != head {
		return b, false
	}
	return b[len(head):], true
}

func uintField(b []byte, head string) (uint64, []byte, bool) {
	b, ok := cut(b, head)
	if !ok {
		return 0, b, false
	}
	width := 0
	switch lead := b[0]; {
	case lead <= 0x7f:
		return uint64(lead), b[1:], true
	case lead >= 0xcc && lead <= 0xcf:
		width = 1 << (lead - 0xcc)
	default:
		return 0, b, false
	}
	if len(b) < 1+width {
		return 0, b, false
	}
	var v uint64
	for _, c := range b[1 : 1+width] {
		v = v<<8 | uint64(c)
	}
	return v, b[1+width:], true
}

// stringField reads a string of the old raw forms, or nil.
func stringField(b []byte, head string) ([]byte, []byte, bool) {
	b, ok := cut(b, head)
	if !ok {
		return nil, b, false
	}
	n, size := 0, 1
	switch lead := b[0]; {
	case lead == 0xc0:
		return nil, b[1:], true
	case lead >= 0xa0 && lead <= 0xbf:
		n = int(lead & 0x1f)
	case lead == 0xda && len(b) >= 3:
		n, size = int(b[1])<<8|int(b[2]), 3
	case lead == 0xdb && len(b) >= 5:
		n, size = int(b[1])<<24|int(b[2])<<16|int(b[3])<<8|int(b[4]), 5
	default:
		return nil, b, false
	}
	if n > len(b)-size {
		return nil, b, false
	}
	return b[size : size+n], b[size+n:], true
}

// appendKV appends the value of a KV entry or tombstone.
func appendKV(b []byte, e *KVEntry) []byte {
	if len(e.Extra) > 0 {
		return msgpack.Append(b, e)
	}
	b = append(b, kvMapHead)
	b = msgpack.AppendUint(append(b, kvKeys[0]...), e.CreateIndex)
	b = msgpack.AppendUint(append(b, kvKeys[1]...), e.Flags)
	b = msgpack.AppendString(append(b, kvKeys[2]...), e.Key)
	b = msgpack.AppendUint(append(b, kvKeys[3]...), e.LockIndex)
	b = msgpack.AppendUint(append(b, kvKeys[4]...), e.ModifyIndex)
	b = msgpack.AppendString(append(b, kvKeys[5]...), e.Session)
	b = append(b, kvKeys[6]...)
	if e.Value == nil {
		return msgpack.AppendNil(b)
	}
	return msgpack.AppendString(b, e.Value)
}

// Key returns the key of a KV entry or tombstone without decoding the rest; ok is false if value is not a map with one.
func Key(value []byte) (key []byte, ok bool) {
	d := msgpack.NewDecoder(value)
	n, _, err := d.MapHead()
	if err != nil {
		return nil, false
	}
	for range n {
		name, err := d.Text()
		if err != nil {
			return nil, false
		}
		if string(name) == "Key" {
			key, err = d.Text()
			return key, err == nil
		}
		if _, err := d.Raw(); err != nil {
			return nil, false
		}
	}
	return nil, false
}
