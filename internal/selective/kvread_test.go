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
			for _, e := range append(got, want...) {
				if len(e.Value) == 0 {
					e.Value = nil // it is all one
				}
			}
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
		{`[,{}]`, errAnswer}, {`[{x}]`, errAnswer}, {`[] []`, errAnswer},
	} {
		if _, err := entriesOf(strings.NewReader(tt.text)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.text, err, tt.want)
		}
	}
}
