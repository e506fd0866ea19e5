package kvjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lictor-dr/lictor/internal/record"
)

const most = 1 << 20

// However the bytes arrive, they are cut in the same places: those of encoding/json.
func FuzzElements(f *testing.F) {
	for _, text := range []string{`[{"a":"]}\\\""}, {"b":[{}]} ]`, ` null `, `[]`, `[{"Key":"a"}`, `[1]`, `[{}{}]`, `[{}] []`, `{}`, ``, `nul`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var whole, single []string
		err := Elements(bytes.NewReader(data), most, func(raw []byte) error { whole = append(whole, string(raw)); return nil })
		s := &splitter{r: iotest.OneByteReader(bytes.NewReader(data)), buf: make([]byte, 1), most: most}
		err1 := s.each(func(raw []byte) error { single = append(single, string(raw)); return nil })
		if (err == nil) != (err1 == nil) || !reflect.DeepEqual(whole, single) {
			t.Errorf("%q, %v\n%q, %v", whole, err, single, err1)
		}
		var form *FormError
		if err != nil && !errors.Is(err, ErrCut) && !errors.As(err, &form) {
			t.Errorf("the error is %v", err)
		}
		var want []json.RawMessage
		if json.Unmarshal(data, &want) != nil {
			return // an element is not looked into
		}
		for i, raw := range want {
			if len(raw) == 0 || raw[0] != '{' {
				if err == nil {
					t.Errorf("%q is no object, and was taken for one", raw)
				}
				return
			}
			if err != nil || whole[i] != string(raw) {
				t.Errorf("%q, %v; want %q", whole, err, want)
			}
		}
	})
}

// An element that is longer than it may be ends the reading; what fn and the stream say comes as it is.
func TestElementsErrors(t *testing.T) {
	nothing := func([]byte) error { return nil }
	var form *FormError
	if err := Elements(strings.NewReader(`[{"a":"`+strings.Repeat("x", 4096)+`"}]`), 1024, nothing); !errors.As(err, &form) {
		t.Errorf("a long element: %v", err)
	}
	broken := errors.New("broken")
	if err := Elements(iotest.ErrReader(broken), most, nothing); !errors.Is(err, broken) {
		t.Errorf("a broken stream: %v", err)
	}
	if err := Elements(strings.NewReader(`[{},{}]`), most, func([]byte) error { return broken }); err != broken {
		t.Errorf("a refused element: %v", err)
	}
}

// An entry is read as encoding/json reads it, or not at all. What servers write is read.
func FuzzEntry(f *testing.F) {
	const usual = `{"LockIndex":0,"Key":"a","Flags":18446744073709551615,"Value":"AAE=","CreateIndex":1,"ModifyIndex":2,"Session":"s"}`
	for _, text := range []string{usual, `{"Key":"a","Value":null}`, `{"Key":"\u2603\"", "value":"" }`, `{"Key":"a","Flags":00}`, `{`, `{}`,
		`{"Key":"a","Flags":18446744073709551616}`, "{\"Key\":\"a\",\"Value\":\"eA\n==\"}", "{\"Key\":\"a\tb\"}", `{"Key":"x","Key":"y"}`} {
		f.Add([]byte(text))
	}
	if _, ok := Entry([]byte(usual)); !ok {
		f.Error("what servers write is left to encoding/json")
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, ok := Entry(raw)
		if !ok {
			return
		}
		want := new(record.KVEntry)
		if err := json.Unmarshal(raw, want); err != nil {
			t.Fatalf("%q: %+v, and it is refused: %v", raw, got, err)
		}
		if len(want.Value) == 0 {
			want.Value = nil // it is all one
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", raw, got, want)
		}
	})
}
