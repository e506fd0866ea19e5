package digest

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

func source(t *testing.T, values ...any) Source {
	t.Helper()
	b := record.AppendHeader(nil, record.Header{LastIndex: 1})
	for _, v := range values {
		var err error
		if b, err = record.Append(b, v); err != nil {
			t.Fatal(err)
		}
	}
	return Stream(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil })
}

func TestCompare(t *testing.T) {
	kv := func(key, value string) *record.KVEntry { return &record.KVEntry{Key: key, Value: []byte(value)} }
	node := &record.Register{Node: "n", NodeMeta: map[string]string{"a": "1", "b": "2"}}
	for _, c := range []struct {
		name          string
		first, second []any
		want          string
	}{
		{"equal in another order", []any{kv("a", "1"), kv("b", "2"), node}, []any{node, kv("b", "2"), kv("a", "1")}, "[]"},
		{"missing", []any{kv("a", "1"), kv("b", "2")}, []any{kv("a", "1")}, "[{KVS b missing}]"},
		{"added", []any{kv("a", "1")}, []any{kv("a", "1"), node}, "[{Register n added}]"},
		{"changed", []any{kv("a", "1"), kv("b", "2")}, []any{kv("a", "1"), kv("b", "3")}, "[{KVS b changed}]"},
		{"doubled", []any{kv("a", "1")}, []any{kv("a", "1"), kv("a", "1")}, "[{KVS a added}]"},
		{"values swapped", []any{kv("a", "1"), kv("b", "2")}, []any{kv("a", "2"), kv("b", "1")}, "[{KVS a changed} {KVS b changed}]"},
		{"nil and empty are not the same", []any{&record.Session{ID: "s"}}, []any{&record.Session{ID: "s", NodeChecks: []string{}}}, "[{Session s changed}]"},
		{"secrets are not named", []any{&record.ACLToken{AccessorID: "acc", SecretID: "sec"}}, nil, "[{ACLToken acc missing}]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Compare(source(t, c.first...), source(t, c.second...))
			if err != nil {
				t.Fatal(err)
			}
			if s := fmt.Sprint(got); s != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
		})
	}
}

func TestSumIsFreeOfOrderButNotOfCount(t *testing.T) {
	var hashes [][32]byte
	for i := range 50 {
		var h [32]byte
		for j := range h {
			h[j] = byte(255 - i*j)
		}
		hashes = append(hashes, h)
	}
	add := func(hs [][32]byte) (s Sum) {
		for _, h := range hs {
			s.Add(h)
		}
		return s
	}
	forward := add(hashes)
	slices.Reverse(hashes)
	if back := add(hashes); back != forward {
		t.Errorf("sums %s and %s differ by order", forward, back)
	}
	if twice := add(append(hashes, hashes[0])); twice == forward {
		t.Error("a doubled record does not change the sum")
	}
}

// The sum is a plain addition of 256-bit numbers.
func TestSumCarries(t *testing.T) {
	var s Sum
	var ones, one [32]byte
	for i := range ones {
		ones[i] = 255
	}
	one[31] = 1
	s.Add(ones)
	s.Add(one)
	if s != (Sum{}) {
		t.Errorf("2^256-1 + 1 = %s, want 0", s)
	}
}
