package localstate

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"reflect"

	"github.com/hashicorp/consul/api"
)

// contentHash is Consul's hash of what the API shows of a service: 16 hex digits. It is computed as mitchellh/hashstructure does in its
// first format, with FNV-1 of 64 bits, so that clients which keep a hash across agents see the same.
func contentHash(a *api.AgentService) string {
	return fmt.Sprintf("%016x", hashValue(reflect.ValueOf(a)))
}

func hashValue(v reflect.Value) uint64 {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Invalid: // nil
		return hashNumber(0, 8)
	case reflect.String:
		return hashBytes([]byte(v.String()))
	case reflect.Bool:
		if v.Bool() {
			return hashNumber(1, 1)
		}
		return hashNumber(0, 1)
	case reflect.Struct:
		return hashStruct(v)
	case reflect.Slice, reflect.Array:
		var h uint64
		for i := range v.Len() {
			h = hashPair(h, hashValue(v.Index(i)))
		}
		return h
	case reflect.Map:
		var h uint64
		for iter := v.MapRange(); iter.Next(); {
			h ^= hashPair(hashValue(iter.Key()), hashValue(iter.Value()))
		}
		return h
	}
	return hashScalar(v)
}

func hashScalar(v reflect.Value) uint64 {
	switch {
	case v.Kind() == reflect.Int || v.Kind() == reflect.Uint:
		if v.CanInt() {
			return hashNumber(uint64(v.Int()), 8)
		}
		return hashNumber(v.Uint(), 8)
	case v.CanInt():
		return hashNumber(uint64(v.Int()), int(v.Type().Size()))
	case v.CanUint():
		return hashNumber(v.Uint(), int(v.Type().Size()))
	case v.CanFloat():
		return hashNumber(math.Float64bits(v.Float()), 8)
	}
	return 0
}

func hashStruct(v reflect.Value) uint64 {
	t := v.Type()
	h := hashBytes([]byte(t.Name()))
	for i := range t.NumField() {
		f := t.Field(i)
		if tag := f.Tag.Get("hash"); !f.IsExported() || tag == "ignore" || tag == "-" {
			continue
		}
		h ^= hashPair(hashBytes([]byte(f.Name)), hashValue(v.Field(i)))
	}
	return h
}

func hashPair(a, b uint64) uint64 {
	return hashBytes(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, a), b))
}

func hashNumber(n uint64, size int) uint64 {
	return hashBytes(binary.LittleEndian.AppendUint64(nil, n)[:size])
}

func hashBytes(b []byte) uint64 {
	h := fnv.New64()
	h.Write(b)
	return h.Sum64()
}
