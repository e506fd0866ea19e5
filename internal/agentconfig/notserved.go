package agentconfig

import (
	"fmt"
	"slices"
	"strings"
)

// rule tells what happens to a key, or to every key of a block, that is set to something else than its default.
// Of several rules that match a key, the one with the longest name counts.
type rule struct {
	key      string
	why      string
	harmless func(v any) bool // values that need no mention besides the default; may be nil
}

// Reasons that several keys share.
const (
	noDNS      = "DNS is not served"
	noGRPC     = "gRPC is not served"
	noMesh     = "the service mesh is not served"
	noUI       = "the web UI is not served"
	noCirconus = "metrics are not sent to Circonus: telemetry has statsd, DogStatsD and Prometheus"
)

// notServed lists the keys that are accepted with one warning. A release that learns to serve a key deletes its
// line. Part of it is outside of the product for good: DNS, gRPC, the mesh, the web UI.
var notServed = []rule{
	{key: "protocol", why: "the agents of this release speak one version of the gossip protocol"},
	{key: "locality", why: "localities are not served"},
	{key: "cache", why: "the agent cache is not served by this release"},
	{key: "telemetry.circonus_api_app", why: noCirconus},
	{key: "telemetry.circonus_api_token", why: noCirconus},
	{key: "telemetry.circonus_api_url", why: noCirconus},
	{key: "telemetry.circonus_broker_id", why: noCirconus},
	{key: "telemetry.circonus_broker_select_tag", why: noCirconus},
	{key: "telemetry.circonus_check_display_name", why: noCirconus},
	{key: "telemetry.circonus_check_force_metric_activation", why: noCirconus},
	{key: "telemetry.circonus_check_id", why: noCirconus},
	{key: "telemetry.circonus_check_instance_id", why: noCirconus},
	{key: "telemetry.circonus_check_search_tag", why: noCirconus},
	{key: "telemetry.circonus_check_tags", why: noCirconus},
	{key: "telemetry.circonus_submission_interval", why: noCirconus},
	{key: "telemetry.circonus_submission_url", why: noCirconus},
	{key: "acl.tokens.dns", why: noDNS},
	{key: "ports.dns", why: noDNS, harmless: notPositive},
	{key: "addresses.dns", why: noDNS},
	{key: "dns_config", why: noDNS},
	{key: "domain", why: noDNS + ": it is used in the names of servers in TLS certificates alone", harmless: func(v any) bool { return v == "consul" }},
	{key: "alt_domain", why: noDNS},
	{key: "recursors", why: noDNS},
	{key: "ports.grpc", why: noGRPC, harmless: notPositive},
	{key: "ports.grpc_tls", why: noGRPC, harmless: notPositive},
	{key: "addresses.grpc", why: noGRPC},
	{key: "addresses.grpc_tls", why: noGRPC},
	{key: "tls.grpc", why: noGRPC},
	{key: "ui_config", why: noUI},
	{key: "connect", why: noMesh},
	{key: "connect.ca_config", why: noMesh, harmless: onlyClusterID},
	{key: "xds", why: noMesh},
	{key: "peering", why: "cluster peering is not served"},
	{key: "config_entries", why: "configuration entries are not served"},
	{key: "enable_central_service_config", why: noMesh},
	{key: "default_intention_policy", why: noMesh},
	{key: "primary_gateways", why: noMesh},
	{key: "primary_gateways_interval", why: noMesh},
	{key: "cloud", why: "HashiCorp's cloud platform is not served"},
	{key: "experiments", why: "Consul's experiments are not served"},
	{key: "watches", why: "watches are not served: no handler will run"},
	{key: "disable_remote_exec", why: "remote execution (consul exec) is not served"},
}

// protected lists the keys that protect data, secrets or access and are not served yet. Load refuses to go on
// when one of them is in use. A release that learns to serve a key deletes its line.
var protected = []rule{
	{key: "limits.request_limits.mode", why: "request limits"},
	{key: "connect.enable_mesh_gateway_wan_federation", why: "WAN federation through mesh gateways"},
	{key: "auto_encrypt.tls", why: "automatic TLS"},
	{key: "auto_encrypt.allow_tls", why: "automatic TLS"},
	{key: "auto_config.enabled", why: "automatic configuration"},
	{key: "auto_config.authorization.enabled", why: "automatic configuration"},
	{key: "audit.enabled", why: "audit logs"},
}

// silent lists the keys that are accepted without a word, because whatever they say changes nothing here.
var silent = []string{
	// Always set by test harnesses, and without effect: the mesh and peering are not there either way.
	"connect.enabled", "peering.enabled",
	// Mean nothing without auto_encrypt.tls, auto_config.enabled and a request limit mode, which are refused.
	"auto_encrypt", "auto_config",
	"limits.request_limits.read_rate", "limits.request_limits.write_rate",
	// Tuning of parts that are built in another way: there is no xDS server or choice of log store.
	"rpc.enable_streaming", "use_streaming_backend", "raft_logstore",
	"performance.grpc_keepalive_interval", "performance.grpc_keepalive_timeout", "performance.enable_xds_load_balancing",
	"ports.proxy_min_port", "ports.proxy_max_port", "ports.sidecar_min_port", "ports.sidecar_max_port",
	"ports.expose_min_port", "ports.expose_max_port",
	// This agent never calls home.
	"disable_update_check", "disable_anonymous_signature",
	"telemetry.retry_failed_connection", "telemetry.enable_host_metrics", "telemetry.disable_per_tenancy_usage_metrics",
	// Read by the snapshot agent only.
	"snapshot_agent",
	// Overwritten by internal values in Consul too.
	"version", "version_prerelease", "version_metadata", "revision", "build_date", "ae_interval",
	"check_deregister_interval_min", "check_reap_interval", "sync_coordinate_interval_min", "sync_coordinate_rate_target",
	"segment_limit", "segment_name_limit", "consul", "license_poll_base_time", "license_poll_max_time",
	"license_update_base_time", "license_update_max_time",
	// Refused by name when not empty.
	"segment", "segments",
}

// fate is what happens to a key that is set.
type fate int

const (
	fateServed fate = iota
	fateNotServed
	fateProtected
	fateSilent
	fateEnterprise
)

// rules is every table in one; an entry is found by the name of its key.
var rules = indexRules()

type ruling struct {
	fate fate
	rule rule
}

func indexRules() map[string]ruling {
	index := map[string]ruling{}
	for _, r := range notServed {
		index[r.key] = ruling{fateNotServed, r}
	}
	for _, r := range protected {
		index[r.key] = ruling{fateProtected, r}
	}
	for _, k := range silent {
		index[k] = ruling{fateSilent, rule{key: k}}
	}
	for _, e := range enterprise {
		index[e.path] = ruling{fateEnterprise, rule{key: e.path}}
	}
	return index
}

// ruleFor returns the ruling with the longest name that is path or a block around it; none means served.
func ruleFor(path string) ruling {
	for p := path; p != ""; p = p[:max(strings.LastIndexByte(p, '.'), 0)] {
		if r, ok := rules[p]; ok {
			return r
		}
	}
	return ruling{fate: fateServed}
}

// inUse groups the set keys that matter to a fate by the rule that decides.
func (user values) inUse(want fate) map[string][]string {
	groups := map[string][]string{}
	for path, v := range user {
		r := ruleFor(path)
		if r.fate != want || isDefault(path, v) || r.rule.harmless != nil && r.rule.harmless(v) {
			continue
		}
		groups[r.rule.key] = append(groups[r.rule.key], path)
	}
	return groups
}

// notServedWarnings returns one warning for each rule that keys in use fall under.
func notServedWarnings(user values) []string {
	groups := user.inUse(fateNotServed)
	var warnings []string
	for _, r := range notServed {
		paths := groups[r.key]
		if len(paths) == 0 {
			continue
		}
		slices.Sort(paths)
		noun := "field is"
		if len(paths) > 1 {
			noun = "fields are"
		}
		warnings = append(warnings, fmt.Sprintf("The '%s' %s accepted, but %s", strings.Join(paths, "', '"), noun, r.why))
	}
	return warnings
}

// refuseProtected fails when a protecting key is in use that this release does not serve. It names all of them,
// old names too, and never a value.
func refuseProtected(user values, origin map[string]string) error {
	groups := user.inUse(fateProtected)
	var lines []string
	for _, r := range protected {
		paths := groups[r.key]
		slices.Sort(paths)
		for _, path := range paths {
			name := path
			if old := origin[path]; old != "" {
				name = fmt.Sprintf("%s (set by %s)", path, old)
			}
			lines = append(lines, fmt.Sprintf("\n\t* %s: %s", name, r.why))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("the agent refuses to start rather than run with less protection than asked; "+
		"this release does not serve:%s\nremove these keys, or wait for a release that serves them", strings.Join(lines, ""))
}

// isDefault reports whether a value is what the key has without configuration.
func isDefault(path string, v any) bool {
	k := keyByPath[path]
	if k == nil || k.def == nil {
		return isZero(v)
	}
	if k.kind == kindDuration {
		return sameDuration(v.(string), k.def.(string))
	}
	return v == k.def
}

func notPositive(v any) bool { n, ok := v.(int); return ok && n <= 0 }

// onlyClusterID accepts the one setting that test harnesses write into connect.ca_config.
func onlyClusterID(v any) bool {
	if l, ok := v.([]map[string]any); ok && len(l) == 1 {
		v = l[0]
	}
	m, ok := v.(map[string]any)
	return ok && len(m) == 1 && spelling(m, "cluster_id") != ""
}
