package httpapi

import (
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// The catalog's answers. Filters select by the names of these fields.

type nodeView struct {
	ID              string
	Node            string
	Address         string
	Datacenter      string
	TaggedAddresses map[string]string
	Meta            map[string]string
	CreateIndex     uint64
	ModifyIndex     uint64
}

func viewNode(n *record.Register) *nodeView {
	return &nodeView{ID: n.ID, Node: n.Node, Address: n.Address, Datacenter: n.Datacenter, TaggedAddresses: n.TaggedAddresses,
		Meta: n.NodeMeta, CreateIndex: n.CreateIndex, ModifyIndex: n.ModifyIndex}
}

// viewService is an instance as the API shows it: lists are never null, and weights never absent.
func viewService(s *record.NodeService) *record.NodeService {
	v := *s
	v.Tags = notNil(v.Tags)
	v.Weights = weightsOf(s)
	return &v
}

// weightsOf are the weights of an instance: 1 and 1 if none are given. Clients that have none to give write two zeros.
func weightsOf(s *record.NodeService) *record.Weights {
	if s.Weights == nil || s.Weights.Passing == 0 && s.Weights.Warning == 0 {
		return &record.Weights{Passing: 1, Warning: 1}
	}
	return s.Weights
}

func viewCheck(c *record.HealthCheck) *record.HealthCheck {
	v := *c
	v.ServiceTags = notNil(v.ServiceTags)
	return &v
}

func viewChecks(checks []*record.HealthCheck) []*record.HealthCheck {
	views := make([]*record.HealthCheck, 0, len(checks))
	for _, c := range checks {
		views = append(views, viewCheck(c))
	}
	return views
}

// instanceView is an instance together with its node, in one flat object.
type instanceView struct {
	ID                       string
	Node                     string
	Address                  string
	Datacenter               string
	TaggedAddresses          map[string]string
	NodeMeta                 map[string]string
	ServiceKind              string
	ServiceID                string
	ServiceName              string
	ServiceTags              []string
	ServiceAddress           string
	ServiceTaggedAddresses   map[string]record.ServiceAddress `json:",omitempty"`
	ServiceWeights           record.Weights
	ServiceMeta              map[string]string
	ServicePort              int
	ServiceSocketPath        string
	ServiceEnableTagOverride bool
	ServiceProxy             record.ProxyConfig
	ServiceConnect           record.ServiceConnect
	ServiceLocality          *record.Locality
	CreateIndex              uint64
	ModifyIndex              uint64
}

func viewInstance(x state.Instance) *instanceView {
	n, s := x.Node, x.Service
	return &instanceView{
		ID: n.ID, Node: n.Node, Address: n.Address, Datacenter: n.Datacenter, TaggedAddresses: n.TaggedAddresses, NodeMeta: n.NodeMeta,
		ServiceKind: s.Kind, ServiceID: s.ID, ServiceName: s.Service, ServiceTags: notNil(s.Tags), ServiceAddress: s.Address,
		ServiceTaggedAddresses: s.TaggedAddresses, ServiceWeights: *weightsOf(s), ServiceMeta: notNilMap(s.Meta), ServicePort: s.Port,
		ServiceSocketPath: s.SocketPath, ServiceEnableTagOverride: s.EnableTagOverride, ServiceProxy: s.Proxy, ServiceConnect: s.Connect,
		ServiceLocality: s.Locality, CreateIndex: s.CreateIndex, ModifyIndex: s.ModifyIndex,
	}
}

// healthView is an instance with its node and its checks.
type healthView struct {
	Node    *nodeView
	Service *record.NodeService
	Checks  []*record.HealthCheck
}

func viewHealth(x state.Instance) *healthView {
	return &healthView{viewNode(x.Node), viewService(x.Service), viewChecks(x.Checks)}
}
