//go:build heavy && unix

package soak

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/version"
)

// takesWrite writes a key and reads it back.
func (p *process) takesWrite(t testing.TB, key, value string) {
	t.Helper()
	if err := p.put(context.Background(), key, []byte(value)); err != nil {
		t.Fatalf("the server does not take a write: %v", err)
	}
	p.holds(t, key, value)
}

func (p *process) holds(t testing.TB, key, value string) {
	t.Helper()
	got, err := p.value(context.Background(), key)
	if err != nil || string(got) != value {
		t.Fatalf("%s is %q, %v; want %q", key, got, err, value)
	}
}

// clean checks that nothing unfinished is in the data directory.
func (s *site) clean(t testing.TB) {
	t.Helper()
	if left := files(s.scratch()); len(left) > 0 {
		t.Errorf("left in scratch: %q", left)
	}
	for _, name := range names(s.snapshots()) {
		if unfinished(name) {
			t.Errorf("left among Raft's snapshots: %s", name)
		}
	}
}

// A fingerprint is the same for two servers if they hold the same.
type fingerprint struct {
	listing [sha256.Size]byte // of all keys and values as the API lists them
	records string            // of an archive that the server saves: every type with its count and digest
}

func (p *process) fingerprint(t testing.TB) fingerprint {
	t.Helper()
	a, err := p.get(context.Background(), "/v1/kv/?recurse&consistent")
	if r := refused(err); err != nil && (r == nil || r.status != 404) {
		t.Fatalf("list all keys: %v", err)
	}
	snap, err := p.save(context.Background())
	if err != nil {
		t.Fatalf("save: %v", err)
	}
	set, err := census(snap)
	if err != nil {
		t.Fatalf("what was saved is not good: %v", err)
	}
	return fingerprint{sha256.Sum256(a.body), describe(set)}
}

// census verifies an archive to its end and digests its records.
func census(snap []byte) (digest.Set, error) {
	var set digest.Set
	result, err := archive.Read(bytes.NewReader(snap), func(_ *archive.Meta, r io.Reader) (err error) {
		set, err = digest.Of(withoutServer(digest.Stream(func() (io.ReadCloser, error) { return io.NopCloser(r), nil })))
		return err
	})
	if err != nil {
		return nil, err
	}
	return set, result.Meta.CheckRestorable(result.StateSize)
}

// withoutServer leaves out what a server registers of itself whenever it starts, and the indexes that this moves.
func withoutServer(src digest.Source) digest.Source {
	return func(visit func(record.Raw) error) error {
		return src(func(raw record.Raw) error {
			v, err := record.Decode(raw)
			if err != nil {
				return err
			}
			switch v := v.(type) {
			case *record.Register:
				if v.NodeMeta["consul-version"] == version.Full {
					return nil
				}
			case *record.Index:
				for _, catalog := range []string{"nodes", "services", "checks", "peer.~:", "service_kind.", "kind_service_names."} {
					if strings.HasPrefix(v.Key, catalog) {
						return nil
					}
				}
			}
			return visit(raw)
		})
	}
}

// describe spells a set out, so that a difference shows where it is.
func describe(set digest.Set) string {
	var b strings.Builder
	for n := range 256 {
		if f, ok := set[record.Type(n)]; ok {
			fmt.Fprintf(&b, "%s: %d, %s\n", record.Type(n), f.Count, f.Sum)
		}
	}
	return b.String()
}
