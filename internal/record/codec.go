package record

import (
	"fmt"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// Decode returns the value of a record as a pointer to its typed struct ([Coordinates] for type 6), or as *[Opaque] for a type
// that Lictor does not interpret. The result shares no memory with raw. The error is an [Error].
func Decode(raw Raw) (any, error) {
	if kind := msgpack.KindOf(lead(raw.Value)); !KindFits(raw.Type, kind) {
		return nil, raw.Fault(fmt.Errorf("%w: %s cannot be a record of this type", msgpack.ErrCorrupt, kind))
	}
	if raw.Type == TypeKVS {
		e := new(KVEntry)
		if err := decodeKV(raw.Value, e); err != nil {
			return nil, raw.Fault(err)
		}
		return e, nil
	}
	v := newValue(raw.Type)
	if v == nil {
		return &Opaque{raw.Type, append(msgpack.Raw(nil), raw.Value...)}, nil
	}
	if err := msgpack.Unmarshal(raw.Value, v); err != nil {
		return nil, raw.Fault(err)
	}
	return v, nil
}

func lead(value []byte) byte {
	if len(value) == 0 {
		return 0
	}
	return value[0]
}

// newValue returns a pointer to a zero value of the struct that records of type t hold, nil for types that are not interpreted.
func newValue(t Type) any {
	switch t {
	case TypeRegister:
		return new(Register)
	case TypeKVS:
		return new(KVEntry)
	case TypeTombstone:
		return new(Tombstone)
	case TypeSession:
		return new(Session)
	case TypeCoordinates:
		return new(Coordinates)
	case TypePreparedQuery:
		return new(PreparedQuery)
	case TypeAutopilot:
		return new(Autopilot)
	case TypeIndex:
		return new(Index)
	case TypeACLToken:
		return new(ACLToken)
	case TypeACLPolicy:
		return new(ACLPolicy)
	case TypeACLRole:
		return new(ACLRole)
	case TypeACLBindingRule:
		return new(ACLBindingRule)
	case TypeACLAuthMethod:
		return new(ACLAuthMethod)
	case TypeSystemMetadata:
		return new(SystemMetadata)
	}
	return nil
}

// TypeOf returns the record type that holds v, a pointer as [Decode] returns it.
func TypeOf(v any) (Type, error) {
	switch v := v.(type) {
	case *Register:
		return TypeRegister, nil
	case *KVEntry:
		return TypeKVS, nil
	case *Tombstone:
		return TypeTombstone, nil
	case *Session:
		return TypeSession, nil
	case *Coordinates:
		return TypeCoordinates, nil
	case *PreparedQuery:
		return TypePreparedQuery, nil
	case *Autopilot:
		return TypeAutopilot, nil
	case *Index:
		return TypeIndex, nil
	case *ACLToken:
		return TypeACLToken, nil
	case *ACLPolicy:
		return TypeACLPolicy, nil
	case *ACLRole:
		return TypeACLRole, nil
	case *ACLBindingRule:
		return TypeACLBindingRule, nil
	case *ACLAuthMethod:
		return TypeACLAuthMethod, nil
	case *SystemMetadata:
		return TypeSystemMetadata, nil
	case *Opaque:
		return v.Type, nil
	}
	return 0, fmt.Errorf("no record type holds %T", v)
}

// KindFits tells whether a value of kind k can be a record of type t. Types that Lictor does not know may be anything.
func KindFits(t Type, k msgpack.Kind) bool {
	switch t {
	case TypeCoordinates:
		return k == msgpack.Array || k == msgpack.Nil
	case TypePeering, TypePeeringTrustBundle, TypePeeringSecrets, TypeResource, TypeConfigEntry:
		return k == msgpack.String
	}
	if t.Restorable() {
		return k == msgpack.Map
	}
	return true
}

// AppendHeader appends the header of a stream.
func AppendHeader(b []byte, h Header) []byte { return msgpack.Append(b, h) }

// Append appends v, a pointer as [Decode] returns it, as a record.
func Append(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case *KVEntry:
		return appendKV(append(b, byte(TypeKVS)), v), nil
	case *Tombstone:
		return appendKV(append(b, byte(TypeTombstone)), (*KVEntry)(v)), nil
	case *Opaque:
		return append(append(b, byte(v.Type)), v.Value...), nil
	}
	t, err := TypeOf(v)
	if err != nil {
		return b, err
	}
	return msgpack.Append(append(b, byte(t)), v), nil
}
