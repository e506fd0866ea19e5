package history

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestFile(t *testing.T) {
	ops := []Operation{at(0, 1, put("a")), at(2, 3, unknown(cas("b", 3, false))), at(4, 5, lock(Acquire, "S", true)), at(6, 7, failed(read("", 0)))}
	var file bytes.Buffer
	if err := Write(&file, ops); err != nil {
		t.Fatal(err)
	}
	got, err := Load(&file)
	if err != nil || !slices.Equal(got, ops) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestBadFile(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no JSON", "x", "invalid character"},
		{"cut", `{"kind":"put",`, "unexpected EOF"},
		{"a kind", `{"kind":"move","outcome":"ok"}`, `no kind "move"`},
		{"an outcome", `{"kind":"put","outcome":"great"}`, `no outcome "great"`},
		{"times", `{"kind":"put","outcome":"ok","call":5,"return":4}`, "sent at 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Load(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(`{"kind":"put","key":"k","value":"a","call":1,"return":2,"outcome":"ok","done":true}` + "\n" + `{"kind":"read","key":"k","index":4,"value":"a","outcome":"ok"}`)
	f.Add(`{"kind":"acquire","key":"l","session":"S","outcome":"unknown"}`)
	f.Fuzz(func(t *testing.T, text string) {
		ops, err := Load(strings.NewReader(text))
		if err != nil || len(ops) > 8 {
			return
		}
		Check(ops, limit)
		var file bytes.Buffer
		if err := Write(&file, ops); err != nil {
			t.Fatal(err)
		}
		if again, err := Load(&file); err != nil || len(again) != len(ops) {
			t.Fatalf("%v, %v", again, err)
		}
	})
}
