package drill

import (
	"maps"
	"slices"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// appendMap appends a map as a record's value.
func appendMap(b []byte, m map[string]any) []byte {
	b = msgpack.AppendMapHead(b, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		b = appendAny(msgpack.AppendString(b, name), m[name])
	}
	return b
}

func appendAny(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return msgpack.AppendString(b, v)
	case []byte:
		return msgpack.AppendString(b, v)
	case bool:
		return msgpack.AppendBool(b, v)
	case int:
		return msgpack.AppendInt(b, int64(v))
	case int64:
		return msgpack.AppendInt(b, v)
	case uint64:
		return msgpack.AppendUint(b, v)
	case float64:
		return msgpack.AppendFloat64(b, v)
	case map[string]any:
		return appendMap(b, v)
	case []any:
		b = msgpack.AppendArrayHead(b, len(v))
		for _, x := range v {
			b = appendAny(b, x)
		}
		return b
	}
	return msgpack.AppendNil(b)
}
