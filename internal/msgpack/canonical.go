package msgpack

import (
	"bytes"
	"slices"
)

// AppendCanonical appends the one value that raw holds in a form that does not depend on who wrote it: every number and head in
// its shortest form, byte strings as strings, and the pairs of every map sorted by their encoded keys. Values that are equal but
// for the order of map pairs come out the same; nil and empty stay apart.
func AppendCanonical(b, raw []byte) ([]byte, error) {
	d := NewDecoder(raw)
	b, err := appendCanonical(b, d, 0)
	if err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errTrailing(d)
	}
	return b, nil
}

func appendCanonical(b []byte, d *Decoder, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, errDepth(d)
	}
	switch kind := d.Peek(); kind {
	case Nil:
		d.Nil()
		return AppendNil(b), nil
	case Bool:
		v, err := d.Bool()
		return AppendBool(b, v), err
	case Int:
		neg, mag, err := d.integer()
		if neg {
			return AppendInt(b, int64(-mag)), err
		}
		return AppendUint(b, mag), err
	case Float:
		raw, err := d.Raw()
		return append(b, raw...), err
	case String:
		s, err := d.Bytes()
		return AppendString(b, s), err
	case Array:
		return canonicalArray(b, d, depth)
	case Map:
		return canonicalMap(b, d, depth)
	}
	_, err := d.head()
	return b, err
}

func canonicalArray(b []byte, d *Decoder, depth int) ([]byte, error) {
	n, _, err := d.ArrayHead()
	if err != nil {
		return nil, err
	}
	b = AppendArrayHead(b, n)
	for range n {
		if b, err = appendCanonical(b, d, depth+1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func canonicalMap(b []byte, d *Decoder, depth int) ([]byte, error) {
	n, _, err := d.MapHead()
	if err != nil {
		return nil, err
	}
	b = AppendMapHead(b, n)
	start := len(b)
	type pair struct{ from, mid, to int }
	var pairs []pair
	sorted := true
	for i := range n {
		p := pair{from: len(b)}
		if b, err = appendCanonical(b, d, depth+1); err != nil {
			return nil, err
		}
		p.mid = len(b)
		if b, err = appendCanonical(b, d, depth+1); err != nil {
			return nil, err
		}
		p.to = len(b)
		pairs = append(pairs, p)
		if i > 0 && bytes.Compare(b[pairs[i-1].from:pairs[i-1].mid], b[p.from:p.mid]) > 0 {
			sorted = false
		}
	}
	if sorted {
		return b, nil
	}
	flat := slices.Clone(b[start:])
	at := func(from, to int) []byte { return flat[from-start : to-start] }
	slices.SortStableFunc(pairs, func(x, y pair) int { return bytes.Compare(at(x.from, x.mid), at(y.from, y.mid)) })
	b = b[:start]
	for _, p := range pairs {
		b = append(b, at(p.from, p.to)...)
	}
	return b, nil
}
