package acl

import (
	"golang.org/x/crypto/blake2b"

	"github.com/lictor-dr/lictor/internal/record"
)

// content collects what a hash covers: strings, put together without separators.
type content []byte

func (c *content) add(parts ...string) {
	for _, s := range parts {
		*c = append(*c, s...)
	}
}

func (c *content) links(links []record.ACLLink) {
	for _, l := range links {
		c.add(l.ID)
	}
}

func (c *content) identities(services []record.ACLServiceIdentity, nodes []record.ACLNodeIdentity, ts []record.ACLTemplatedPolicy) {
	for _, s := range services {
		c.add(s.ServiceName)
		c.add(s.Datacenters...)
	}
	for _, n := range nodes {
		c.add(n.NodeName, n.Datacenter)
	}
	for _, t := range ts {
		c.add(t.TemplateID, t.TemplateName)
		if t.TemplateVariables != nil {
			c.add(t.TemplateVariables.Name)
		}
		c.add(t.Datacenters...)
	}
}

func (c *content) sum() []byte {
	sum := blake2b.Sum256(*c)
	return sum[:]
}

// HashToken returns the Hash of a token: BLAKE2b-256 over what a user can change of it.
func HashToken(t *record.ACLToken) []byte {
	var c content
	c.add(t.Description)
	if t.Local {
		c.add("local")
	} else {
		c.add("global")
	}
	c.links(t.Policies)
	c.links(t.Roles)
	c.identities(t.ServiceIdentities, t.NodeIdentities, t.TemplatedPolicies)
	return c.sum()
}

// HashPolicy returns the Hash of a policy: BLAKE2b-256 over its name, description, rules and datacenters.
func HashPolicy(p *record.ACLPolicy) []byte {
	var c content
	c.add(p.Name, p.Description, p.Rules)
	c.add(p.Datacenters...)
	return c.sum()
}

// HashRole returns the Hash of a role: BLAKE2b-256 over its name, description and what it grants.
func HashRole(r *record.ACLRole) []byte {
	var c content
	c.add(r.Name, r.Description)
	c.links(r.Policies)
	c.identities(r.ServiceIdentities, r.NodeIdentities, r.TemplatedPolicies)
	return c.sum()
}
