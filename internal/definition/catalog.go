package definition

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/recordjson"
)

// NodeService is the service as the catalog holds it.
func (s *Service) NodeService() (*record.NodeService, error) {
	ns := &record.NodeService{
		Kind: s.Kind, ID: cmp.Or(s.ID, s.Name), Service: s.Name, Tags: s.Tags, Address: s.Address, Meta: s.Meta, Port: s.Port,
		SocketPath: s.SocketPath, EnableTagOverride: s.EnableTagOverride, Weights: &record.Weights{Passing: 1, Warning: 1},
	}
	if ns.Tags == nil {
		ns.Tags = []string{}
	}
	if s.Weights != nil {
		ns.Weights = &record.Weights{Passing: s.Weights.Passing, Warning: s.Weights.Warning}
	}
	for name, a := range s.TaggedAddresses {
		if ns.TaggedAddresses == nil {
			ns.TaggedAddresses = map[string]record.ServiceAddress{}
		}
		ns.TaggedAddresses[name] = record.ServiceAddress{Address: a.Address, Port: a.Port}
	}
	if s.Locality != nil {
		ns.Locality = &record.Locality{Region: s.Locality.Region, Zone: s.Locality.Zone}
	}
	if s.Connect != nil {
		ns.Connect.Native = s.Connect.Native
	}
	if s.Proxy == nil {
		return ns, nil
	}
	proxy, err := toMsgpack(s.Proxy)
	if err == nil {
		err = msgpack.Unmarshal(proxy, &ns.Proxy)
	}
	if err != nil {
		return nil, bad("Invalid service: Proxy: %s", err)
	}
	return ns, nil
}

// HealthCheck is the check as the catalog holds it, at its initial state. The service may be nil.
func (c *Check) HealthCheck(node string, service *record.NodeService) *record.HealthCheck {
	hc := &record.HealthCheck{
		Node: node, CheckID: cmp.Or(c.CheckID, c.Name), Name: c.Name, Status: cmp.Or(c.Status, Critical), Notes: c.Notes,
		ServiceTags: []string{}, Type: c.Kind(), Interval: c.text(c.Interval), Timeout: c.text(c.Timeout),
	}
	if service != nil {
		hc.ServiceID, hc.ServiceName, hc.ServiceTags = service.ID, service.Service, service.Tags
	}
	return hc
}

// text is a duration as Consul shows it: one that is not set is nothing in the checks of a service's definition, else 0s.
func (c *Check) text(d time.Duration) string {
	if d == 0 && c.ofService {
		return ""
	}
	return d.String()
}

// ServiceJSON is the JSON form of a service of the catalog.
func ServiceJSON(s *record.NodeService) (json.RawMessage, error) {
	var form struct{ Service json.RawMessage }
	err := registerJSON(&record.Register{Service: s}, &form)
	return form.Service, err
}

// CheckJSON is the JSON form of a check of the catalog.
func CheckJSON(c *record.HealthCheck) (json.RawMessage, error) {
	var form struct{ Check json.RawMessage }
	err := registerJSON(&record.Register{Check: c}, &form)
	return form.Check, err
}

func registerJSON(r *record.Register, form any) error {
	text, err := recordjson.Append(nil, record.Raw{Type: record.TypeRegister, Value: msgpack.Append(nil, r)})
	if err != nil {
		return fmt.Errorf("JSON form: %w", err)
	}
	return json.Unmarshal(text, form)
}

// AgentService is the service as the agent's API shows it, without a ContentHash.
func AgentService(s *record.NodeService, datacenter string) (*api.AgentService, error) {
	text, err := ServiceJSON(s)
	if err != nil {
		return nil, err
	}
	a := &api.AgentService{}
	if err := json.Unmarshal(text, a); err != nil {
		return nil, fmt.Errorf("service %q: %w", s.ID, err)
	}
	a.Datacenter, a.CreateIndex, a.ModifyIndex = datacenter, 0, 0
	if a.Meta == nil {
		a.Meta = map[string]string{}
	}
	if a.Tags == nil {
		a.Tags = []string{}
	}
	if !a.Connect.Native {
		a.Connect = nil
	}
	if empty, err := json.Marshal(&record.ProxyConfig{}); err == nil && s.Kind == "" {
		if have, err := json.Marshal(s.Proxy); err == nil && string(have) == string(empty) {
			a.Proxy = nil
		}
	}
	return a, nil
}

// ParseServiceJSON reads what [ServiceJSON] writes. Unknown fields are ignored.
func ParseServiceJSON(text []byte) (*record.NodeService, error) {
	var form struct {
		api.AgentService
		Connect Connect // its sidecar is of no interest
	}
	if err := json.Unmarshal(text, &form); err != nil {
		return nil, err
	}
	a := form.AgentService
	s := Service{
		Kind: string(a.Kind), ID: a.ID, Name: a.Service, Tags: a.Tags, Address: a.Address, Meta: a.Meta, Port: a.Port, SocketPath: a.SocketPath,
		Weights: &Weights{Passing: a.Weights.Passing, Warning: a.Weights.Warning}, EnableTagOverride: a.EnableTagOverride,
		Proxy: a.Proxy, Connect: &form.Connect, Locality: a.Locality,
	}
	for name, t := range a.TaggedAddresses {
		if s.TaggedAddresses == nil {
			s.TaggedAddresses = map[string]Address{}
		}
		s.TaggedAddresses[name] = Address(t)
	}
	if s.Name == "" || s.ID == "" {
		return nil, fmt.Errorf("a service without ID or name")
	}
	return s.NodeService()
}

// ParseCheckJSON reads what [CheckJSON] writes, without the definition, which checks of an agent do not show.
func ParseCheckJSON(text []byte) (*record.HealthCheck, error) {
	var form struct {
		record.HealthCheck
		Definition, Extra json.RawMessage
	}
	if err := json.Unmarshal(text, &form); err != nil {
		return nil, err
	}
	if form.CheckID == "" {
		return nil, fmt.Errorf("a check without an ID")
	}
	return &form.HealthCheck, nil
}
