package acl

import (
	"slices"

	"github.com/lictor-dr/lictor/internal/record"
)

// Templates of templated policies whose rules are known, by ID and name.
const (
	ServiceTemplateID   = "00000000-0000-0000-0000-000000000003"
	ServiceTemplateName = "builtin/service"
	NodeTemplateID      = "00000000-0000-0000-0000-000000000004"
	NodeTemplateName    = "builtin/node"
)

// ServiceIdentity is the policy that the identity of a service implies: to register it and its sidecar proxy, and to discover others.
func ServiceIdentity(name string) *Policy {
	return &Policy{rules: []rule{
		{words["service"], name, full},
		{words["service"], name + "-sidecar-proxy", full},
		{words["service_prefix"], "", level(Read)},
		{words["node_prefix"], "", level(Read)},
	}}
}

// NodeIdentity is the policy that the identity of a node implies: to register the node, and to discover services.
func NodeIdentity(name string) *Policy {
	return &Policy{rules: []rule{
		{words["node"], name, full},
		{words["service_prefix"], "", level(Read)},
	}}
}

// TemplatedPolicy returns the policy that the use of a template implies, or false if it is not known what the template grants. Its
// datacenters are not looked at.
func TemplatedPolicy(t *record.ACLTemplatedPolicy) (*Policy, bool) {
	if t.TemplateVariables == nil || t.TemplateVariables.Name == "" {
		return nil, false // both templates need a name
	}
	is := func(id, name string) bool { return t.TemplateID == id || t.TemplateID == "" && t.TemplateName == name }
	switch name := t.TemplateVariables.Name; {
	case is(ServiceTemplateID, ServiceTemplateName):
		return ServiceIdentity(name), true
	case is(NodeTemplateID, NodeTemplateName):
		return NodeIdentity(name), true
	}
	return nil, false
}

// Applies reports whether a policy or an identity that is limited to datacenters holds in dc. No datacenters means no limit.
func Applies(datacenters []string, dc string) bool {
	return len(datacenters) == 0 || slices.Contains(datacenters, dc)
}
