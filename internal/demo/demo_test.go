package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"testing"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/preflight"
	"github.com/lictor-dr/lictor/internal/record"
)

func TestKeysThatDifferFailTheDemo(t *testing.T) {
	written := map[string]entry{"a": {value: []byte("1")}, "b": {value: []byte("2"), flags: 7}, "c": {value: []byte("3"), session: "s"},
		"e": {}}
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
		{"empty key gone", func(m map[string]entry) { delete(m, "e") }, true},
		{"key too many", func(m map[string]entry) { m["d"] = entry{} }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			served := maps.Clone(written)
			c.change(served)
			server := newFake(t, "server-2")
			server.keys = served
			d := &demo{written: written}
			if _, err := (&single{demo: d, second: server.process}).compareKeys(context.Background()); errors.Is(err, ErrDifferent) != c.fails {
				t.Errorf("got %v, want a difference: %v", err, c.fails)
			}
			if err := (&clustered{demo: d}).readEach(context.Background(), cluster{server.process}); errors.Is(err, ErrDifferent) != c.fails {
				t.Errorf("in a cluster: got %v, want a difference: %v", err, c.fails)
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

// Two seeds are alike but for the secrets of their tokens.
func TestArchivesThatDifferFailTheDemo(t *testing.T) {
	d := &demo{dir: t.TempDir()}
	for _, name := range []string{"a.snap", "b.snap"} {
		seed, _, err := seedArchive()
		if err != nil {
			t.Fatal(err)
		}
		defer seed.Close()
		var b bytes.Buffer
		if _, err := seed.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.path(name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := d.compareArchives("a.snap", "a.snap"); err != nil || n != int64(len(seedRecords())) {
		t.Errorf("an archive and itself: %d records, %v", n, err)
	}
	_, err := d.compareArchives("a.snap", "b.snap")
	want := ErrDifferent.Error() + ":\n    ACLToken acce5500-0000-4000-8000-000000000001: changed" +
		"\n    ACLToken acce5500-0000-4000-8000-000000000002: changed"
	if !errors.Is(err, ErrDifferent) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
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

func TestOtherNumbersOfServersAreRefused(t *testing.T) {
	for _, n := range []int{-1, 0, 2, 4, 6, 7} {
		t.Setenv("TMPDIR", t.TempDir())
		if err := Run(context.Background(), Options{Out: io.Discard, Servers: n}); err == nil {
			t.Errorf("%d servers are taken", n)
		}
		if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
			t.Errorf("%d servers: %v is left, %v", n, left, err)
		}
	}
}
