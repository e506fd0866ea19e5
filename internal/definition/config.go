package definition

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
)

// ServiceFromConfig makes a service of its definition in a configuration file, given as the configuration decodes it: canonical
// names, small objects as "weights.passing". The warnings say what was left out.
func ServiceFromConfig(m map[string]any) (s *Service, warnings []string, err error) {
	s = &Service{}
	if err := fromConfig(m, s); err != nil {
		name, _ := m["name"].(string)
		return nil, nil, fmt.Errorf("service %q: %w", name, err)
	}
	s.ID = cmp.Or(s.ID, s.Name)
	if s.Connect.hasSidecar() {
		s.Connect.SidecarService = nil
		warnings = append(warnings, fmt.Sprintf("service %q: connect.sidecar_service is left out, for this agent runs no mesh", s.ID))
	}
	if err := s.validate(); err != nil {
		return nil, nil, fmt.Errorf("Failed to register service %q: %w", s.ID, err)
	}
	return s, warnings, nil
}

// CheckFromConfig makes a check of its definition in a configuration file.
func CheckFromConfig(m map[string]any) (*Check, error) {
	c := &Check{}
	name, _ := m["name"].(string)
	if err := fromConfig(m, c); err != nil {
		return nil, fmt.Errorf("check %q: %w", name, err)
	}
	c.CheckID = cmp.Or(c.CheckID, c.Name)
	c.Name = cmp.Or(c.Name, c.CheckID)
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("Failed to register check '%s': %w", c.CheckID, err)
	}
	return c, nil
}

// fromConfig decodes a definition. Weights that are not given are 1 here, each of them.
func fromConfig(m map[string]any, into any) error {
	text, err := json.Marshal(nested(m))
	if err != nil {
		return errors.New("the definition holds values that JSON does not know")
	}
	if _, ok := into.(*Service); !ok {
		return decode(text, into, true)
	}
	defaults := &struct{ Weights *Weights }{&Weights{Passing: 1, Warning: 1}}
	var given struct{ Weights json.RawMessage }
	if json.Unmarshal(text, &given) == nil && given.Weights != nil {
		if err := decode(given.Weights, defaults.Weights, true); err != nil {
			return err
		}
	}
	s := into.(*Service)
	if err := decode(text, s, true); err != nil {
		return err
	}
	s.Weights = defaults.Weights
	return nil
}
