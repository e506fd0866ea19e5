package agentconfig

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals and full stops included.

// checkDefinitions checks service, check and watch definitions, so that a file which Consul refuses is refused
// whether or not the definitions are served.
func checkDefinitions(s *settings, _ *Config) error {
	services, _ := s.get("services").([]values)
	for _, v := range services {
		if err := checkService(v); err != nil {
			return err
		}
	}
	checks, _ := s.get("checks").([]values)
	for _, v := range checks {
		if err := checkCheck(v); err != nil {
			return err
		}
	}
	watches, _ := s.get("watches").([]any)
	for _, w := range watches {
		if err := checkWatch(w); err != nil {
			return err
		}
	}
	return nil
}

func checkService(v values) error {
	name, _ := v["name"].(string)
	if name == "" {
		return errors.New(`Failed to register service "": Service name missing`)
	}
	for _, path := range []string{"weights.passing", "weights.warning"} {
		if w, ok := v[path].(int); ok && (w < 0 || w > 65535) {
			return multierror.Append(nil, fmt.Errorf("Invalid weight definition for service %s: DNS Weight must be between 0 and 65535", name))
		}
	}
	checks, _ := v["checks"].([]values)
	if one, ok := v["check"].(values); ok {
		checks = append([]values{one}, checks...)
	}
	for _, c := range checks {
		if err := checkCheck(c); err != nil {
			return fmt.Errorf("service %q: %w", name, err)
		}
	}
	return nil
}

// checkCheck checks one check definition.
func checkCheck(v values) error {
	name, _ := v["name"].(string)
	durations, err := checkDurations(v)
	if err == nil {
		err = checkTiming(v, durations["interval"], durations["ttl"])
	}
	if err != nil {
		return fmt.Errorf("check %q: %w", name, err)
	}
	return nil
}

// checkDurations parses the durations of a check by the names of their fields.
func checkDurations(v values) (map[string]time.Duration, error) {
	durations := map[string]time.Duration{}
	for _, k := range checkKeys {
		text, ok := v[k.path].(string)
		if k.kind != kindDuration || !ok {
			continue
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("%s: invalid duration: %q: %w", k.path, text, err)
		}
		durations[k.path] = d
	}
	return durations, nil
}

// pollers are the fields whose checks run at an interval.
var pollers = []string{"args", "http", "h2ping", "tcp", "udp", "grpc", "os_service", "docker_container_id"}

// checkTiming checks that a check either polls at an interval or waits for reports within a TTL.
func checkTiming(v values, interval, ttl time.Duration) error {
	polls := slices.ContainsFunc(pollers, func(p string) bool { return !isZero(v[p]) })
	alias := !isZero(v["alias_service"]) || !isZero(v["alias_node"])
	warning, _ := v["failures_before_warning"].(int)
	critical, _ := v["failures_before_critical"].(int)
	switch {
	case interval > 0 && ttl > 0:
		return errors.New("Interval and TTL cannot both be specified")
	case polls && interval <= 0:
		return errors.New("Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks")
	case !polls && !alias && ttl <= 0:
		return errors.New("TTL must be > 0 for TTL checks")
	case warning > critical:
		return errors.New("FailuresBeforeWarning can't be higher than FailuresBeforeCritical")
	}
	return nil
}

var watchTypes = []string{"key", "keyprefix", "services", "nodes", "service", "checks", "event", "connect_roots", "connect_leaf", "agent_service"}

func checkWatch(raw any) error {
	if l, ok := raw.([]map[string]any); ok && len(l) == 1 {
		raw = l[0]
	}
	m, ok := raw.(map[string]any)
	if !ok {
		return fmt.Errorf("'watches' expected a map, got '%s'", kindName(raw))
	}
	fields := strings.Join(slices.Sorted(maps.Keys(m)), " ")
	typ, ok := m[spelling(m, "type")].(string)
	if !ok {
		return fmt.Errorf("Failed to parse watch (%s): Watch type must be specified", fields)
	}
	if !slices.Contains(watchTypes, typ) {
		return fmt.Errorf("Failed to parse watch (%s): Unsupported watch type: %s", fields, typ)
	}
	return nil
}
