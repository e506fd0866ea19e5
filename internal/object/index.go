package object

import (
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// HighestIndex is the highest index that a record holds. What does not decode has none here; it is refused where it is compared.
func HighestIndex(raw record.Raw) uint64 {
	switch raw.Type {
	case record.TypeIndex:
		var x record.Index
		if msgpack.Unmarshal(raw.Value, &x) != nil {
			return 0
		}
		return x.Value
	case record.TypeConfigEntry, record.TypePeering, record.TypePeeringTrustBundle:
		o := CarriedObject(&record.Opaque{Type: raw.Type, Value: raw.Value})
		return max(o.Created, o.Modified)
	}
	return indexesIn(msgpack.NewDecoder(raw.Value))
}

// indexesIn reads a value, and returns the highest index in it if it is a map. It makes no garbage: most records of large archives are
// looked at no closer.
func indexesIn(d *msgpack.Decoder) (highest uint64) {
	if d.Peek() != msgpack.Map {
		_, _ = d.Raw()
		return 0
	}
	n, _, err := d.MapHead()
	for i := 0; err == nil && i < n; i++ {
		var name, value []byte
		if name, err = d.Raw(); err != nil {
			break
		}
		switch fieldName(name) {
		case "CreateIndex", "ModifyIndex":
			if value, err = d.Raw(); err == nil {
				highest = max(highest, number(value))
			}
		case "Service", "Check", "State":
			highest = max(highest, indexesIn(d))
		default:
			_, err = d.Raw()
		}
	}
	return highest
}

// fieldName is the name that a key of a map encodes, if it is one of those that lead to indexes.
func fieldName(key []byte) string {
	text, err := msgpack.NewDecoder(key).Bytes()
	if err != nil {
		return ""
	}
	for _, name := range []string{"CreateIndex", "ModifyIndex", "Service", "Check", "State"} {
		if string(text) == name {
			return name
		}
	}
	return ""
}

// number is the unsigned integer that value encodes, 0 if it is none.
func number(value []byte) uint64 {
	n, err := msgpack.NewDecoder(value).Uint(64)
	if err != nil {
		return 0
	}
	return n
}

// WithoutIndexes is an object with the same content, whenever it was written. How often a key was locked counts as an index.
func (o *Object) WithoutIndexes() *Object {
	bare := *o
	bare.Created, bare.Modified = 0, 0
	switch v := o.Value.(type) {
	case *record.KVEntry:
		x := *v
		x.CreateIndex, x.ModifyIndex, x.LockIndex = 0, 0, 0
		bare.Value = &x
	case Service:
		x := *v.NodeService
		x.CreateIndex, x.ModifyIndex = 0, 0
		bare.Value = Service{&x, v.On}
	case Check:
		x := *v.HealthCheck
		x.CreateIndex, x.ModifyIndex = 0, 0
		bare.Value = Check{&x, v.On}
	case *record.Session:
		x := *v
		x.CreateIndex, x.ModifyIndex = 0, 0
		bare.Value = &x
	case *record.PreparedQuery:
		x := *v
		x.CreateIndex, x.ModifyIndex = 0, 0
		bare.Value = &x
	case Carried:
		v.content = v.bare
		bare.Value = v
	default:
		bare.Value = unindexed(v)
	}
	return &bare
}

// unindexed is a copy of a record of ACLs or of the system without its indexes.
func unindexed(value any) any {
	switch v := value.(type) {
	case *record.ACLToken:
		x := *v
		x.CreateIndex, x.ModifyIndex = 0, 0
		return &x
	case *record.ACLPolicy:
		x := *v
		x.CreateIndex, x.ModifyIndex = 0, 0
		return &x
	case *record.ACLRole:
		x := *v
		x.CreateIndex, x.ModifyIndex = 0, 0
		return &x
	case *record.ACLBindingRule:
		x := *v
		x.CreateIndex, x.ModifyIndex = 0, 0
		return &x
	case *record.ACLAuthMethod:
		x := *v
		x.CreateIndex, x.ModifyIndex = 0, 0
		return &x
	case *record.Autopilot:
		x := *v
		x.CreateIndex, x.ModifyIndex = 0, 0
		return &x
	case *record.SystemMetadata:
		x := *v
		x.CreateIndex, x.ModifyIndex = 0, 0
		return &x
	case *record.Index:
		x := *v
		x.Value = 0
		return &x
	}
	return value
}
