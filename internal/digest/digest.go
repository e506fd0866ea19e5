package digest

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/bits"
	"slices"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// A Sum is the order-free digest of some records.
type Sum [4]uint64 // least significant first

// String returns the sum in hex.
func (s Sum) String() string {
	var b [32]byte
	for i, word := range s {
		binary.BigEndian.PutUint64(b[24-8*i:], word)
	}
	return hex.EncodeToString(b[:])
}

// Add adds the digest of one record.
func (s *Sum) Add(h [32]byte) {
	var carry uint64
	for i := range s {
		s[i], carry = bits.Add64(s[i], binary.BigEndian.Uint64(h[24-8*i:]), carry)
	}
}

// A Family is what there is of one type of record.
type Family struct {
	Count int64
	Bytes int64 // type bytes included
	Sum   Sum
}

// A Set sums up a stream.
type Set map[record.Type]Family

// A Source calls visit for each record of a stream, in order, and stops at its first error. It can be read more than once.
type Source func(visit func(record.Raw) error) error

// Stream is a source that reads what open opens.
func Stream(open func() (io.ReadCloser, error)) Source {
	return func(visit func(record.Raw) error) error {
		src, err := open()
		if err != nil {
			return err
		}
		defer src.Close()
		return Walk(src, visit)
	}
}

// Walk calls visit for each record of the stream src.
func Walk(src io.Reader, visit func(record.Raw) error) error {
	r, err := record.NewReader(src)
	if err != nil {
		return err
	}
	return r.Each(visit)
}

// A hasher digests records one after the other.
type hasher struct{ buf []byte }

func (h *hasher) sum(raw record.Raw) ([32]byte, error) {
	buf, err := msgpack.AppendCanonical(append(h.buf[:0], byte(raw.Type)), raw.Value)
	if err != nil {
		return [32]byte{}, raw.Fault(err)
	}
	h.buf = buf
	return sha256.Sum256(buf), nil
}

// Of sums up a source.
func Of(src Source) (Set, error) {
	set := Set{}
	var h hasher
	err := src(func(raw record.Raw) error {
		sum, err := h.sum(raw)
		if err != nil {
			return err
		}
		f := set[raw.Type]
		f.Count++
		f.Bytes += raw.Size()
		f.Sum.Add(sum)
		set[raw.Type] = f
		return nil
	})
	return set, err
}

// Records is how many records there are.
func (s Set) Records() (n int64) {
	for _, f := range s {
		n += f.Count
	}
	return n
}

// Differing returns the types in which two sets differ, in order.
func (s Set) Differing(other Set) []record.Type {
	var types []record.Type
	for t, f := range s {
		if g := other[t]; g.Count != f.Count || g.Sum != f.Sum {
			types = append(types, t)
		}
	}
	for t := range other {
		if _, both := s[t]; !both {
			types = append(types, t)
		}
	}
	slices.Sort(types)
	return types
}

// A Difference is an object that two sources do not have alike.
type Difference struct {
	Type record.Type
	Name string
	What Kind
}

// A Kind is how an object differs.
type Kind string

// The kinds of differences between a first source and a second.
const (
	Missing Kind = "missing" // in the first alone
	Added   Kind = "added"   // in the second alone
	Changed Kind = "changed" // in both, but not the same
)

// Compare returns what differs between two sources, which are read once if nothing does and twice otherwise. Its memory grows with
// the number of records of the types that differ, by a few dozen bytes for each.
func Compare(first, second Source) ([]Difference, error) {
	a, err := Of(first)
	if err != nil {
		return nil, err
	}
	b, err := Of(second)
	if err != nil {
		return nil, err
	}
	types := a.Differing(b)
	if len(types) == 0 {
		return nil, nil
	}
	unlike, err := unmatched(first, second, types)
	if err != nil {
		return nil, err
	}
	return name(first, second, unlike)
}

// unmatched counts, by digest, how many more records of the given types the first source has than the second; what is even is
// left out.
func unmatched(first, second Source, types []record.Type) (map[[32]byte]int, error) {
	counts := map[[32]byte]int{}
	count := func(step int) func(record.Raw) error {
		var h hasher
		return func(raw record.Raw) error {
			if !slices.Contains(types, raw.Type) {
				return nil
			}
			sum, err := h.sum(raw)
			if counts[sum] += step; counts[sum] == 0 {
				delete(counts, sum)
			}
			return err
		}
	}
	if err := first(count(1)); err != nil {
		return nil, err
	}
	return counts, second(count(-1))
}

// name finds out which objects the unmatched records are about.
func name(first, second Source, unlike map[[32]byte]int) ([]Difference, error) {
	type object struct {
		t    record.Type
		name string
	}
	kinds := map[object]Kind{}
	look := func(sign int, kind Kind) func(record.Raw) error {
		var h hasher
		return func(raw record.Raw) error {
			sum, err := h.sum(raw)
			if err != nil || unlike[sum]*sign <= 0 {
				return err
			}
			o := object{raw.Type, record.Name(raw)}
			before, seen := kinds[o]
			kinds[o] = kind
			if seen && before != kind {
				kinds[o] = Changed
			}
			return nil
		}
	}
	if err := first(look(1, Missing)); err != nil {
		return nil, err
	}
	if err := second(look(-1, Added)); err != nil {
		return nil, err
	}
	var all []Difference
	for o, kind := range kinds {
		all = append(all, Difference{o.t, o.name, kind})
	}
	slices.SortFunc(all, func(x, y Difference) int {
		return cmp.Or(cmp.Compare(x.Type, y.Type), cmp.Compare(x.Name, y.Name))
	})
	return all, nil
}
