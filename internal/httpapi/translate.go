package httpapi

import (
	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/record"
)

// wanAddress is the name of the tagged address by which other datacenters reach a node or a service.
const wanAddress = "wan"

// A translatable is a part of an answer that shows addresses.
type translatable interface {
	// useWAN puts the addresses by which other datacenters reach what is shown in place of the others, as far as there are any.
	useWAN()
}

// fromAbroad tells whether a client is to see what is in a datacenter under the addresses by which it is reached from others: its agent is
// in another one, and has been told to want that.
func (h *Handler) fromAbroad(r *request, datacenter string) bool {
	asked, wanted := h.backend.Datacenter(), h.cfg.TranslateWANAddrs
	if m := forward.Of(r.Context()); m != nil {
		asked, wanted = m.Datacenter, m.TranslateAddrs
	}
	return wanted && asked != datacenter
}

func (v *nodeView) useWAN() {
	if address := v.TaggedAddresses[wanAddress]; address != "" {
		v.Address = address
	}
}

func (v *instanceView) useWAN() {
	if address := v.TaggedAddresses[wanAddress]; address != "" {
		v.Address = address
	}
	translateService(v.ServiceTaggedAddresses, &v.ServiceAddress, &v.ServicePort)
}

func (v *healthView) useWAN() {
	v.Node.useWAN()
	serviceUsesWAN(v.Service)
}

// serviceUsesWAN is useWAN of an instance, which must be the answer's own.
func serviceUsesWAN(s *record.NodeService) { translateService(s.TaggedAddresses, &s.Address, &s.Port) }

func translateService(tagged map[string]record.ServiceAddress, address *string, port *int) {
	wan := tagged[wanAddress]
	if wan.Address != "" {
		*address = wan.Address
	}
	if wan.Port != 0 {
		*port = wan.Port
	}
}
