package selective

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/preparedquery"
	"github.com/lictor-dr/lictor/internal/record"
)

// links are the names of the policies and roles of a source, by family and ID.
type links map[string]string

// learn notes the name of a policy or role.
func (l links) learn(o *object.Object) {
	switch v := o.Value.(type) {
	case *record.ACLPolicy:
		l[nameKey(o.Family, v.ID)] = v.Name
	case *record.ACLRole:
		l[nameKey(o.Family, v.ID)] = v.Name
	}
}

// A settler makes of objects of a source what they are to be in a datacenter: with the IDs that they have there.
type settler struct {
	view       *view
	names      links
	datacenter string
	now        time.Time
	ids        map[object.ID]bool // what will be there
	note       func(family, name, reason string)
}

// settle takes what is meant of the source into the wanted state, and what the datacenter has of it into the live one.
func (p *Plan) settle(objects []*object.Object, names links, v *view) error {
	p.sources, p.names = objects, names
	s := &settler{view: v, names: names, datacenter: p.Cluster.Datacenter, now: p.opts.now(), ids: map[object.ID]bool{}, note: p.note}
	for _, family := range families {
		for _, o := range objects {
			if o.Family != family {
				continue
			}
			p.Meant++
			settled, reason, err := s.settle(o)
			if err != nil {
				return err
			}
			if reason != "" {
				p.Meant--
				p.note(o.Family, o.Name, reason)
				p.skipped(s, o)
				continue
			}
			if s.ids[settled.ID] {
				return fmt.Errorf("the source has two of the %s %s", o.Family, o.Name)
			}
			s.ids[settled.ID] = true
			if err := p.want(settled); err != nil {
				return err
			}
		}
	}
	return p.alive(v)
}

// skipped remembers what is not touched in either way.
func (p *Plan) skipped(s *settler, o *object.Object) {
	if now := s.counterpart(o); now != nil {
		if p.untouched == nil {
			p.untouched = map[object.ID]bool{}
		}
		p.untouched[now.ID] = true
	}
}

// want takes a settled object into the wanted state.
func (p *Plan) want(o *object.Object) error {
	p.wanted.objects[o.ID] = o
	return p.wanted.add(o.ID, recordOf(o))
}

// alive takes what matters of a view into the live state.
func (p *Plan) alive(v *view) error {
	for _, o := range v.order {
		if p.wanted.objects[o.ID] == nil && (!p.scope.families[o.Family] || !p.scope.object(o)) || p.untouched[o.ID] {
			continue
		}
		p.live.objects[o.ID] = o
		if err := p.live.add(o.ID, recordOf(o)); err != nil {
			return err
		}
	}
	return nil
}

// counterpart is what the datacenter has in the place of an object of a source, nil for none.
func (s *settler) counterpart(o *object.Object) *object.Object {
	if now := s.view.byID[o.ID]; now != nil {
		return now
	}
	switch v := o.Value.(type) {
	case *record.ACLToken:
		if v.AccessorID == "" && v.SecretID != "" {
			return s.view.secret[v.SecretID]
		}
	case *record.ACLPolicy:
		return s.view.byName[nameKey(o.Family, v.Name)]
	case *record.ACLRole:
		return s.view.byName[nameKey(o.Family, v.Name)]
	case *record.PreparedQuery:
		if v.Name != "" {
			return s.view.byName[nameKey(o.Family, v.Name)]
		}
		return s.nameless(v)
	}
	return nil
}

// nameless is the query of the datacenter that has no name and the content of q, nil for none.
func (s *settler) nameless(q *record.PreparedQuery) *object.Object {
	for _, o := range s.view.some(object.FamilyQuery) {
		if o.Value.(*record.PreparedQuery).Name != "" {
			continue
		}
		if same, err := sameQuery(o, q); err == nil && same {
			return o
		}
	}
	return nil
}

// settle makes of an object what it is to be, or says why it cannot be.
func (s *settler) settle(o *object.Object) (settled *object.Object, reason string, err error) {
	if reason := s.view.shut[shutBy(o.Family)]; reason != "" {
		return nil, reason, nil
	}
	value, err := normalValue(o.Value)
	if err != nil {
		return nil, "", fmt.Errorf("%s %s: %w", o.Family, o.Name, err)
	}
	now := s.counterpart(o)
	switch x := value.(type) {
	case *record.ACLPolicy:
		reason = s.policy(x, now)
	case *record.ACLRole:
		reason = s.role(x, now)
	case *record.ACLToken:
		reason = s.token(x, now)
	case *record.PreparedQuery:
		reason = s.query(x, now)
	case *record.Register:
		reason = s.registration(o.Family, x, now)
	}
	if reason != "" {
		return nil, reason, nil
	}
	settled, err = objectOf(o.Family, value)
	return settled, "", err
}

// shutBy is the family whose reading tells whether another one can be looked at.
func shutBy(family string) string {
	switch family {
	case object.FamilyRole, object.FamilyToken:
		return object.FamilyPolicy
	}
	return family
}

func (s *settler) policy(p *record.ACLPolicy, now *object.Object) string {
	if now != nil {
		live := now.Value.(*record.ACLPolicy)
		if builtin(live.ID) {
			*p = *live // it is the servers' own
			return ""
		}
		p.ID = live.ID
	} else if builtin(p.ID) {
		return "it is built into the servers, and those of the datacenter have none"
	}
	return ""
}

func builtin(policy string) bool {
	return policy == acl.GlobalManagementID || policy == acl.GlobalReadOnlyID
}

func (s *settler) role(r *record.ACLRole, now *object.Object) (reason string) {
	if now != nil {
		r.ID = now.Value.(*record.ACLRole).ID
	}
	r.Policies, reason = s.relink(object.FamilyPolicy, r.Policies)
	return reason
}

// relink makes links lead to what has the same name in the datacenter. What is yet to be made keeps its ID of the source until it has one.
func (s *settler) relink(family string, old []record.ACLLink) (links []record.ACLLink, reason string) {
	for _, link := range old {
		name := cmp.Or(s.names[nameKey(family, link.ID)], link.Name)
		now := s.view.byID[object.IDOf(family, object.Fold(link.ID), "")]
		if now == nil && name != "" {
			now = s.view.byName[nameKey(family, name)]
		}
		switch {
		case now != nil:
			link.ID, link.Name = idOf(now), now.Name
		case s.ids[object.IDOf(family, object.Fold(link.ID), "")]:
			link.Name = name
		default:
			return nil, fmt.Sprintf("it links to the %s %s, which the datacenter has not and which is not named: %s:%s",
				family, cmp.Or(name, link.ID), diff.Word(family), cmp.Or(name, link.ID))
		}
		if !slices.ContainsFunc(links, func(l record.ACLLink) bool { return l.ID == link.ID }) {
			links = append(links, record.ACLLink{ID: link.ID, Name: link.Name})
		}
	}
	return links, ""
}

// idOf is the ID by which the API knows a policy, role, token or query.
func idOf(o *object.Object) string {
	switch v := o.Value.(type) {
	case *record.ACLPolicy:
		return v.ID
	case *record.ACLRole:
		return v.ID
	case *record.ACLToken:
		return v.AccessorID
	case *record.PreparedQuery:
		return v.ID
	}
	return ""
}

// noSecrets is said of tokens where the one in use may only read ACLs.
const noSecrets = "the token of this command may not see the secrets of tokens: acl:write is needed"

func (s *settler) token(t *record.ACLToken, now *object.Object) (reason string) {
	if t.Policies, reason = s.relink(object.FamilyPolicy, t.Policies); reason != "" {
		return reason
	}
	if t.Roles, reason = s.relink(object.FamilyRole, t.Roles); reason != "" {
		return reason
	}
	t.Hash, t.ExpirationTTL = nil, 0
	if now == nil {
		return s.newToken(t)
	}
	live := now.Value.(*record.ACLToken)
	switch {
	case live.SecretID == preparedquery.HiddenToken:
		return noSecrets
	case t.SecretID != live.SecretID && t.SecretID != preparedquery.HiddenToken:
		s.note(object.FamilyToken, live.AccessorID,
			"its secret is another one in the datacenter, and no API changes it; the rest of it is brought back")
	case t.Local != live.Local:
		return "it is local to its datacenter in one of the two, and no API changes that"
	}
	t.AccessorID, t.SecretID, t.CreateTime, t.ExpirationTime = live.AccessorID, live.SecretID, live.CreateTime, live.ExpirationTime
	t.AuthMethod, t.Local = live.AuthMethod, live.Local
	return ""
}

// newToken tells why a token cannot be made, if it cannot.
func (s *settler) newToken(t *record.ACLToken) string {
	const shortest, longest = time.Minute, 24 * time.Hour
	switch {
	case t.SecretID == preparedquery.HiddenToken || t.SecretID == "":
		return "its secret is not in the source"
	case t.AuthMethod != "":
		return "it came of a login, which has to be made again"
	case t.ExpirationTime == nil || t.ExpirationTime.IsZero():
		t.ExpirationTime = nil
	case t.ExpirationTime.Before(s.now.Add(shortest)):
		return "it has expired, or is about to"
	case t.ExpirationTime.After(s.now.Add(longest)):
		return "no API makes a token that expires as late as it does"
	}
	return ""
}

func (s *settler) query(q *record.PreparedQuery, now *object.Object) string {
	switch {
	case now != nil:
		live := now.Value.(*record.PreparedQuery)
		q.ID = live.ID
		if q.Token == preparedquery.HiddenToken || live.Token == preparedquery.HiddenToken && q.Token != "" {
			s.note(object.FamilyQuery, now.Name, "its token is hidden on one side: the query keeps the one that it has")
			q.Token = live.Token
		}
		if q.Session != live.Session {
			if q.Session != "" {
				s.note(object.FamilyQuery, now.Name, "it was bound to a session: "+reasons[object.FamilySession])
			}
			q.Session = live.Session
		}
	case q.Session != "":
		return "it was bound to a session, and would have ended with it: " + reasons[object.FamilySession]
	case q.Name == "" && q.Template.Type == "":
		return "it has no name and is bound to no session: the API takes none like that"
	case q.Name == "" && s.view.partial[object.FamilyQuery]:
		return "it has no name, and the token may not see whether it is there"
	case q.Token == preparedquery.HiddenToken:
		s.note(object.FamilyQuery, q.Name, "its token is not in the source: it is made without one")
		q.Token = ""
	}
	return ""
}

// registration settles a node, service or check.
func (s *settler) registration(family string, r *record.Register, now *object.Object) string {
	at := object.NodeID(r)
	node := s.view.byID[at]
	if r.PeerName != "" {
		return "it was imported from a cluster peer"
	}
	r.Datacenter = s.datacenter
	if family == object.FamilyNode && now != nil {
		if live := onOf(now); r.ID != live.ID { // transactions know a node by its ID
			s.note(family, r.Node, "its ID is another one in the datacenter, and stays that; the rest of it is brought back")
			r.ID = live.ID
		}
	}
	switch {
	case s.view.members[object.Fold(r.Node)]:
		return "its node is a member of the cluster: the agent there keeps the catalog as it knows it"
	case family == object.FamilyNode:
		return ""
	case r.Check != nil && r.Check.CheckID == serfHealth:
		return "it is the cluster's own: it says whether the agent is a member"
	case r.Service != nil && r.Service.ID == "consul":
		return "servers register that themselves"
	case node == nil && !s.ids[at]:
		return fmt.Sprintf("its node is not in the datacenter and not named: node:%s", r.Node)
	case r.Check != nil && r.Check.ServiceID != "" && !s.serviceThere(r):
		return fmt.Sprintf("its service is not in the datacenter and not named: service:%s", r.Check.ServiceID)
	}
	if r.Check != nil && r.Check.Type == "" && now != nil { // servers derive it from the definition, older ones did not
		r.Check.Type = now.Value.(object.Check).Type
	}
	if node != nil && !s.ids[at] { // what stands there of the node is not written
		live := *node.Value.(object.Node).Register
		live.Service, live.Check = r.Service, r.Check
		*r = live
	}
	return ""
}

// serviceThere tells whether the service of a check is there, or will be.
func (s *settler) serviceThere(r *record.Register) bool {
	probe := *r
	probe.Service, probe.Check = &record.NodeService{ID: r.Check.ServiceID}, nil
	o, err := objectOf(object.FamilyService, &probe)
	return err == nil && (s.view.byID[o.ID] != nil || s.ids[o.ID])
}
