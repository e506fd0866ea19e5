package object

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// A protoField is one field of a protobuf message, as it stands there.
type protoField struct {
	number protowire.Number
	kind   protowire.Type
	value  []byte // with the length, if it has one
}

// protoFields takes a message apart, nil if it is none.
func protoFields(b []byte) (all []protoField) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil
		}
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		if size < 0 {
			return nil
		}
		all = append(all, protoField{number, kind, b[n : n+size]})
		b = b[n+size:]
	}
	return all
}

// protoMessage is the fields of a message.
type protoMessage []protoField

// bytes is the last text, bytes or message of a number, nil if there is none.
func (m protoMessage) bytes(number protowire.Number) (value []byte) {
	for _, f := range m {
		if f.number == number && f.kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(f.value)
		}
	}
	return value
}

func (m protoMessage) text(number protowire.Number) string { return string(m.bytes(number)) }

func (m protoMessage) uint(number protowire.Number) (value uint64) {
	for _, f := range m {
		if f.number == number && f.kind == protowire.VarintType {
			value, _ = protowire.ConsumeVarint(f.value)
		}
	}
	return value
}

// carried is all fields but some. The indexes are left out of what is compared without them.
func (m protoMessage) carried(created, modified protowire.Number, without ...protowire.Number) Carried {
	return Carried{content: m.content(without...), bare: m.content(append(without, created, modified)...)}
}

// content is all fields but some, in an order of their own: that of maps is random.
func (m protoMessage) content(without ...protowire.Number) []byte {
	sorted := slices.Clone(m)
	slices.SortFunc(sorted, func(x, y protoField) int {
		return cmp.Or(cmp.Compare(x.number, y.number), cmp.Compare(x.kind, y.kind), bytes.Compare(x.value, y.value))
	})
	var b []byte
	for _, f := range sorted {
		if !slices.Contains(without, f.number) {
			b = binary.AppendUvarint(b, uint64(f.number)<<3|uint64(f.kind))
			b = append(binary.AppendUvarint(b, uint64(len(f.value))), f.value...)
		}
	}
	return b
}

// streamStatus is the field of a peering that says how its stream is at the moment.
const streamStatus = 13

// message makes an object of a record that holds a protobuf message in a string, nil if it holds none that can be named.
func message(o *record.Opaque) *Object {
	inner, err := msgpack.NewDecoder(o.Value).Bytes()
	if err != nil {
		return nil
	}
	m := protoMessage(protoFields(inner))
	if m == nil {
		return nil
	}
	family := carriedFamily(o.Type)
	indexed := func(created, modified protowire.Number, value Carried, name string, parts ...string) *Object {
		return newObject(family, value, name, m.uint(created), m.uint(modified), nil, parts...)
	}
	switch o.Type {
	case record.TypePeering:
		return indexed(11, 12, m.carried(11, 12, streamStatus), cmp.Or(m.text(2), m.text(1)), m.text(1), m.text(3))
	case record.TypePeeringTrustBundle:
		return indexed(6, 7, m.carried(6, 7), m.text(2), m.text(2), m.text(3))
	case record.TypePeeringSecrets:
		return &Object{Family: family, ID: IDOf(family, m.text(1)), Name: "of peering " + m.text(1), Value: whole(m)}
	}
	called := protoMessage(protoFields(m.bytes(1)))
	if called == nil {
		return nil
	}
	id := IDOf(family, called.text(2), string(protoMessage(protoFields(called.bytes(3))).content()), called.text(4))
	return &Object{Family: family, ID: id, Name: called.text(2), Value: whole(m)}
}

// whole is a message without indexes.
func whole(m protoMessage) Carried {
	all := m.content()
	return Carried{content: all, bare: all}
}
