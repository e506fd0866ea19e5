package agentconfig

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals and full stops included.

// minRejoinAge is the least value of server_rejoin_age_max.
const minRejoinAge = 6 * time.Hour

// checkValues checks what can be checked value by value, and tells of all faults at once.
func checkValues(s *settings, _ *Config) error {
	var errs *multierror.Error
	for _, path := range slices.Sorted(maps.Keys(s.user)) {
		k := keyByPath[path]
		if k == nil {
			continue
		}
		if err := checkValue(k, s.user[path]); err != nil {
			errs = multierror.Append(errs, err)
		}
	}
	for _, cidr := range badCIDRs(s.list("http_config.allow_write_http_from")) {
		errs = multierror.Append(errs, fmt.Errorf("allow_write_http_from: invalid cidr: %s", cidr))
	}
	if err := errs.ErrorOrNil(); err != nil {
		return err
	}
	return checkRanges(s)
}

// checkValue checks one setting by its kind and name.
func checkValue(k *key, v any) error {
	switch {
	case k.kind == kindDuration:
		return checkDuration(k, v.(string))
	case strings.HasPrefix(k.path, "ports.") && v.(int) > 65535:
		return fmt.Errorf("%s: invalid port: %d", k.path, v)
	case k.path == "limits.request_limits.mode":
		if mode := v.(string); !slices.Contains([]string{"disabled", "permissive", "enforcing", ""}, mode) {
			return fmt.Errorf("limits.request_limits.mode: invalid mode: %q", mode)
		}
	case slices.Contains(notNegative, k.path) && v.(int) < 0:
		return fmt.Errorf("%s: cannot be negative: %d", k.path, v)
	case slices.Contains(positive, k.path) && v.(int) <= 0:
		return fmt.Errorf("%s: must be positive: %d", k.path, v)
	}
	return nil
}

// notNegative are served numbers of which a negative makes no sense.
var notNegative = []string{
	"raft_snapshot_threshold", "raft_trailing_logs", "limits.kv_max_value_size", "limits.txn_max_req_len",
	"http_config.max_header_bytes", "log_rotate_bytes", "autopilot.max_trailing_logs", "autopilot.min_quorum",
	"limits.rpc_max_burst", "retry_max",
}

// positive are served numbers that nothing works without.
var positive = []string{"gossip_lan.gossip_nodes", "gossip_lan.suspicion_mult", "gossip_lan.retransmit_mult"}

// notNegativeDurations are served durations of which a negative makes no sense.
var notNegativeDurations = []string{
	"default_query_time", "max_query_time", "performance.rpc_hold_timeout", "performance.leave_drain_time",
	"raft_snapshot_interval", "log_rotate_duration", "autopilot.last_contact_threshold", "autopilot.server_stabilization_time",
	"limits.rpc_handshake_timeout", "limits.https_handshake_timeout", "limits.rpc_client_timeout", "discovery_max_stale", "advertise_reconnect_timeout",
	"acl.token_ttl", "acl.policy_ttl", "acl.role_ttl",
}

// positiveDurations are served durations that nothing works without.
var positiveDurations = []string{
	"gossip_lan.gossip_interval", "gossip_lan.probe_interval", "gossip_lan.probe_timeout", "retry_interval", "reconnect_timeout",
	"gossip_wan.gossip_interval", "gossip_wan.probe_interval", "gossip_wan.probe_timeout", "retry_interval_wan", "reconnect_timeout_wan",
}

func checkDuration(k *key, text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%s: invalid duration: %q: %w", k.path, text, err)
	}
	if k.path == "server_rejoin_age_max" && d < minRejoinAge {
		return fmt.Errorf("%s: duration '%s' cannot be less than: %s", k.path, text, minRejoinAge)
	}
	if d < 0 && slices.Contains(notNegativeDurations, k.path) {
		return fmt.Errorf("%s: cannot be negative: %s", k.path, text)
	}
	if d <= 0 && slices.Contains(positiveDurations, k.path) {
		return fmt.Errorf("%s: must be positive: %s", k.path, text)
	}
	return nil
}

func badCIDRs(cidrs []string) []string {
	return slices.DeleteFunc(slices.Clone(cidrs), func(c string) bool { _, _, err := net.ParseCIDR(c); return err == nil })
}

// checkRanges checks settings that have a text of their own.
func checkRanges(s *settings) error {
	for _, path := range []string{"serf_lan_allowed_cidrs", "serf_wan_allowed_cidrs"} {
		var errs *multierror.Error
		for _, cidr := range badCIDRs(s.list(path)) {
			errs = multierror.Append(errs, fmt.Errorf("invalid cidr: %s", cidr))
		}
		if err := errs.ErrorOrNil(); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if m := s.integer("performance.raft_multiplier"); m < 1 || m > 10 {
		return fmt.Errorf("performance.raft_multiplier cannot be %d. Must be between 1 and 10", m)
	}
	if v := s.integer("raft_protocol"); v != 3 {
		return fmt.Errorf("raft_protocol version %d is not supported by this version of Consul", v)
	}
	if b := s.str("raft_logstore.backend"); b != "" && b != "boltdb" && b != "wal" {
		return errors.New("raft_logstore.backend must be one of 'boltdb' or 'wal'")
	}
	if mb := s.integer("raft_logstore.wal.segment_size_mb"); mb < 1 || mb > 1024 {
		return fmt.Errorf("raft_logstore.wal.segment_size_mb cannot be %d. Must be between 1 and 1024", mb)
	}
	if s.integer("check_output_max_size") < 1 {
		return errors.New("check_output_max_size must be positive, to discard check output use the discard_check_output flag")
	}
	return checkPortRanges(s)
}

func checkPortRanges(s *settings) error {
	for _, name := range []string{"proxy", "sidecar", "expose"} {
		low, high := s.integer("ports."+name+"_min_port"), s.integer("ports."+name+"_max_port")
		if high < low {
			return fmt.Errorf("ports.%s_min_port must be less than ports.%s_max_port. To disable, set both to zero.", name, name)
		}
	}
	if s.integer("ports.serf_lan") <= 0 {
		return errors.New("serf-lan-port must be greater than zero")
	}
	if s.integer("ports.server") <= 0 {
		return errors.New("server-port must be greater than zero")
	}
	return nil
}

var (
	validDatacenter = regexp.MustCompile(`^[a-z0-9_-]+$`)
	dnsName         = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
)

// checkNames checks the names of datacenters and of the network segment.
func checkNames(s *settings, c *Config) error {
	if s.str("segment") != "" || !isZero(s.get("segments")) {
		return errors.New("Network segments are not supported in this version of Consul")
	}
	c.Datacenter = strings.ToLower(s.str("datacenter"))
	c.PrimaryDatacenter = cmp.Or(strings.ToLower(s.str("primary_datacenter")), c.Datacenter)
	if !validDatacenter.MatchString(c.Datacenter) {
		return badDatacenter("datacenter", c.Datacenter)
	}
	if !validDatacenter.MatchString(c.PrimaryDatacenter) {
		return badDatacenter("primary_datacenter", c.PrimaryDatacenter)
	}
	if !dnsName.MatchString(c.Datacenter) {
		s.warn(fmt.Sprintf("Datacenter : %q will not be PKI X.509 compatible due to invalid characters. "+
			"Valid characters include all alpha-numerics and dashes.", c.Datacenter))
	}
	return nil
}

func badDatacenter(name, dc string) error {
	return fmt.Errorf("%s can only contain lowercase alphanumeric, - or _ characters. received: %q", name, dc)
}

var logLevels = []string{"TRACE", "DEBUG", "INFO", "WARN", "ERR", "ERROR"}

// logLevel returns the level's one name.
func logLevel(name string) (string, error) {
	level := strings.ToUpper(name)
	if !slices.Contains(logLevels, level) {
		return "", fmt.Errorf("Invalid log level: %s. Valid log levels are: %v", name, logLevels)
	}
	if level == "ERR" {
		level = "ERROR"
	}
	return level, nil
}

// warnSettings tells of settings that are valid but not wise.
func warnSettings(s *settings, _ *Config) error {
	if s.boolean("enable_script_checks") && !s.boolean("acl.enabled") && len(s.list("http_config.allow_write_http_from")) == 0 {
		s.warn("using enable-script-checks without ACLs and without allow_write_http_from is DANGEROUS, " +
			"use enable-local-script-checks instead, see " +
			"https://www.hashicorp.com/blog/protecting-consul-from-rce-risk-in-specific-configurations/")
	}
	for _, r := range s.list("telemetry.prefix_filter") {
		if !strings.HasPrefix(r, "+") && !strings.HasPrefix(r, "-") {
			s.warn(fmt.Sprintf("Filter rule must begin with either '+' or '-': %q", r))
		}
	}
	return nil
}

func refuseUnserved(s *settings, _ *Config) error { return refuseProtected(s.user, s.origin) }
