package diff

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

// A real state: each object is on a line of its own, without the secrets of tokens unless they are asked for, as often as it is checked.
func TestLinesOfARealState(t *testing.T) {
	src := goldenState(t, "consul-1.21.4/full.snap")
	secrets := secretsOf(t, src)
	for _, view := range []View{{}, {Secrets: true}, {Indexes: true}} {
		l := Lines{View: view}
		checked, unmatched, err := l.Check(t.Context(), src)
		if err != nil || len(unmatched) > 0 {
			t.Fatalf("%q, %v", unmatched, err)
		}
		var b bytes.Buffer
		n, err := l.Write(t.Context(), &b, src)
		if err != nil || n != checked || n != int64(strings.Count(b.String(), "\n")) || n < 50 {
			t.Errorf("%d lines, %d checked, %v", n, checked, err)
		}
		for line := range strings.Lines(b.String()) {
			if !json.Valid([]byte(line)) {
				t.Fatalf("no JSON: %s", line)
			}
		}
		for _, secret := range secrets {
			if strings.Contains(b.String(), secret) != view.Secrets {
				t.Errorf("%+v: the secret %s", view, secret)
			}
		}
		if strings.Contains(b.String(), `"ModifyIndex"`) != view.Indexes {
			t.Errorf("%+v: indexes", view)
		}
	}
}

func TestLinesOfSomeObjects(t *testing.T) {
	filter, err := ParseFilter([]string{"kv:b,kv:nope"}, []string{"a/"})
	if err != nil {
		t.Fatal(err)
	}
	src := state(t, key("a/1", "x"), key("b", "y"), key("c", "z"), &record.PreparedQuery{ID: "q", Name: "b"})
	l := Lines{Filter: filter}
	n, unmatched, err := l.Check(t.Context(), src)
	if err != nil || n != 2 || !slices.Equal(unmatched, []string{"kv:nope"}) {
		t.Errorf("%d, %q, %v", n, unmatched, err)
	}
	var b bytes.Buffer
	if _, err := l.Write(t.Context(), &b, src); err != nil {
		t.Fatal(err)
	}
	const want = `{"Family":"kv","Name":"a/1","Object":{"Flags":0,"Key":"a/1","Value":"eA=="}}
{"Family":"kv","Name":"b","Object":{"Flags":0,"Key":"b","Value":"eQ=="}}
`
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
}

// What ends early says how far it has come.
func TestLinesEndEarly(t *testing.T) {
	src := goldenState(t, "consul-1.21.4/kv.snap")
	full := errors.New("no space")
	r, w := io.Pipe()
	go func() {
		defer r.CloseWithError(full)
		_, _ = io.ReadFull(r, make([]byte, 5000))
	}()
	if n, err := new(Lines).Write(t.Context(), w, src); !errors.Is(err, full) || n == 0 || n > 60 {
		t.Errorf("%d lines, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	many := make([]any, 300)
	for i := range many {
		many[i] = key(strings.Repeat("k", i+1), "x")
	}
	if _, _, err := new(Lines).Check(ctx, state(t, many...)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n, err := new(Lines).Write(ctx, io.Discard, state(t, many...)); !errors.Is(err, context.Canceled) || n >= 300 {
		t.Errorf("%d lines, %v", n, err)
	}
}

// JSON cannot hold a key that is no UTF-8: its bytes are there beside it.
func TestLinesOfBytes(t *testing.T) {
	var b bytes.Buffer
	if _, err := new(Lines).Write(t.Context(), &b, state(t, key("\xffx", ""))); err != nil || !strings.Contains(b.String(), `"RawKey":"/3g="`) {
		t.Errorf("%s, %v", b.String(), err)
	}
}
