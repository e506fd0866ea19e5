package selective

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/preparedquery"
	"github.com/lictor-dr/lictor/internal/record"
)

// A view is what a datacenter has beside keys.
type view struct {
	byID   map[object.ID]*object.Object
	byName map[string]*object.Object // policies, roles and queries by their family and name
	secret map[string]*object.Object // tokens
	order  []*object.Object

	self    string            // accessor of the token in use, empty if it has none
	members map[string]bool   // nodes, folded, that have an agent of the cluster
	shut    map[string]string // families that cannot be looked at, and why
	partial map[string]bool   // families of which the token may not see all
}

func newView() *view {
	return &view{byID: map[object.ID]*object.Object{}, byName: map[string]*object.Object{}, secret: map[string]*object.Object{},
		members: map[string]bool{}, shut: map[string]string{}, partial: map[string]bool{}}
}

// nameKey is under which an object stands that goes by its name, too.
func nameKey(family, name string) string { return family + "\x00" + object.Fold(name) }

// add takes an object in.
func (v *view) add(o *object.Object) {
	v.byID[o.ID] = o
	v.order = append(v.order, o)
	switch x := o.Value.(type) {
	case *record.ACLToken:
		v.secret[x.SecretID] = o
	case *record.ACLPolicy:
		v.byName[nameKey(o.Family, x.Name)] = o
	case *record.ACLRole:
		v.byName[nameKey(o.Family, x.Name)] = o
	case *record.PreparedQuery:
		if x.Name != "" {
			v.byName[nameKey(o.Family, x.Name)] = o
		}
	}
}

// addValue takes in what the API has shown.
func (v *view) addValue(family string, value any) error {
	o, err := objectOf(family, value)
	if err != nil {
		return err
	}
	if o, err = normalObject(o); err != nil {
		return err
	}
	v.add(o)
	return nil
}

// aclsOff is the reason why no ACL is brought back.
const aclsOff = "ACLs are off in the datacenter"

// look reads what a scope needs beside keys.
func (p *Plan) look(ctx context.Context) (*view, error) {
	v := newView()
	f := p.scope.families
	for _, read := range []struct {
		needed bool
		family string
		do     func(context.Context, *view) error
	}{
		{f[object.FamilyPolicy] || f[object.FamilyRole] || f[object.FamilyToken], object.FamilyPolicy, p.lookPolicies},
		{f[object.FamilyPolicy] || f[object.FamilyRole] || f[object.FamilyToken], object.FamilyRole, p.lookRoles},
		{f[object.FamilyPolicy] || f[object.FamilyRole] || f[object.FamilyToken], object.FamilyToken, p.lookTokens},
		{f[object.FamilyQuery], object.FamilyQuery, p.lookQueries},
		{f[object.FamilyNode] || f[object.FamilyService] || f[object.FamilyCheck], object.FamilyNode, p.lookCatalog},
	} {
		if !read.needed {
			continue
		}
		err := read.do(ctx, v)
		if status(err) == http.StatusUnauthorized {
			v.shut[read.family] = aclsOff
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the datacenter: %w%s", err, readAdvice(err))
		}
	}
	for _, family := range slices.Sorted(maps.Keys(v.partial)) {
		p.warn(fmt.Sprintf("the token may not see every %s of the datacenter; one that it may not see looks as if it were missing", family))
	}
	return v, nil
}

// lookPolicies reads policies. Lists have no rules: those of the policies that matter are read one by one.
func (p *Plan) lookPolicies(ctx context.Context, v *view) error {
	var list []*record.ACLPolicy
	if _, err := p.target.get(ctx, "/v1/acl/policies", &list); err != nil {
		return err
	}
	for _, entry := range list {
		o, err := objectOf(object.FamilyPolicy, entry)
		if err != nil {
			return err
		}
		if !p.scope.matters(o) {
			v.add(o)
			continue
		}
		whole := new(record.ACLPolicy)
		_, err = p.target.get(ctx, "/v1/acl/policy/"+url.PathEscape(entry.ID), whole)
		if status(err) == http.StatusNotFound {
			continue // it is gone by now
		}
		if err != nil {
			return err
		}
		if err := v.addValue(object.FamilyPolicy, whole); err != nil {
			return err
		}
	}
	return nil
}

// matters tells whether an object is meant, or may be the one that the source has.
func (s *scope) matters(o *object.Object) bool {
	if s.object(o) || s.wants[nameKey(o.Family, o.Name)] {
		return true
	}
	p, ok := o.Value.(*record.ACLPolicy)
	return ok && s.wants[nameKey(o.Family, p.ID)]
}

func (p *Plan) lookRoles(ctx context.Context, v *view) error {
	var list []*record.ACLRole
	if _, err := p.target.get(ctx, "/v1/acl/roles", &list); err != nil {
		return err
	}
	for _, role := range list {
		if err := v.addValue(object.FamilyRole, role); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) lookTokens(ctx context.Context, v *view) error {
	var list []*record.ACLToken
	if _, err := p.target.get(ctx, "/v1/acl/tokens", &list); err != nil {
		return err
	}
	for _, token := range list {
		if err := v.addValue(object.FamilyToken, token); err != nil {
			return err
		}
	}
	var self record.ACLToken
	if _, err := p.target.get(ctx, "/v1/acl/token/self", &self); err == nil {
		v.self = self.AccessorID
	}
	return nil
}

func (p *Plan) lookQueries(ctx context.Context, v *view) error {
	var list []json.RawMessage
	filtered, err := p.target.get(ctx, "/v1/query", &list)
	if err != nil {
		return err
	}
	if filtered {
		v.partial[object.FamilyQuery] = true
	}
	for _, text := range list {
		q, err := decodeQuery(text)
		if err != nil {
			return err
		}
		if err := v.addValue(object.FamilyQuery, q); err != nil {
			return err
		}
	}
	return nil
}

// decodeQuery reads a query as the API shows it, with its indexes.
func decodeQuery(text []byte) (*record.PreparedQuery, error) {
	q, err := preparedquery.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	var at struct{ CreateIndex, ModifyIndex uint64 }
	if err := json.Unmarshal(text, &at); err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	q.CreateIndex, q.ModifyIndex = at.CreateIndex, at.ModifyIndex
	return q, nil
}

// serfHealth is the check by which an agent shows that it is a member of the cluster.
const serfHealth = "serfHealth"

// A nodeForm is a node as the catalog shows it.
type nodeForm struct {
	ID, Node, Address, Datacenter string
	TaggedAddresses, Meta         map[string]string
	PeerName                      string
	CreateIndex, ModifyIndex      uint64
}

func (n *nodeForm) register() *record.Register {
	return &record.Register{ID: n.ID, Node: n.Node, Address: n.Address, Datacenter: n.Datacenter, TaggedAddresses: n.TaggedAddresses,
		NodeMeta: n.Meta, PeerName: n.PeerName, CreateIndex: n.CreateIndex, ModifyIndex: n.ModifyIndex}
}

// lookCatalog reads nodes, what is registered on them, and who is a member.
func (p *Plan) lookCatalog(ctx context.Context, v *view) error {
	var nodes []*nodeForm
	filtered, err := p.target.get(ctx, "/v1/catalog/nodes", &nodes)
	if err != nil {
		return err
	}
	v.partial[object.FamilyNode] = filtered
	registers := map[string]*record.Register{}
	for _, n := range nodes {
		r := n.register()
		registers[object.Fold(r.Node)] = r
		if err := v.addValue(object.FamilyNode, r); err != nil {
			return err
		}
	}
	for _, n := range nodes {
		if err := p.lookServices(ctx, v, n.register()); err != nil {
			return err
		}
	}
	if err := p.lookChecks(ctx, v, registers); err != nil {
		return err
	}
	for family, partly := range v.partial {
		if !partly {
			delete(v.partial, family)
		}
	}
	return nil
}

func (p *Plan) lookServices(ctx context.Context, v *view, on *record.Register) error {
	var answer struct{ Services []*record.NodeService }
	filtered, err := p.target.get(ctx, "/v1/catalog/node-services/"+url.PathEscape(on.Node), &answer)
	if err != nil {
		return err
	}
	v.partial[object.FamilyService] = v.partial[object.FamilyService] || filtered
	for _, s := range answer.Services {
		r := *on
		r.Service = s
		if err := v.addValue(object.FamilyService, &r); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) lookChecks(ctx context.Context, v *view, on map[string]*record.Register) error {
	var checks []*record.HealthCheck
	filtered, err := p.target.get(ctx, "/v1/health/state/any", &checks)
	if err != nil {
		return err
	}
	v.partial[object.FamilyCheck] = filtered
	for _, c := range checks {
		if c.CheckID == serfHealth {
			v.members[object.Fold(c.Node)] = true
		}
		node := on[object.Fold(c.Node)]
		if node == nil {
			continue // it is gone by now, or not to be seen
		}
		r := *node
		r.Check = c
		if err := v.addValue(object.FamilyCheck, &r); err != nil {
			return err
		}
	}
	return nil
}

// some are those of the families.
func (v *view) some(families ...string) (all []*object.Object) {
	for _, o := range v.order {
		if slices.Contains(families, o.Family) {
			all = append(all, o)
		}
	}
	return all
}
