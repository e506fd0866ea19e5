package definition

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// toMsgpack encodes v by way of its JSON form, which has the field names of the records.
func toMsgpack(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	return appendValue(nil, value)
}

// appendValue appends a value of decoded JSON; keys of maps are sorted.
func appendValue(b []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case nil:
		return msgpack.AppendNil(b), nil
	case bool:
		return msgpack.AppendBool(b, v), nil
	case string:
		return msgpack.AppendString(b, v), nil
	case json.Number:
		return appendNumber(b, v)
	case []any:
		b = msgpack.AppendArrayHead(b, len(v))
		for i := 0; i < len(v) && err == nil; i++ {
			b, err = appendValue(b, v[i])
		}
		return b, err
	case map[string]any:
		b = msgpack.AppendMapHead(b, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if b, err = appendValue(msgpack.AppendString(b, key), v[key]); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	return nil, fmt.Errorf("unexpected %T", v)
}

func appendNumber(b []byte, n json.Number) ([]byte, error) {
	v, err := number(n)
	if err != nil {
		return nil, err
	}
	if i, ok := v.(int64); ok {
		return msgpack.AppendInt(b, i), nil
	}
	return msgpack.AppendFloat64(b, v.(float64)), nil
}
