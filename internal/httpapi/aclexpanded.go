package httpapi

import (
	"slices"

	"github.com/lictor-dr/lictor/internal/record"
)

// An expandedToken is a token with what its links stand for.
type expandedToken struct {
	ExpandedPolicies          []*record.ACLPolicy
	ExpandedRoles             []*record.ACLRole
	NamespaceDefaultPolicyIDs []string // none: namespaces are an Enterprise feature
	NamespaceDefaultRoleIDs   []string
	AgentACLDefaultPolicy     string
	AgentACLDownPolicy        string
	ResolvedByAgent           string
	*record.ACLToken
}

// expand looks up what a token links to, its roles' policies among them, each once. Identities and templates have no policy to show.
func (h *Handler) expand(t *record.ACLToken) expandedToken {
	store := h.backend.Store()
	expanded := expandedToken{
		ExpandedPolicies: []*record.ACLPolicy{}, ExpandedRoles: []*record.ACLRole{},
		AgentACLDefaultPolicy: h.cfg.DefaultACLPolicy, AgentACLDownPolicy: h.cfg.DownACLPolicy,
		ResolvedByAgent: h.backend.Self().Config.NodeName, ACLToken: t,
	}
	links := slices.Clone(t.Policies)
	for _, link := range t.Roles {
		if _, role := store.Role(nil, link.ID, ""); role != nil {
			expanded.ExpandedRoles = append(expanded.ExpandedRoles, role)
			links = append(links, role.Policies...)
		}
	}
	seen := map[string]bool{}
	for _, link := range links {
		if _, policy := store.Policy(nil, link.ID, ""); policy != nil && !seen[link.ID] {
			seen[link.ID] = true
			expanded.ExpandedPolicies = append(expanded.ExpandedPolicies, policy)
		}
	}
	return expanded
}
