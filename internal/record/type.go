package record

import (
	"fmt"
	"strconv"
)

// A Type is the first byte of a record: what kind of thing it is. The same numbers name the entries of Consul's Raft log.
type Type uint8

// The types of records that Consul 1.21.4 writes or has ever written into snapshots, and those that only its log knows.
const (
	TypeRegister           Type = 0
	TypeDeregister         Type = 1
	TypeKVS                Type = 2
	TypeSession            Type = 3
	TypeLegacyACL          Type = 4
	TypeTombstone          Type = 5
	TypeCoordinates        Type = 6
	TypePreparedQuery      Type = 7
	TypeTxn                Type = 8
	TypeAutopilot          Type = 9
	TypeArea               Type = 10
	TypeACLBootstrap       Type = 11
	TypeIntention          Type = 12
	TypeConnectCA          Type = 13
	TypeCAProviderState    Type = 14
	TypeCAConfig           Type = 15
	TypeIndex              Type = 16
	TypeACLToken           Type = 17
	TypeACLTokenDelete     Type = 18
	TypeACLPolicy          Type = 19
	TypeACLPolicyDelete    Type = 20
	TypeConfigEntry        Type = 22
	TypeACLRole            Type = 23
	TypeACLRoleDelete      Type = 24
	TypeACLBindingRule     Type = 25
	TypeACLAuthMethod      Type = 27
	TypeChunkingState      Type = 29
	TypeFederationState    Type = 30
	TypeSystemMetadata     Type = 31
	TypeServiceVirtualIP   Type = 32
	TypeFreeVirtualIP      Type = 33
	TypePeering            Type = 35
	TypePeeringTrustBundle Type = 38
	TypePeeringSecrets     Type = 40
	TypeResource           Type = 42
)

// typeNames are the names that snapshot inspect prints.
var typeNames = map[Type]string{
	0: "Register", 1: "Deregister", 2: "KVS", 3: "Session", 4: "ACL", 5: "Tombstone", 6: "CoordinateBatchUpdate",
	7: "PreparedQuery", 8: "Txn", 9: "Autopilot", 10: "Area", 11: "ACLBootstrap", 12: "Intention", 13: "ConnectCA",
	14: "ConnectCAProviderState", 15: "ConnectCAConfig", 16: "Index", 17: "ACLToken", 18: "ACLTokenDelete",
	19: "ACLPolicy", 20: "ACLPolicyDelete", 21: "ConnectCALeaf", 22: "ConfigEntry", 23: "ACLRole", 24: "ACLRoleDelete",
	25: "ACLBindingRule", 26: "ACLBindingRuleDelete", 27: "ACLAuthMethod", 28: "ACLAuthMethodDelete", 29: "ChunkingState",
	30: "FederationState", 31: "SystemMetadata", 32: "ServiceVirtualIP", 33: "FreeVirtualIP", 34: "KindServiceName",
	35: "Peering", 36: "PeeringDelete", 38: "PeeringTrustBundle", 39: "PeeringTrustBundleDelete", 40: "PeeringSecret",
	41: "RaftLogVerifierCheckpoint", 42: "Resource", 43: "UpdateManualVirtualIPRequestType",
}

// String is the name that snapshot inspect prints, Unknown(N) for a type without one.
func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("Unknown(%d)", uint8(t))
}

// ParseType reads a type given by its number, as on a command line.
func ParseType(s string) (Type, error) {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("record type %q: must be a number from 0 to 255", s)
	}
	return Type(n), nil
}

// WriteOrder is the order in which Consul writes the families of a snapshot, and in which a restore may rely on them: virtual IPs
// before registrations, nodes before services before checks, Index records after what they describe.
var WriteOrder = []Type{
	TypeServiceVirtualIP, TypeFreeVirtualIP, TypeRegister, TypeCoordinates, TypeSession, TypeACLToken, TypeACLPolicy,
	TypeACLRole, TypeACLBindingRule, TypeACLAuthMethod, TypeKVS, TypeTombstone, TypePreparedQuery, TypeAutopilot,
	TypeIntention, TypeConnectCA, TypeCAProviderState, TypeCAConfig, TypeConfigEntry, TypeFederationState,
	TypeSystemMetadata, TypeIndex, TypePeering, TypePeeringTrustBundle, TypePeeringSecrets, TypeResource, TypeChunkingState,
}

// rank is the place of each type in WriteOrder, or -1 for a type that Consul 1.21.4 Community Edition neither writes nor restores.
var rank = func() (r [256]int8) {
	for i := range r {
		r[i] = -1
	}
	for i, t := range WriteOrder {
		r[t] = int8(i)
	}
	return r
}()

// Rank is the place of t in [WriteOrder], or -1 if it has none.
func (t Type) Rank() int { return int(rank[t]) }

// Restorable tells whether a Consul 1.21.4 server restores records of this type; any other kills it.
func (t Type) Restorable() bool { return rank[t] >= 0 }

// Legacy tells whether t belongs to the ACL system of Consul 1.3 and before, which nothing since 1.15 restores. Such records
// can be left out of a restore without harm to the rest.
func (t Type) Legacy() bool { return t == TypeLegacyACL || t == TypeACLBootstrap }
