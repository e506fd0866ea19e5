package kvarchive

import (
	"encoding/json"

	"github.com/lictor-dr/lictor/internal/record"
)

// queryJSON is a prepared query as the archive has it: with the fields of Consul's Go client, in its order.
type queryJSON struct {
	ID, Name, Session, Token string
	Service                  serviceJSON
	DNS                      struct{ TTL string }
	Template                 struct {
		Type, Regexp    string
		RemoveEmptyTags bool
	}
}

type serviceJSON struct {
	Service        string
	SamenessGroup  string `json:",omitempty"`
	Near           string
	Failover       failoverJSON
	IgnoreCheckIDs []string
	OnlyPassing    bool
	Tags           []string
	NodeMeta       map[string]string
	ServiceMeta    map[string]string
	Connect        bool
	Peer           string `json:",omitempty"` // which the client lacks, and Consul has
}

type failoverJSON struct {
	NearestN    int
	Datacenters []string
	Targets     []targetJSON
}

type targetJSON struct{ Peer, Datacenter string }

func parseQuery(raw []byte) (*record.PreparedQuery, error) {
	var j queryJSON
	if err := json.Unmarshal(raw, &j); err != nil {
		return nil, err
	}
	q := &record.PreparedQuery{
		ID: j.ID, Name: j.Name, Session: j.Session, Token: j.Token,
		DNS:      record.QueryDNS{TTL: j.DNS.TTL},
		Template: record.QueryTemplate{Type: j.Template.Type, Regexp: j.Template.Regexp, RemoveEmptyTags: j.Template.RemoveEmptyTags},
	}
	s := j.Service
	q.Service = record.QueryService{
		Service: s.Service, SamenessGroup: s.SamenessGroup, Near: s.Near, IgnoreCheckIDs: s.IgnoreCheckIDs, OnlyPassing: s.OnlyPassing,
		Tags: s.Tags, NodeMeta: s.NodeMeta, ServiceMeta: s.ServiceMeta, Connect: s.Connect, Peer: s.Peer,
		Failover: record.QueryFailover{NearestN: s.Failover.NearestN, Datacenters: s.Failover.Datacenters},
	}
	for _, t := range s.Failover.Targets {
		q.Service.Failover.Targets = append(q.Service.Failover.Targets, record.QueryTarget{Datacenter: t.Datacenter, Peer: t.Peer})
	}
	return q, nil
}

func formatQuery(q *record.PreparedQuery) ([]byte, error) {
	j := queryJSON{ID: q.ID, Name: q.Name, Session: q.Session, Token: q.Token}
	j.DNS.TTL = q.DNS.TTL
	j.Template.Type, j.Template.Regexp, j.Template.RemoveEmptyTags = q.Template.Type, q.Template.Regexp, q.Template.RemoveEmptyTags
	s := q.Service
	j.Service = serviceJSON{
		Service: s.Service, SamenessGroup: s.SamenessGroup, Near: s.Near, IgnoreCheckIDs: s.IgnoreCheckIDs, OnlyPassing: s.OnlyPassing,
		Tags: s.Tags, NodeMeta: s.NodeMeta, ServiceMeta: s.ServiceMeta, Connect: s.Connect, Peer: s.Peer,
		Failover: failoverJSON{NearestN: s.Failover.NearestN, Datacenters: s.Failover.Datacenters},
	}
	for _, t := range s.Failover.Targets {
		j.Service.Failover.Targets = append(j.Service.Failover.Targets, targetJSON{Peer: t.Peer, Datacenter: t.Datacenter})
	}
	return json.Marshal(j)
}
