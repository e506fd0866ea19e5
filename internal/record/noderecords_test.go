package record

import (
	"bytes"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/msgpack"
)

// wantSame compares what NodeRecords appends for a registration with the registration's own record.
func wantSame(t *testing.T, n *NodeRecords, r *Register) {
	t.Helper()
	want, err := Append([]byte("before"), r)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Of(r); err != nil {
		t.Fatal(err)
	}
	got := []byte("before")
	switch {
	case r.Service != nil:
		got = n.AppendService(got, r.Service)
	case r.Check != nil:
		got = n.AppendCheck(got, r.Check)
	default:
		got = n.AppendNode(got)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("node %s: appended %q, want %q", r.Node, got, want)
	}
}

func TestNodeRecordsOfRealSnapshots(t *testing.T) {
	var n NodeRecords
	seen := map[string]bool{}
	_, all := readAll(t, golden.StateBin(t, "consul-1.21.4/full.snap"))
	for _, raw := range all {
		if raw.Type != TypeRegister {
			continue
		}
		v, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		r := v.(*Register)
		seen["service"], seen["check"] = seen["service"] || r.Service != nil, seen["check"] || r.Check != nil
		wantSame(t, &n, r)
	}
	if !seen["service"] || !seen["check"] {
		t.Errorf("the snapshot has %v only", seen)
	}
}

// Fields that this version does not know move those that it knows.
func TestNodeRecordsWithUnknownFields(t *testing.T) {
	var n NodeRecords
	for _, extra := range []msgpack.Extra{
		nil,
		{{Key: "Aaa", Value: []byte{1}}, {Key: "Checkx", Value: []byte{0xc0}}, {Key: "Servicf", Value: []byte{0xc0}}, {Key: "Zzz", Value: []byte{3}}},
	} {
		node := Register{Node: "n", NodeMeta: map[string]string{"Check": "Service"}, PeerName: "peer", Extra: extra}
		wantSame(t, &n, &node)
		service, check := node, node
		service.Service = &NodeService{ID: "s", Service: "Service", Tags: []string{"Check"}}
		check.Check = &HealthCheck{CheckID: "c", Node: "n"}
		wantSame(t, &n, &service)
		wantSame(t, &n, &check)
	}
}
