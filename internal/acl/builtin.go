package acl

import (
	"strings"

	"github.com/lictor-dr/lictor/internal/record"
)

// What every cluster with ACLs has.
const (
	GlobalManagementID   = "00000000-0000-0000-0000-000000000001"
	GlobalManagementName = "global-management"
	GlobalReadOnlyID     = "00000000-0000-0000-0000-000000000002"
	GlobalReadOnlyName   = "builtin/global-read-only"
	AnonymousAccessorID  = "00000000-0000-0000-0000-000000000002" // a token's; a policy has the same ID
	AnonymousSecretID    = "anonymous"
)

// globalRules is the rules of a global policy for ACCESS. The bytes count: the hash covers them.
const globalRules = `
acl = "ACCESS"
agent_prefix "" {
	policy = "ACCESS"
}
event_prefix "" {
	policy = "ACCESS"
}
key_prefix "" {
	policy = "ACCESS"
}
keyring = "ACCESS"
node_prefix "" {
	policy = "ACCESS"
}
operator = "ACCESS"
mesh = "ACCESS"
peering = "ACCESS"
query_prefix "" {
	policy = "ACCESS"
}
service_prefix "" {
	policy = "ACCESS"
	intentions = "ACCESS"
}
session_prefix "" {
	policy = "ACCESS"
}`

// BuiltinPolicies returns new copies of the policies that every cluster has, with hashes and without indexes: global-management and
// builtin/global-read-only.
func BuiltinPolicies() []*record.ACLPolicy {
	policies := []*record.ACLPolicy{{
		ID:          GlobalManagementID,
		Name:        GlobalManagementName,
		Description: "A built-in policy that grants read and write access to all Consul features",
		Rules:       strings.ReplaceAll(globalRules, "ACCESS", Write.String()),
	}, {
		ID:          GlobalReadOnlyID,
		Name:        GlobalReadOnlyName,
		Description: "A built-in policy that grants read-only access to all Consul features",
		Rules:       strings.ReplaceAll(globalRules, "ACCESS", Read.String()),
	}}
	for _, p := range policies {
		p.Hash = HashPolicy(p)
	}
	return policies
}

// AnonymousToken returns a new copy of the token that stands for requests without one, with its hash. CreateTime and indexes are for
// the caller to set.
func AnonymousToken() *record.ACLToken {
	t := &record.ACLToken{AccessorID: AnonymousAccessorID, SecretID: AnonymousSecretID, Description: "Anonymous Token"}
	t.Hash = HashToken(t)
	return t
}
