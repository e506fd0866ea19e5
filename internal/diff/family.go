package diff

import (
	"slices"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// A family is a kind of objects, as filters and reports name it.
type family struct {
	word   string // in filters and JSON
	family string // of package object
	plural string
	record record.Type
}

// families are all that are known, in the order of reports.
var families = []family{
	{"kv", object.FamilyKey, "Keys", record.TypeKVS},
	{"node", object.FamilyNode, "Nodes", record.TypeRegister},
	{"service", object.FamilyService, "Services", record.TypeRegister},
	{"check", object.FamilyCheck, "Checks", record.TypeRegister},
	{"session", object.FamilySession, "Sessions", record.TypeSession},
	{"query", object.FamilyQuery, "Prepared queries", record.TypePreparedQuery},
	{"acl-token", object.FamilyToken, "ACL tokens", record.TypeACLToken},
	{"acl-policy", object.FamilyPolicy, "ACL policies", record.TypeACLPolicy},
	{"acl-role", object.FamilyRole, "ACL roles", record.TypeACLRole},
	{"acl-binding-rule", object.FamilyRule, "ACL binding rules", record.TypeACLBindingRule},
	{"acl-auth-method", object.FamilyMethod, "ACL auth methods", record.TypeACLAuthMethod},
	{"acl-bootstrap", object.FamilyIndex, "ACL bootstrap", record.TypeIndex},
	{"acl-legacy", object.FamilyLegacyACL, "Legacy ACLs", record.TypeLegacyACL},
	{"acl-legacy-bootstrap", object.FamilyBootstrap, "Legacy ACL bootstrap", record.TypeACLBootstrap},
	{"config", object.FamilyConfig, "Config entries", record.TypeConfigEntry},
	{"intention", object.FamilyIntention, "Intentions", record.TypeIntention},
	{"autopilot", object.FamilyAutopilot, "Autopilot configuration", record.TypeAutopilot},
	{"metadata", object.FamilyMetadata, "System metadata", record.TypeSystemMetadata},
	{"ca-root", object.FamilyRoot, "CA roots", record.TypeConnectCA},
	{"ca-state", object.FamilyCAState, "CA provider states", record.TypeCAProviderState},
	{"ca-config", object.FamilyCAConfig, "CA configuration", record.TypeCAConfig},
	{"federation-state", object.FamilyFederation, "Federation states", record.TypeFederationState},
	{"virtual-ip", object.FamilyVirtualIP, "Virtual IPs", record.TypeServiceVirtualIP},
	{"free-virtual-ip", object.FamilyFreeIP, "Free virtual IPs", record.TypeFreeVirtualIP},
	{"peering", object.FamilyPeering, "Peerings", record.TypePeering},
	{"peering-bundle", object.FamilyBundle, "Peering trust bundles", record.TypePeeringTrustBundle},
	{"peering-secret", object.FamilySecrets, "Peering secrets", record.TypePeeringSecrets},
	{"resource", object.FamilyResource, "Resources", record.TypeResource},
}

// unknown is the word for all objects of types of records that are not known.
const unknown = "unknown"

// familyNumber is the place of a family in the list, its length if it is not there.
func familyNumber(name string) int {
	for i := range families {
		if families[i].family == name {
			return i
		}
	}
	return len(families)
}

// Word is a family as filters name it.
func Word(name string) string {
	if i := familyNumber(name); i < len(families) {
		return families[i].word
	}
	return unknown
}

// Words are those of all families, in the order of reports.
func Words() []string {
	var all []string
	for _, f := range families {
		all = append(all, f.word)
	}
	return append(all, unknown)
}

// Plural is the heading of a family.
func Plural(name string) string {
	if i := familyNumber(name); i < len(families) {
		return families[i].plural
	}
	return name
}

// knownType tells whether records of a type hold objects of a family in the list.
func knownType(t record.Type) bool {
	return slices.ContainsFunc(families, func(f family) bool { return f.record == t })
}
