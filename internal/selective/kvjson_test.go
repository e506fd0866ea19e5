package selective

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lictor-dr/lictor/internal/record"
)

func entriesOf(r io.Reader) (all []*record.KVEntry, err error) {
	err = eachEntry(r, func(e *record.KVEntry) error {
		all = append(all, e)
		return nil
	})
	return all, err
}

// What is read is what encoding/json reads, whoever has written it; what is no list is refused.
func TestEachEntry(t *testing.T) {
	for _, text := range []string{
		`[]`, ` [ ] `, `[{"LockIndex":0,"Key":"a","Flags":18446744073709551615,"Value":"AAE=","CreateIndex":1,"ModifyIndex":2}]`,
		`[{"Key":"a","Value":null},{"Key":"b","Value":""},{"Key":"c","Session":"s","Other":{"x":["}","\""]}}]`,
		"[\n    {\n        \"Key\": \"a/\\u003c\\\"\\\\\",\n        \"Value\": \"YQ==\"\n    },\n {\"Key\":\"ü\"}\n]\n",
		`[{}]`, `[{"Key":"x","Key":"y"}]`,
	} {
		var want []*record.KVEntry
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
			got, err := entriesOf(r)
			if err != nil || len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %v, %v", text, got, err)
			}
		}
	}
	for _, tt := range []struct {
		text string
		want error
	}{
		{`[{"Key":"a"}`, errBroken}, {`[{"Key":"a`, errBroken}, {``, errBroken}, {`[`, errBroken}, {`[{"Key":"a"},`, errBroken},
		{`{}`, errAnswer}, {`[1]`, errAnswer}, {`[{"Key":1}]`, errAnswer}, {`[{"Value":"?"}]`, errAnswer}, {`[{"Key":"a"}{"Key":"b"}]`, errAnswer},
		{`[,{}]`, errAnswer}, {`[{x}]`, errAnswer},
	} {
		if _, err := entriesOf(strings.NewReader(tt.text)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.text, err, tt.want)
		}
	}
}

// Whatever arrives is read as encoding/json reads it, or refused.
func FuzzEachEntry(f *testing.F) {
	f.Add(`[{"LockIndex":0,"Key":"a","Flags":1,"Value":"AAE=","CreateIndex":1,"ModifyIndex":2},{"Key":"b","Value":null}]`)
	f.Add(`[{"Key":"\u0041","Value":"","X":[{"}":"]"}]}]`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := entriesOf(strings.NewReader(text))
		var want []*record.KVEntry
		if err != nil || json.Unmarshal([]byte(text), &want) != nil {
			return // trailing text is nobody's business
		}
		if len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}
