package httpapi

import (
	"net/http"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/preparedquery"
	"github.com/lictor-dr/lictor/internal/state"
)

func (h *Handler) operatorRoutes() []route {
	return []route{
		{path: "/v1/operator/raft/configuration", methods: []method{{http.MethodGet, h.raftConfiguration}}},
		{path: "/v1/operator/raft/peer", methods: []method{{http.MethodDelete, h.raftPeerRemove}}},
		{path: "/v1/operator/raft/transfer-leader", methods: []method{{http.MethodPost, h.raftTransferLeader}}},
		{path: "/v1/operator/usage", methods: []method{{http.MethodGet, h.operatorUsage}}},
	}
}

func (h *Handler) raftConfiguration(w http.ResponseWriter, r *request) error {
	if err := h.operatorRead(r); err != nil {
		return err
	}
	configuration, err := h.backend.RaftConfiguration()
	if err != nil {
		return err
	}
	configuration.Servers = notNil(configuration.Servers)
	return writeJSON(w, r, configuration)
}

func (h *Handler) raftPeerRemove(_ http.ResponseWriter, r *request) error {
	if err := r.need(acl.Operator, acl.Write, ""); err != nil {
		return err
	}
	id, address := r.query.Get("id"), r.query.Get("address")
	switch {
	case id == "" && address == "":
		return badRequest("Must specify either ?id with the server's ID or ?address with IP:port of peer to remove")
	case id != "" && address != "":
		return badRequest("Must specify only one of ?id or ?address")
	}
	return h.backend.RemovePeer(r.Context(), id, address)
}

func (h *Handler) raftTransferLeader(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.Operator, acl.Write, ""); err != nil {
		return err
	}
	if err := h.backend.TransferLeadership(r.Context(), r.query.Get("id")); err != nil {
		return err
	}
	return writeJSON(w, r, struct{ Success bool }{true})
}

// serviceUsage is how much is registered in a datacenter.
type serviceUsage struct {
	Services                 int
	ServiceInstances         int
	ConnectServiceInstances  map[string]int // by kind
	BillableServiceInstances int            // neither of the mesh's own kinds nor servers
	Nodes                    int
}

const connectNative = "connect-native"

// usageOf counts what a store has registered.
func usageOf(s Store, watch *state.Watch) (uint64, serviceUsage) {
	index, instances := s.Instances(watch)
	_, counts := s.Usage()
	u := serviceUsage{Services: counts.Services, ServiceInstances: counts.Instances, Nodes: counts.Nodes, ConnectServiceInstances: map[string]int{
		"api-gateway": 0, connectNative: 0, "connect-proxy": 0, "ingress-gateway": 0, "mesh-gateway": 0, "terminating-gateway": 0,
	}}
	for _, x := range instances {
		if x.Service.Connect.Native {
			u.ConnectServiceInstances[connectNative]++
		}
		switch {
		case x.Service.Kind != "":
			u.ConnectServiceInstances[x.Service.Kind]++
		case x.Service.Service != "consul":
			u.BillableServiceInstances++
		}
	}
	return index, u
}

// operatorUsage answers for this datacenter, with global too: there is no other one.
func (h *Handler) operatorUsage(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.Operator, acl.Read, ""); err != nil {
		return err
	}
	var usage serviceUsage
	index, err := h.query(r, func(s Store, watch *state.Watch) (index uint64) {
		index, usage = usageOf(s, watch)
		return index
	})
	if err != nil {
		return err
	}
	h.setServed(w, r, index)
	meta := h.queryMeta(r)
	meta.Index = max(index, 1)
	return writeJSON(w, r, struct {
		Usage map[string]serviceUsage
		preparedquery.QueryMeta
	}{map[string]serviceUsage{h.backend.Datacenter(): usage}, meta})
}
