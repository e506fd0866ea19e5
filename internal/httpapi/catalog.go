package httpapi

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

func (h *Handler) catalogRoutes() []route {
	get := func(path string, serve endpoint) route {
		return route{path: path, prefix: strings.HasSuffix(path, "/"), methods: []method{{http.MethodGet, serve}}}
	}
	put := func(path string, serve endpoint) route {
		return route{path: path, datacenterInBody: true, methods: []method{{http.MethodPut, serve}}}
	}
	return []route{
		{path: "/v1/catalog/datacenters", wide: true, anyServer: true, open: true, methods: []method{{http.MethodGet, h.datacenters}}},
		put("/v1/catalog/register", h.catalogRegister),
		put("/v1/catalog/deregister", h.catalogDeregister),
		get("/v1/catalog/nodes", h.catalogNodes),
		get("/v1/catalog/services", h.catalogServices),
		get("/v1/catalog/service/", h.cached(h.catalogService)),
		get("/v1/catalog/connect/", h.cached(h.catalogConnect)),
		get("/v1/catalog/node/", h.catalogNode),
		get("/v1/catalog/node-services/", h.catalogNodeServices),
	}
}

// datacenters lists the datacenters that are known, the nearest first.
func (h *Handler) datacenters(w http.ResponseWriter, r *request) error {
	return writeJSON(w, r, h.backend.Datacenters())
}

// A registerRequest is the body of a registration. Its checks may be given alone, in a list, or both.
type registerRequest struct {
	ID              string
	Node            string
	Address         string
	TaggedAddresses map[string]string
	NodeMeta        map[string]string
	Datacenter      string
	Service         *record.NodeService
	Check           *record.HealthCheck
	Checks          []*record.HealthCheck
	SkipNodeUpdate  bool
}

func (h *Handler) catalogRegister(w http.ResponseWriter, r *request) error {
	var body registerRequest
	if err := decodeBody(r, &body); err != nil {
		return err
	}
	registration, err := body.registration(h.backend.Datacenter())
	if err != nil {
		return err
	}
	if err := h.mayRegister(r, registration); err != nil {
		return err
	}
	return h.applyTrue(w, r, fsm.Register(registration), "")
}

// registration checks the request and fills in what it leaves out.
func (b *registerRequest) registration(datacenter string) (*state.Registration, error) {
	switch {
	case b.Node == "":
		return nil, errors.New("Must provide node")
	case b.Address == "" && !b.SkipNodeUpdate:
		return nil, errors.New("Must provide address if SkipNodeUpdate is not set")
	case b.ID != "" && !isUUID(b.ID):
		return nil, errors.New("bad node ID: uuid string is wrong length or form")
	}
	r := &state.Registration{SkipNodeUpdate: b.SkipNodeUpdate, Service: b.Service, Node: &record.Register{ID: strings.ToLower(b.ID), Node: b.Node,
		Address: b.Address, Datacenter: datacenter, TaggedAddresses: b.TaggedAddresses, NodeMeta: b.NodeMeta}}
	if s := r.Service; s != nil {
		if s.ID == "" {
			s.ID = s.Service
		}
		if s.Service == "" {
			return nil, errors.New("Must provide service name (Service.Service) when registering a service")
		}
		s.Weights = weightsOf(s)
	}
	if b.Check != nil {
		r.Checks = append(r.Checks, b.Check)
	}
	for _, c := range b.Checks {
		if c != nil {
			r.Checks = append(r.Checks, c)
		}
	}
	for _, c := range r.Checks {
		if c.CheckID == "" {
			c.CheckID = c.Name
		}
		if c.Node == "" {
			c.Node = b.Node
		}
		if !strings.EqualFold(c.Node, b.Node) {
			return nil, errors.New("node '" + c.Node + "' in check '" + c.CheckID + "' does not match node '" + b.Node + "'")
		}
		if c.Status == "" {
			c.Status = "critical"
		}
		c.Type = checkType(c)
	}
	return r, nil
}

// mayRegister tells whether the caller may write all that a registration changes.
func (h *Handler) mayRegister(r *request, reg *state.Registration) error {
	_, node, services := h.backend.Store().Node(nil, reg.Node.Node)
	changed := node == nil || !reg.SkipNodeUpdate && !(node.Address == reg.Node.Address && node.ID == reg.Node.ID &&
		maps.Equal(node.NodeMeta, reg.Node.NodeMeta) && maps.Equal(node.TaggedAddresses, reg.Node.TaggedAddresses))
	if changed {
		if err := r.need(acl.Node, acl.Write, reg.Node.Node); err != nil {
			return err
		}
	}
	names := map[string]string{} // by service ID
	for _, s := range services {
		names[s.ID] = s.Service
	}
	if s := reg.Service; s != nil {
		if err := r.need(acl.Service, acl.Write, s.Service); err != nil {
			return err
		}
		if old := names[s.ID]; old != "" && old != s.Service {
			if err := r.need(acl.Service, acl.Write, old); err != nil {
				return err
			}
		}
		names[s.ID] = s.Service
	}
	for _, c := range reg.Checks {
		if err := r.mayCheck(reg.Node.Node, names[c.ServiceID], c.ServiceID); err != nil {
			return err
		}
	}
	return nil
}

// mayCheck tells whether the caller may write a check: with a service ID one of that service, else one of the node.
func (r *request) mayCheck(node, service, serviceID string) error {
	if serviceID != "" && service != "" {
		return r.need(acl.Service, acl.Write, service)
	}
	return r.need(acl.Node, acl.Write, node)
}

func (h *Handler) catalogDeregister(w http.ResponseWriter, r *request) error {
	var body struct{ Datacenter, Node, ServiceID, CheckID string }
	if err := decodeBody(r, &body); err != nil {
		return err
	}
	if body.Node == "" {
		return errors.New("Must provide node")
	}
	if err := h.mayDeregister(r, body.Node, body.ServiceID, body.CheckID); err != nil {
		return err
	}
	return h.applyTrue(w, r, fsm.Deregister(body.Node, body.ServiceID, body.CheckID), "")
}

func (h *Handler) mayDeregister(r *request, node, serviceID, checkID string) error {
	if r.may(acl.Node, acl.Write, node) {
		return nil
	}
	store := h.backend.Store()
	_, _, services := store.Node(nil, node)
	if serviceID == "" && checkID != "" {
		_, checks := store.NodeChecks(nil, node)
		if i := slices.IndexFunc(checks, func(c *record.HealthCheck) bool { return c.CheckID == checkID }); i >= 0 {
			serviceID = checks[i].ServiceID
		}
	}
	i := slices.IndexFunc(services, func(s *record.NodeService) bool { return s.ID == serviceID && serviceID != "" })
	if i < 0 {
		return r.denied(acl.Node, acl.Write, node)
	}
	return r.need(acl.Service, acl.Write, services[i].Service)
}

func (h *Handler) catalogNodes(w http.ResponseWriter, r *request) error {
	meta, err := nodeMetaParam(r)
	if err != nil {
		return err
	}
	return list(h, w, r, func(s Store, watch *state.Watch) (uint64, []*nodeView) {
		index, nodes := s.Nodes(watch)
		var views []*nodeView
		for _, n := range nodes {
			if contains(n.NodeMeta, meta) {
				views = append(views, viewNode(n))
			}
		}
		return index, near(h, r, s, views, func(v *nodeView) string { return v.Node })
	}, func(v *nodeView) bool { return r.may(acl.Node, acl.Read, v.Node) })
}

// catalogServices answers with the tags of all services, by name.
func (h *Handler) catalogServices(w http.ResponseWriter, r *request) error {
	meta, err := nodeMetaParam(r)
	if err != nil {
		return err
	}
	var instances []state.Instance
	index, err := h.query(r, func(s Store, watch *state.Watch) (index uint64) {
		index, instances = s.Instances(watch)
		return index
	})
	if err != nil {
		return err
	}
	var views []*instanceView
	for _, x := range instances {
		if contains(x.Node.NodeMeta, meta) {
			views = append(views, viewInstance(x))
		}
	}
	views = visible(r, views, func(v *instanceView) bool { return r.may(acl.Service, acl.Read, v.ServiceName) })
	if views, err = filtered(r, views); err != nil {
		return filterError(err)
	}
	tags := map[string][]string{}
	for _, v := range views {
		all := notNil(tags[v.ServiceName])
		for _, tag := range v.ServiceTags {
			if !slices.Contains(all, tag) {
				all = append(all, tag)
			}
		}
		tags[v.ServiceName] = all
	}
	h.setServed(w, r, index)
	return writeJSON(w, r, tags)
}

func (h *Handler) catalogService(w http.ResponseWriter, r *request) error {
	return h.catalogInstances(w, r, Store.ServiceInstances)
}

func (h *Handler) catalogConnect(w http.ResponseWriter, r *request) error {
	return h.catalogInstances(w, r, Store.ConnectInstances)
}

func (h *Handler) catalogInstances(w http.ResponseWriter, r *request, get func(Store, *state.Watch, string) (uint64, []state.Instance)) error {
	if r.tail == "" {
		return badRequest("Missing service name")
	}
	meta, err := nodeMetaParam(r)
	if err != nil {
		return err
	}
	tags := r.query["tag"]
	return list(h, w, r, func(s Store, watch *state.Watch) (uint64, []*instanceView) {
		index, instances := get(s, watch, r.tail)
		var views []*instanceView
		for _, x := range instances {
			if contains(x.Node.NodeMeta, meta) && hasTags(x.Service.Tags, tags) {
				views = append(views, viewInstance(x))
			}
		}
		return index, near(h, r, s, views, func(v *instanceView) string { return v.Node })
	}, func(v *instanceView) bool {
		return r.may(acl.Node, acl.Read, v.Node) && r.may(acl.Service, acl.Read, v.ServiceName)
	})
}

func (h *Handler) catalogNode(w http.ResponseWriter, r *request) error {
	node, services, index, err := h.nodeServices(r)
	if err != nil {
		return err
	}
	h.setServed(w, r, index)
	if node == nil {
		return writeJSON(w, r, nil)
	}
	byID := map[string]*record.NodeService{}
	for _, s := range services {
		byID[s.ID] = s
	}
	return writeJSON(w, r, struct {
		Node     *nodeView
		Services map[string]*record.NodeService
	}{node, byID})
}

func (h *Handler) catalogNodeServices(w http.ResponseWriter, r *request) error {
	node, services, index, err := h.nodeServices(r)
	if err != nil {
		return err
	}
	h.setServed(w, r, index)
	if len(services) == 0 {
		services = nil // null, as Consul has it
	}
	return writeJSON(w, r, struct {
		Node     *nodeView
		Services []*record.NodeService
	}{node, services})
}

// nodeServices reads a node and the services on it that the caller may see and the filter selects.
func (h *Handler) nodeServices(r *request) (*nodeView, []*record.NodeService, uint64, error) {
	if r.tail == "" {
		return nil, nil, 0, badRequest("Missing node name")
	}
	var node *record.Register
	var services []*record.NodeService
	index, err := h.query(r, func(s Store, watch *state.Watch) (index uint64) {
		index, node, services = s.Node(watch, r.tail)
		return index
	})
	if err != nil || node == nil {
		return nil, nil, index, err
	}
	if !r.may(acl.Node, acl.Read, node.Node) {
		r.hidden = true
		return nil, nil, index, nil
	}
	views := make([]*record.NodeService, 0, len(services))
	for _, s := range services {
		views = append(views, viewService(s))
	}
	views = visible(r, views, func(s *record.NodeService) bool { return r.may(acl.Service, acl.Read, s.Service) })
	views, err = filtered(r, views)
	view := viewNode(node)
	if h.fromAbroad(r, h.backend.Datacenter()) {
		view.useWAN()
		for _, s := range views {
			serviceUsesWAN(s)
		}
	}
	return view, views, index, filterError(err)
}
