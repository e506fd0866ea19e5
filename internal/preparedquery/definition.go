package preparedquery

import (
	"encoding/json"

	"github.com/lictor-dr/lictor/internal/record"
)

// HiddenToken is what a query's token reads as for those who may not see it.
const HiddenToken = "<hidden>"

// A Definition is a prepared query in the form of the HTTP API.
type Definition struct {
	ID          string
	Name        string
	Session     string
	Token       string
	Template    Template
	Service     Service
	DNS         DNS
	CreateIndex uint64
	ModifyIndex uint64
}

// Template makes a query a template for all names that begin with its own.
type Template struct {
	Type            string
	Regexp          string
	RemoveEmptyTags bool
}

// Service is what a query looks for.
type Service struct {
	Service        string
	SamenessGroup  string
	Failover       Failover
	OnlyPassing    bool
	IgnoreCheckIDs []string
	Near           string
	Tags           []string
	NodeMeta       map[string]string
	ServiceMeta    map[string]string
	Connect        bool
	Peer           string
}

// Failover is where a query goes on when nothing is found.
type Failover struct {
	NearestN    int
	Datacenters []string
	Targets     []Target
}

// Target is one place to go on at.
type Target struct {
	Peer       string
	Datacenter string
}

// DNS are a query's DNS settings.
type DNS struct{ TTL string }

// Decode reads a definition from the body of a request. Fields that it does not know are ignored, as are the indexes, which are not
// the client's to choose. The definition may still be invalid: see [Validate].
func Decode(body []byte) (*record.PreparedQuery, error) {
	var d Definition
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, err
	}
	s := d.Service
	return &record.PreparedQuery{
		ID: d.ID, Name: d.Name, Session: d.Session, Token: d.Token,
		DNS:      record.QueryDNS{TTL: d.DNS.TTL},
		Template: record.QueryTemplate{Type: d.Template.Type, Regexp: d.Template.Regexp, RemoveEmptyTags: d.Template.RemoveEmptyTags},
		Service: record.QueryService{
			Service: s.Service, SamenessGroup: s.SamenessGroup, Peer: s.Peer, Connect: s.Connect,
			OnlyPassing: s.OnlyPassing, IgnoreCheckIDs: s.IgnoreCheckIDs, Near: s.Near,
			Tags: s.Tags, NodeMeta: s.NodeMeta, ServiceMeta: s.ServiceMeta,
			Failover: record.QueryFailover{
				NearestN: s.Failover.NearestN, Datacenters: s.Failover.Datacenters, Targets: decodeTargets(s.Failover.Targets),
			},
		},
	}, nil
}

func decodeTargets(targets []Target) []record.QueryTarget {
	if targets == nil {
		return nil
	}
	out := make([]record.QueryTarget, len(targets))
	for i, t := range targets {
		out[i] = record.QueryTarget{Datacenter: t.Datacenter, Peer: t.Peer}
	}
	return out
}

// Form returns the form of q in the HTTP API, its token included: see [Redact].
func Form(q *record.PreparedQuery) Definition {
	s := q.Service
	return Definition{
		ID: q.ID, Name: q.Name, Session: q.Session, Token: q.Token,
		DNS:      DNS{TTL: q.DNS.TTL},
		Template: Template{Type: q.Template.Type, Regexp: q.Template.Regexp, RemoveEmptyTags: q.Template.RemoveEmptyTags},
		Service: Service{
			Service: s.Service, SamenessGroup: s.SamenessGroup, Peer: s.Peer, Connect: s.Connect,
			OnlyPassing: s.OnlyPassing, IgnoreCheckIDs: s.IgnoreCheckIDs, Near: s.Near,
			Tags: s.Tags, NodeMeta: s.NodeMeta, ServiceMeta: s.ServiceMeta,
			Failover: Failover{
				NearestN: s.Failover.NearestN, Datacenters: s.Failover.Datacenters, Targets: formTargets(s.Failover.Targets),
			},
		},
		CreateIndex: q.CreateIndex, ModifyIndex: q.ModifyIndex,
	}
}

func formTargets(targets []record.QueryTarget) []Target {
	if targets == nil {
		return nil
	}
	out := make([]Target, len(targets))
	for i, t := range targets {
		out[i] = Target{Peer: t.Peer, Datacenter: t.Datacenter}
	}
	return out
}

// Forms returns the forms of queries, in the same order. It is never nil.
func Forms(queries []*record.PreparedQuery) []Definition {
	forms := make([]Definition, len(queries))
	for i, q := range queries {
		forms[i] = Form(q)
	}
	return forms
}

// Redact returns q as those see it who may not see its token: q itself if it has none.
func Redact(q *record.PreparedQuery) *record.PreparedQuery {
	if q.Token == "" {
		return q
	}
	redacted := *q
	redacted.Token = HiddenToken
	return &redacted
}

// ACLName is the name that rules about q go by. A query without a name that is no template has none: whoever knows its ID may read it.
func ACLName(q *record.PreparedQuery) (name string, ok bool) {
	return q.Name, q.Name != "" || q.Template.Type != ""
}
