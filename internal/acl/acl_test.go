package acl

import (
	"io"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

// mustParse parses rules that are expected to be good.
func mustParse(t testing.TB, rules string) *Policy {
	t.Helper()
	p, err := Parse(rules)
	if err != nil {
		t.Fatalf("Parse(%s): %v", rules, err)
	}
	return p
}

// goldenRecords are the decoded records of the archive of a real Consul that has ACLs of all kinds.
func goldenRecords(t testing.TB) []any {
	t.Helper()
	r, err := record.NewReader(golden.State(t, "consul-1.21.4/full.snap"))
	if err != nil {
		t.Fatal(err)
	}
	var all []any
	for {
		raw, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		v, err := record.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
}

var (
	clusterResources = []Resource{ACL, Keyring, Mesh, Operator, Peering}
	namedResources   = []Resource{Agent, Event, Key, Node, Query, Service, Session}
	accesses         = []Access{Read, List, Write}
)
