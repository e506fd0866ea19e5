package selective

import (
	"fmt"
	"slices"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/preparedquery"
	"github.com/lictor-dr/lictor/internal/record"
)

// spare says why an object of the datacenter is not removed although the source has it not; nothing if it may be. Keys may always be.
func (p *Plan) spare(o *object.Object, v *view) string {
	if o == nil {
		return ""
	}
	switch x := o.Value.(type) {
	case *record.ACLToken:
		switch x.AccessorID {
		case acl.AnonymousAccessorID:
			return "every cluster has the anonymous token"
		case v.self:
			return "it is the token that this command uses"
		}
		if x.SecretID == preparedquery.HiddenToken { // it could not be brought back
			return noSecrets
		}
	case *record.ACLPolicy:
		if builtin(x.ID) {
			return "it is built into the servers"
		}
		return p.linked(o, v)
	case *record.ACLRole:
		return p.linked(o, v)
	case object.Node:
		return p.spareNode(o, x, v)
	case object.Service:
		return p.spareService(x, v)
	case object.Check:
		if v.members[object.Fold(x.On.Node)] {
			return "its node is a member of the cluster: the agent there writes it back"
		}
	}
	return ""
}

// linked tells which tokens and roles would lose a right if a policy or role were removed.
func (p *Plan) linked(o *object.Object, v *view) string {
	id, n, example := idOf(o), 0, ""
	for _, holder := range v.some(object.FamilyRole, object.FamilyToken) {
		last := p.afterwards(holder)
		if last == nil {
			continue
		}
		if slices.ContainsFunc(linksOf(last, o.Family), func(l record.ACLLink) bool { return l.ID == id }) {
			n, example = n+1, holder.Family+" "+holder.Name
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("the %s links to it, and would lose it", example)
	}
	return fmt.Sprintf("%d tokens and roles link to it, and would lose it, such as the %s", n, example)
}

// afterwards is what an object will be once the plan is carried out, nil if it will be gone.
func (p *Plan) afterwards(o *object.Object) *object.Object {
	if want := p.wanted.objects[o.ID]; want != nil {
		return want
	}
	if p.live.objects[o.ID] == nil || !p.opts.Delete && !p.Undoing {
		return o
	}
	return nil
}

// linksOf are the links of a role or token to a family.
func linksOf(o *object.Object, family string) []record.ACLLink {
	switch x := o.Value.(type) {
	case *record.ACLRole:
		if family == object.FamilyPolicy {
			return x.Policies
		}
	case *record.ACLToken:
		if family == object.FamilyPolicy {
			return x.Policies
		}
		return x.Roles
	}
	return nil
}

// spareNode keeps members, and nodes with which something would go that is not named.
func (p *Plan) spareNode(o *object.Object, n object.Node, v *view) string {
	if v.members[object.Fold(n.Node)] {
		return "it is a member of the cluster, which registers it"
	}
	if v.partial[object.FamilyService] || v.partial[object.FamilyCheck] {
		return "the token may not see all that would go with it"
	}
	for _, x := range v.some(object.FamilyService, object.FamilyCheck) {
		if object.NodeID(onOf(x)) == o.ID && p.afterwards(x) != nil {
			return fmt.Sprintf("the %s %s would go with it, and is not to be removed", x.Family, x.Name)
		}
	}
	return ""
}

func (p *Plan) spareService(s object.Service, v *view) string {
	if v.members[object.Fold(s.On.Node)] {
		return "its node is a member of the cluster: the agent there writes it back"
	}
	if v.partial[object.FamilyCheck] {
		return "the token may not see all checks that would go with it"
	}
	for _, x := range v.some(object.FamilyCheck) {
		c := x.Value.(object.Check)
		if object.NodeID(c.On) == object.NodeID(s.On) && object.Fold(c.ServiceID) == object.Fold(s.ID) && p.afterwards(x) != nil {
			return fmt.Sprintf("the check %s would go with it, and is not named", x.Name)
		}
	}
	return ""
}

// onOf is the node of what is registered.
func onOf(o *object.Object) *record.Register {
	switch x := o.Value.(type) {
	case object.Service:
		return x.On
	case object.Check:
		return x.On
	}
	return o.Value.(object.Node).Register
}
