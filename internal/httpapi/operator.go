package httpapi

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/preparedquery"
	"github.com/lictor-dr/lictor/internal/state"
)

const usagePath = "/v1/operator/usage"

func (h *Handler) operatorRoutes() []route {
	return []route{
		{path: "/v1/operator/raft/configuration", methods: []method{{http.MethodGet, h.raftConfiguration}}},
		{path: "/v1/operator/raft/peer", methods: []method{{http.MethodDelete, h.raftPeerRemove}}},
		{path: "/v1/operator/raft/transfer-leader", methods: []method{{http.MethodPost, h.raftTransferLeader}}},
		{path: usagePath, methods: []method{{http.MethodGet, h.operatorUsage}}},
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

// usageTimeout is how long another datacenter may take to tell its usage.
const usageTimeout = 20 * time.Second

// usageElsewhere adds what the other datacenters tell to usage. A sum that one of them is missing from says little, and does not show it:
// if one fails, all of it does.
func (h *Handler) usageElsewhere(r *request, usage map[string]serviceUsage) error {
	var mu sync.Mutex
	return h.everywhere(func(datacenter string) error {
		if datacenter == h.backend.Datacenter() {
			return nil
		}
		var told struct{ Usage map[string]serviceUsage }
		if _, err := h.inquire(r.Context(), r, datacenter, inquiry{
			method: http.MethodGet, path: asFresh(usagePath, r), secret: h.secretToSend(r), limit: usageTimeout,
		}, &told); err != nil {
			return err
		}
		its, ok := told.Usage[datacenter]
		if !ok {
			return errors.New("it answers without its own usage")
		}
		mu.Lock()
		defer mu.Unlock()
		usage[datacenter] = its
		return nil
	})
}

// operatorUsage answers for this datacenter or, with global, for all of them.
func (h *Handler) operatorUsage(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.Operator, acl.Read, ""); err != nil {
		return err
	}
	global, err := flagParam(r, "global")
	if err != nil {
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
	all := map[string]serviceUsage{h.backend.Datacenter(): usage}
	if global {
		if err := h.usageElsewhere(r, all); err != nil {
			return err
		}
	}
	h.setServed(w, r, index)
	meta := h.queryMeta(r)
	meta.Index = max(index, 1)
	return writeJSON(w, r, struct {
		Usage map[string]serviceUsage
		preparedquery.QueryMeta
	}{all, meta})
}
