package recordjson

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// A message describes a protobuf message: its fields in the order of the output. Fields that a message does not have are left out.
// Fields that are not described are printed behind the others under their number: integers as such, all else as base64.
type message struct {
	fields []messageField
	byNum  map[protowire.Number]int
}

type messageField struct {
	num    protowire.Number
	name   string
	encode func(b []byte, value []byte) ([]byte, error) // of the field's content; nil for an integer
	many   bool
	isMap  bool
}

func newMessage(fields ...messageField) *message {
	m := &message{fields: fields, byNum: map[protowire.Number]int{}}
	for i, f := range fields {
		m.byNum[f.num] = i
	}
	return m
}

func text(num protowire.Number, name string) messageField {
	return messageField{num: num, name: name, encode: protoText}
}

func texts(num protowire.Number, name string) messageField {
	return messageField{num: num, name: name, encode: protoText, many: true}
}

func number(num protowire.Number, name string) messageField {
	return messageField{num: num, name: name}
}

func within(num protowire.Number, name string, m *message) messageField {
	return messageField{num: num, name: name, encode: m.encode}
}

func textMap(num protowire.Number, name string) messageField {
	return messageField{num: num, name: name, encode: protoBytes, isMap: true}
}

func other(num protowire.Number, name string) messageField {
	return messageField{num: num, name: name, encode: protoBytes}
}

func protoText(b, value []byte) ([]byte, error) {
	if !utf8.Valid(value) {
		return b, malformed("protobuf: text that is not UTF-8")
	}
	return appendString(b, string(value)), nil
}

func protoBytes(b, value []byte) ([]byte, error) { return appendBase64(b, value), nil }

// appendMessage encodes a protobuf message that stands in a string.
func appendMessage(b, value []byte, m *message) ([]byte, error) {
	content, err := stringContent(value)
	if err != nil {
		return b, err
	}
	return m.encode(b, content)
}

// A wireValue is the content of one occurrence of a field.
type wireValue struct {
	isNumber bool
	number   uint64
	bytes    []byte
}

func (m *message) encode(b, content []byte) ([]byte, error) {
	known := make([][]wireValue, len(m.fields))
	var unknown []pair
	for len(content) > 0 {
		num, v, n, err := consume(content)
		if err != nil {
			return b, err
		}
		content = content[n:]
		i, ok := m.byNum[num]
		if ok && v.isNumber == (m.fields[i].encode == nil) {
			known[i] = append(known[i], v)
			continue
		}
		unknown = append(unknown, pair{fmt.Appendf(nil, `"#%d"`, num), v.appendRaw(nil)})
	}
	b = append(b, '{')
	start := len(b)
	for i, f := range m.fields {
		if len(known[i]) == 0 {
			continue
		}
		b = append(appendString(comma(b, start), f.name), ':')
		var err error
		if b, err = f.append(b, known[i]); err != nil {
			return b, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	for _, p := range unknown {
		b = append(append(append(comma(b, start), p.key...), ':'), p.value...)
	}
	return append(b, '}'), nil
}

// consume reads one field of a message.
func consume(content []byte) (num protowire.Number, v wireValue, n int, err error) {
	num, typ, n := protowire.ConsumeTag(content)
	if n < 0 {
		return 0, v, 0, malformed("protobuf: %v", protowire.ParseError(n))
	}
	size := protowire.ConsumeFieldValue(num, typ, content[n:])
	if size < 0 {
		return 0, v, 0, malformed("protobuf field %d: %v", num, protowire.ParseError(size))
	}
	raw := content[n : n+size]
	switch typ {
	case protowire.VarintType:
		v.isNumber = true
		v.number, _ = protowire.ConsumeVarint(raw)
	case protowire.BytesType:
		v.bytes, _ = protowire.ConsumeBytes(raw)
	default:
		v.bytes = raw
	}
	return num, v, n + size, nil
}

func (v wireValue) appendRaw(b []byte) []byte {
	if v.isNumber {
		return fmt.Append(b, v.number)
	}
	return appendBase64(b, v.bytes)
}

// append encodes the occurrences of a field; of one that can only occur once, the last counts.
func (f messageField) append(b []byte, values []wireValue) ([]byte, error) {
	switch {
	case f.isMap:
		return appendTextMap(b, values)
	case f.encode == nil:
		return values[len(values)-1].appendRaw(b), nil
	case !f.many:
		return f.encode(b, values[len(values)-1].bytes)
	}
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = f.encode(b, v.bytes); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

// appendTextMap encodes a map from text to text, which is a list of messages on the wire.
func appendTextMap(b []byte, values []wireValue) ([]byte, error) {
	var pairs []pair
	for _, v := range values {
		var text [3]string
		for content := v.bytes; len(content) > 0; {
			num, field, n, err := consume(content)
			if err != nil {
				return b, err
			}
			if num <= 2 && !field.isNumber {
				text[num] = string(field.bytes)
			}
			content = content[n:]
		}
		pairs = append(pairs, pair{appendString(nil, text[1]), appendString(nil, text[2])})
	}
	return appendPairs(b, pairs), nil
}
