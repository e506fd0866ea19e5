package record

import (
	"fmt"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// Name says in a few words which object a record is about, without its secrets: the key of a KV entry, the accessor of a token. It is
// for people; records of one type that have the same name are versions of the same object.
func Name(raw Raw) string {
	v, err := Decode(raw)
	if err != nil {
		return fmt.Sprintf("record %d", raw.Number)
	}
	switch v := v.(type) {
	case *KVEntry:
		return v.Key
	case *Tombstone:
		return v.Key
	case *Register:
		return registerName(v)
	case *Session:
		return v.ID
	case *PreparedQuery:
		return firstOf(v.Name, v.ID)
	case *ACLToken:
		return v.AccessorID
	case *ACLPolicy:
		return firstOf(v.Name, v.ID)
	case *ACLRole:
		return firstOf(v.Name, v.ID)
	case *ACLBindingRule:
		return v.ID
	case *ACLAuthMethod:
		return v.Name
	case *Index:
		return v.Key
	case *SystemMetadata:
		return v.Key
	case *Coordinates:
		if len(*v) > 0 {
			return (*v)[0].Node
		}
	case *Opaque:
		return opaqueName(v)
	}
	return raw.Type.String()
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func registerName(r *Register) string {
	switch {
	case r.Service != nil:
		return r.Node + ", service " + r.Service.ID
	case r.Check != nil:
		return r.Node + ", check " + r.Check.CheckID
	}
	return r.Node
}

// opaqueName finds the name in a config entry, or the ID or name in a map.
func opaqueName(o *Opaque) string {
	d := msgpack.NewDecoder(o.Value)
	if o.Type == TypeConfigEntry {
		inner, _ := d.Bytes()
		d = msgpack.NewDecoder(inner)
		kind, _ := d.Text()
		var frame struct{ Entry struct{ Name string } }
		_ = d.Decode(&frame) // proxy-defaults has no map here: the kind is name enough
		return string(kind) + " " + frame.Entry.Name
	}
	var named struct{ ID, Name string }
	if d.Peek() == msgpack.Map && d.Decode(&named) == nil {
		return firstOf(named.Name, firstOf(named.ID, o.Type.String()))
	}
	return o.Type.String()
}
