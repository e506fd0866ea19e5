package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/preflight"
	"github.com/lictor-dr/lictor/internal/record"
)

// serving returns a process whose API has the given keys.
func serving(t *testing.T, keys map[string]entry) *process {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		pairs := api.KVPairs{}
		for key, e := range keys {
			pairs = append(pairs, &api.KVPair{Key: key, Value: e.value, Flags: e.flags, Session: e.session})
		}
		if err := json.NewEncoder(w).Encode(pairs); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	client, err := api.NewClient(&api.Config{Address: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return &process{api: client}
}

func TestKeysThatDifferFailTheDemo(t *testing.T) {
	written := map[string]entry{"a": {value: []byte("1")}, "b": {value: []byte("2"), flags: 7}, "c": {value: []byte("3"), session: "s"}}
	for _, c := range []struct {
		name   string
		change func(map[string]entry)
		fails  bool
	}{
		{"nothing", func(map[string]entry) {}, false},
		{"value", func(m map[string]entry) { m["a"] = entry{value: []byte("9")} }, true},
		{"flags", func(m map[string]entry) { m["b"] = entry{value: []byte("2")} }, true},
		{"lock", func(m map[string]entry) { m["c"] = entry{value: []byte("3")} }, true},
		{"key gone", func(m map[string]entry) { delete(m, "a") }, true},
		{"key too many", func(m map[string]entry) { m["d"] = entry{} }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			served := map[string]entry{}
			for key, e := range written {
				served[key] = e
			}
			c.change(served)
			d := &demo{written: written, second: serving(t, served)}
			if _, err := d.compareKeys(context.Background()); errors.Is(err, ErrDifferent) != c.fails {
				t.Errorf("got %v, want a difference: %v", err, c.fails)
			}
		})
	}
}

func TestDifferencesAreNamed(t *testing.T) {
	var all []digest.Difference
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		all = append(all, digest.Difference{Type: record.TypeKVS, Name: name, What: digest.Missing})
	}
	want := ErrDifferent.Error() + ":\n    KVS a: missing\n    KVS b: missing\n    KVS c: missing\n    KVS d: missing\n    KVS e: missing\n    and 2 more"
	if got := different(all).Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The made-up state is one that a real Consul would restore.
func TestSeedIsRestorable(t *testing.T) {
	var checker preflight.Checker
	stream := record.AppendHeader(nil, record.Header{})
	for _, v := range seedRecords() {
		var err error
		if stream, err = record.Append(stream, v); err != nil {
			t.Fatal(err)
		}
	}
	err := digest.Walk(bytes.NewReader(stream), func(raw record.Raw) error {
		_, err := checker.Check(raw)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
