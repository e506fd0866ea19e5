package comparison

import (
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/record"
)

func TestACLs(t *testing.T) {
	past, future := time.Unix(1000, 0), time.Unix(3000, 0)
	expiring := func(accessor string, at time.Time) *record.ACLToken {
		x := token(accessor, "", 50)
		x.ExpirationTime = &at
		return x
	}
	linked := func(name string) *record.ACLToken {
		x := token("t", "", 50)
		x.Policies = []record.ACLLink{{ID: "p", Name: name}}
		return x
	}
	hashed := token("t", "", 50)
	hashed.Hash = []byte{1, 2}
	builtin := func(rules string, at uint64) *record.ACLPolicy {
		return &record.ACLPolicy{ID: acl.GlobalManagementID, Name: acl.GlobalManagementName, Rules: rules, CreateIndex: 3, ModifyIndex: at}
	}
	anonymous := acl.AnonymousToken()
	anonymous.CreateIndex, anonymous.ModifyIndex = 102, 102
	present := Expect{At: time.Unix(2000, 0)}
	since := index("acl-tokens", 105)
	for _, c := range []comparisonCase{
		{"a token changed since", []any{token("t", "a", 50)}, []any{token("t", "b", 101)}, Expect{}, "since: changed ACL token t @101"},
		{"a token changed without its index", []any{token("t", "a", 50)}, []any{token("t", "b", 50)}, Expect{}, "changed ACL token t"},
		{"another secret", []any{token("t", "a", 50)}, []any{secret(token("t", "a", 50))}, Expect{}, "changed ACL token t"},
		{"a link has another name", []any{linked("one")}, []any{linked("two")}, Expect{}, ""},
		{"a link is gone", []any{linked("one")}, []any{token("t", "", 50)}, Expect{}, "changed ACL token t"},
		{"a hash was computed", []any{token("t", "", 50)}, []any{hashed}, Expect{}, ""},
		{"a token expired", []any{expiring("t", past)}, nil, present, "reaped: deleted ACL token t @0 (token expired)"},
		{"a token has not expired", []any{expiring("t", future)}, nil, present, "missing ACL token t"},
		{"a token has expired and is there", []any{expiring("t", past)}, []any{expiring("t", past)}, present, ""},
		{"a token is gone, others were written", []any{token("t", "", 50)}, []any{since}, Expect{}, "missing ACL token t"},
		{"a token is gone that the primary does not have", []any{token("t", "", 50)}, []any{since}, Expect{ACLsReplicated: true},
			"reaped: deleted ACL token t @105 (not in the primary datacenter)"},
		{"a local token is gone", []any{local(token("t", "", 50))}, []any{since}, Expect{ACLsReplicated: true}, "missing ACL token t"},
		{"the anonymous token is added", nil, []any{anonymous}, Expect{},
			"replaced: added ACL token " + acl.AnonymousAccessorID + " @102 (written by the servers)"},
		{"the initial management token is added", nil, []any{token("m", initialManagement, 102)}, Expect{},
			"replaced: added ACL token m @102 (written by the servers)"},
		{"the initial management token is changed", []any{token("m", initialManagement, 5)},
			[]any{local(token("m", initialManagement, 102))}, Expect{},
			"since: changed ACL token m @102"},
		{"a token is gone, and nothing was written", []any{token("t", "", 50)}, []any{index("acl-tokens", 50)}, Expect{ACLsReplicated: true},
			"missing ACL token t"},
		{"a built-in policy is renewed", []any{builtin("old", 3)}, []any{builtin("new", 102)}, Expect{},
			"replaced: changed ACL policy global-management @102 (written by the servers)"},
		{"a built-in policy is damaged", []any{builtin("old", 3)}, []any{builtin("new", 3)}, Expect{}, "changed ACL policy global-management"},
		{"ACLs have been bootstrapped since", nil, []any{index("acl-token-bootstrap", 102)}, Expect{},
			"replaced: added index acl-token-bootstrap @102 (written by the servers)"},
		{"ACLs can be bootstrapped again", []any{index("acl-token-bootstrap", 9)}, nil, Expect{}, "missing index acl-token-bootstrap"},
		{"another reset index", []any{index("acl-token-bootstrap", 9)}, []any{index("ACL-token-bootstrap", 8)}, Expect{},
			"changed index acl-token-bootstrap"},
		{"legacy ACLs were left out", []any{opaqueMap(record.TypeLegacyACL, "ID", "secret"), key("a", "", 50)}, []any{key("a", "", 50)},
			Expect{Dropped: []record.Type{record.TypeLegacyACL}}, ""},
		{"legacy ACLs are gone", []any{opaqueMap(record.TypeLegacyACL, "ID", "secret", "Name", "ops")}, nil, Expect{}, "missing legacy ACL ops"},
	} {
		t.Run(c.name, c.run)
	}
}

func secret(x *record.ACLToken) *record.ACLToken {
	x.SecretID = "another"
	return x
}

func local(x *record.ACLToken) *record.ACLToken {
	x.Local = true
	return x
}

func TestServersOwn(t *testing.T) {
	metadata := func(name, value string, at uint64) *record.SystemMetadata {
		return &record.SystemMetadata{Key: name, Value: value, CreateIndex: 4, ModifyIndex: at}
	}
	autopilot := record.DefaultAutopilot()
	autopilot.CreateIndex, autopilot.ModifyIndex = 102, 102
	federation := func(at uint64) *record.Opaque {
		state := opaqueMap(0, "Datacenter", "dc1", "ModifyIndex", at).Value
		return opaqueMap(record.TypeFederationState, "Op", "upsert", "State", state)
	}
	for _, c := range []comparisonCase{
		{"the secret is replaced", []any{metadata("server-management-token", "a", 4)},
			[]any{metadata("server-management-token", "b", 103)}, Expect{},
			"replaced: changed system metadata entry server-management-token @103 (written by the servers)"},
		{"the secret is added", nil, []any{metadata("server-management-token", "b", 103)}, Expect{},
			"replaced: added system metadata entry server-management-token @103 (written by the servers)"},
		{"the secret changed without its index", []any{metadata("server-management-token", "a", 4)},
			[]any{metadata("server-management-token", "b", 4)},
			Expect{}, "changed system metadata entry server-management-token"},
		{"other metadata is changed", []any{metadata("virtual-ips", "true", 4)}, []any{metadata("virtual-ips", "false", 103)}, Expect{},
			"since: changed system metadata entry virtual-ips @103"},
		{"autopilot's configuration is provided", nil, []any{&autopilot}, Expect{},
			"replaced: added autopilot configuration  @102 (written by the servers)"},
		{"a CA is made", nil, []any{opaqueMap(record.TypeConnectCA, "ID", "x", "Name", "root", "ModifyIndex", uint64(104))}, Expect{},
			"replaced: added CA root root @104 (written by the servers)"},
		{"a CA is rotated", []any{opaqueMap(record.TypeConnectCA, "ID", "x", "Active", true, "ModifyIndex", uint64(4))},
			[]any{opaqueMap(record.TypeConnectCA, "ID", "x", "Active", false, "ModifyIndex", uint64(104))}, Expect{},
			"since: changed CA root x @104"},
		{"a federation state", []any{federation(4)}, []any{federation(104)}, Expect{},
			"replaced: changed federation state dc1 @104 (written by the servers)"},
		{"a federation state without its index", []any{federation(4)}, []any{federation(5)}, Expect{}, "changed federation state dc1"},
		{"intentions get the form of today",
			[]any{opaqueMap(record.TypeIntention, "ID", "i", "SourceName", "a", "DestinationName", "b", "ModifyIndex", uint64(4))},
			[]any{configEntryOf("service-intentions", "b", 105, false), index("config-entries", 105)}, Expect{},
			"replaced: added config entry service-intentions/b @105 (written by the servers)\n" +
				"replaced: deleted intention a to b @105 (turned into its form of today)"},
	} {
		t.Run(c.name, c.run)
	}
}
