package definition

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hashicorp/consul/api"
)

// Service is an instance of a service as it is defined, with its checks.
type Service struct {
	Kind              string
	ID                string // the name, if not given
	Name              string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]Address
	Meta              map[string]string
	Port              int
	SocketPath        string
	Weights           *Weights // nil for 1 and 1
	EnableTagOverride bool
	Token             string // signs the registration; empty for the request's or the agent's
	Check             *Check
	Checks            []*Check
	Proxy             *api.AgentServiceConnectProxyConfig
	Connect           *Connect
	Locality          *api.Locality
}

// Address is one of the addresses that a service has under a name, such as lan or wan.
type Address struct {
	Address string
	Port    int
}

// Weights are those of DNS answers, for an instance that is passing and for one that is warning.
type Weights struct {
	Passing int
	Warning int
}

// Connect says how a service takes part in the mesh.
type Connect struct {
	Native         bool            `json:",omitempty"`
	SidecarService json.RawMessage `json:",omitempty"`
}

func (c *Connect) hasSidecar() bool {
	return c != nil && len(c.SidecarService) > 0 && string(c.SidecarService) != "null"
}

// AllChecks are the checks of the service, with the IDs and names they get if they have none. They are copies.
func (s *Service) AllChecks() []*Check {
	all := s.definedChecks()
	for i, c := range all {
		named := *c
		named.ServiceID = s.ID
		named.ofService = true
		if named.CheckID == "" {
			named.CheckID = "service:" + s.ID
			if len(all) > 1 {
				named.CheckID = fmt.Sprintf("service:%s:%d", s.ID, i+1)
			}
		}
		named.Name = cmp.Or(named.Name, fmt.Sprintf("Service '%s' check", s.Name))
		named.Token = cmp.Or(named.Token, s.Token)
		all[i] = &named
	}
	return all
}

func (s *Service) definedChecks() []*Check {
	return slices.DeleteFunc(append([]*Check{s.Check}, s.Checks...), func(c *Check) bool { return c == nil })
}

// Validate tells whether the service can be registered. Errors are of type [*Error].
func (s *Service) Validate() error {
	if err := s.validate(); err != nil {
		return err
	}
	if s.Weights != nil && s.Weights.Passing < 1 {
		return bad("Invalid Weights: Passing must be greater than 0")
	}
	return nil
}

// validate leaves out what is allowed in configuration files only: a weight of zero.
func (s *Service) validate() error {
	switch {
	case s.Name == "":
		return bad("Missing service name")
	case slices.Contains([]string{"0.0.0.0", "::", "[::]"}, s.Address):
		return bad("Invalid service address")
	case s.SocketPath != "" && (s.Address != "" || s.Port != 0):
		return bad("Invalid service: SocketPath cannot be combined with Address or Port")
	}
	if w := s.Weights; w != nil && (max(w.Passing, w.Warning) > 65535 || min(w.Passing, w.Warning) < 0) {
		return bad("Invalid Weights: DNS Weight must be between 0 and 65535")
	}
	if err := CheckMeta(s.Meta); err != nil {
		return bad("Invalid Service Meta: %s", err)
	}
	return s.validateChecks()
}

func (s *Service) validateChecks() error {
	seen := map[string]bool{}
	for _, c := range s.AllChecks() {
		if err := c.Validate(); err != nil {
			return err
		}
		if seen[c.CheckID] {
			return bad("Invalid check: the ID %q is used twice", c.CheckID)
		}
		seen[c.CheckID] = true
	}
	return nil
}
