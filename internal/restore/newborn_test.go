package restore

import (
	"bytes"
	"testing"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// server is what a server of a newborn cluster registers of itself.
func server(name string) []any {
	return []any{
		&record.Register{Node: name, Datacenter: "dc1"},
		&record.Register{Node: name, Datacenter: "dc1", Service: &record.NodeService{ID: "consul", Service: "consul"}},
		&record.Register{Node: name, Datacenter: "dc1", Check: &record.HealthCheck{Node: name, CheckID: serfHealth}},
	}
}

// What a newborn cluster writes by itself is worth no safety snapshot; everything else is.
func TestNewborn(t *testing.T) {
	policies := acl.BuiltinPolicies()
	old := *policies[0]
	old.Rules = "as it was in another version"
	renamed := *policies[0]
	renamed.Name = "mine"
	granted := acl.AnonymousToken()
	granted.Policies = []record.ACLLink{{ID: acl.GlobalManagementID}}
	gateways := func(names ...string) *record.Opaque {
		return &record.Opaque{Type: record.TypeFederationState, Value: federation(names)}
	}
	with := func(more ...any) []any { return append(server("s1"), more...) }
	for _, c := range []struct {
		name   string
		values []any
		empty  bool
	}{
		{"nothing at all", nil, true},
		{"a server", server("s1"), true},
		{"two servers", append(server("s1"), server("s2")...), true},
		{"a server in another spelling", append(server("S1")[:1], server("s1")[1:]...), true},
		{"autopilot", with(&record.Autopilot{}), true},
		{"system metadata", with(&record.SystemMetadata{Key: "server-management-token", Value: "x"}), true},
		{"coordinates", with(&record.Coordinates{{Node: "s1"}}), true},
		{"the table of indexes", with(&record.Index{Key: "kvs", Value: 7}), true},
		{"built-in policies", with(policies[0], policies[1]), true},
		{"a built-in policy of another version", with(&old), true},
		{"the anonymous token", with(acl.AnonymousToken()), true},
		{"the mesh's certificate authority", with(&record.Opaque{Type: record.TypeConnectCA, Value: msgpack.AppendNil(nil)},
			&record.Opaque{Type: record.TypeCAProviderState, Value: msgpack.AppendNil(nil)},
			&record.Opaque{Type: record.TypeCAConfig, Value: msgpack.AppendNil(nil)}), true},
		{"the federation state of its own datacenter", with(gateways()), true},

		{"a key", with(&record.KVEntry{Key: "a"}), false},
		{"a tombstone", with(&record.Tombstone{Key: "a"}), false},
		{"a session", with(&record.Session{ID: "s"}), false},
		{"a prepared query", with(&record.PreparedQuery{ID: "q"}), false},
		{"a token", with(&record.ACLToken{AccessorID: "a", SecretID: "b"}), false},
		{"rights of the anonymous token", with(granted), false},
		{"a policy", with(&record.ACLPolicy{ID: "p", Name: "p"}), false},
		{"a built-in policy under another name", with(&renamed), false},
		{"a role", with(&record.ACLRole{ID: "r"}), false},
		{"an auth method", with(&record.ACLAuthMethod{Name: "m"}), false},
		{"a binding rule", with(&record.ACLBindingRule{ID: "b"}), false},
		{"a node", with(&record.Register{Node: "n"}), false},
		{"a node with an agent", with(&record.Register{Node: "n"}, &record.Register{Node: "n", Check: &record.HealthCheck{CheckID: serfHealth}}), false},
		{"a service", with(&record.Register{Node: "s1", Service: &record.NodeService{ID: "web", Service: "web"}}), false},
		{"a check", with(&record.Register{Node: "s1", Check: &record.HealthCheck{CheckID: "disk"}}), false},
		{"a service called consul without an agent", with(server("n")[:2]...), false},
		{"a node of a peer", with(&record.Register{Node: "s1", PeerName: "p"}), false},
		{"a config entry", with(&record.Opaque{Type: record.TypeConfigEntry}), false},
		{"an intention", with(&record.Opaque{Type: record.TypeIntention}), false},
		{"a federation state with gateways", with(gateways("g")), false},
		{"a federation state that cannot be read", with(&record.Opaque{Type: record.TypeFederationState, Value: msgpack.Raw{0xc1}}), false},
		{"a virtual address", with(&record.Opaque{Type: record.TypeServiceVirtualIP}), false},
		{"a resource", with(&record.Opaque{Type: record.TypeResource}), false},
		{"a type that is not known", with(&record.Opaque{Type: 99}), false},
		{"what could not be decoded", with(nil), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNewborn()
			for _, v := range c.values {
				n.add(v)
			}
			if n.empty() != c.empty {
				t.Errorf("empty: %t", n.empty())
			}
		})
	}
}

// federation is a federation state.
func federation(gateways []string) msgpack.Raw {
	type state struct {
		Datacenter   string
		MeshGateways []string
	}
	return msgpack.Append(nil, struct {
		Datacenter string
		State      state
	}{"dc1", state{"dc1", gateways}})
}

// Real clusters: one that was just started, and two that were used.
func TestNewbornOfRealArchives(t *testing.T) {
	for name, empty := range map[string]bool{"empty": true, "kv": false, "full": false, "large-kv": false} {
		n := newNewborn()
		look := func(_ record.Raw, value any) error {
			n.add(value)
			return nil
		}
		if _, err := backup.Verify(t.Context(), bytes.NewReader(golden.Read(t, "consul-1.21.4/"+name+".snap")), backup.Options{Visit: look}); err != nil {
			t.Fatal(err)
		}
		if n.empty() != empty || name == "empty" && n.datacenter() != "dc1" {
			t.Errorf("%s: empty %t, datacenter %q", name, n.empty(), n.datacenter())
		}
	}
}
