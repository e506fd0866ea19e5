package agentconfig

import "fmt"

// alias is an old name of a key. Old names are translated file by file, so that within a file the new name wins
// and across files the later file.
type alias struct {
	old, new string
	turnsOn  string // a boolean key that the old name also switches on
	shownOld string // names for the warning, where they differ from the paths
	shownNew string
}

// aliases lists the old names, in the order of their warnings.
var aliases = []alias{
	{old: "acl_datacenter", new: "primary_datacenter", turnsOn: "acl.enabled"},
	{old: "acl_default_policy", new: "acl.default_policy"},
	{old: "acl_down_policy", new: "acl.down_policy"},
	{old: "acl_ttl", new: "acl.token_ttl"},
	{old: "acl_enable_key_list_policy", new: "acl.enable_key_list_policy"},
	{old: "acl_master_token", new: "acl.tokens.initial_management"},
	{old: "acl.tokens.master", new: "acl.tokens.initial_management"},
	{old: "acl_agent_master_token", new: "acl.tokens.agent_recovery"},
	{old: "acl.tokens.agent_master", new: "acl.tokens.agent_recovery"},
	{old: "acl_agent_token", new: "acl.tokens.agent"},
	{old: "acl_token", new: "acl.tokens.default"},
	{old: "enable_acl_replication", new: "acl.enable_token_replication"},
	{old: "acl_replication_token", new: "acl.tokens.replication", turnsOn: "acl.enable_token_replication"},
	{old: "start_join", new: "retry_join"},
	{old: "start_join_wan", new: "retry_join_wan"},
	{old: "ca_file", new: "tls.defaults.ca_file"},
	{old: "ca_path", new: "tls.defaults.ca_path"},
	{old: "cert_file", new: "tls.defaults.cert_file"},
	{old: "key_file", new: "tls.defaults.key_file"},
	{old: "tls_cipher_suites", new: "tls.defaults.tls_cipher_suites"},
	{old: "tls_min_version", new: "tls.defaults.tls_min_version"},
	{old: "verify_outgoing", new: "tls.defaults.verify_outgoing"},
	{old: "verify_incoming", new: "tls.defaults.verify_incoming"},
	{old: "verify_incoming_rpc", new: "tls.internal_rpc.verify_incoming"},
	{old: "verify_incoming_https", new: "tls.https.verify_incoming"},
	{old: "verify_server_hostname", new: "tls.internal_rpc.verify_server_hostname"},
	{old: "raft_boltdb.nofreelistsync", new: "raft_logstore.boltdb.no_freelist_sync", shownOld: "raft_boltdb", shownNew: "raft_logstore.boltdb"},
	{old: "ui", new: "ui_config.enabled"},
	{old: "ui_dir", new: "ui_config.dir"},
	{old: "ui_content_path", new: "ui_config.content_path"},
}

// oldTLSVersions translates the values of tls_min_version.
var oldTLSVersions = map[string]string{"tls10": "TLSv1_0", "tls11": "TLSv1_1", "tls12": "TLSv1_2", "tls13": "TLSv1_3"}

// translate replaces the old names in the values of one file and returns the warnings. origin remembers the old
// name by the new one, for messages that have to name what the operator wrote.
func translate(v values, origin map[string]string) []string {
	var warnings []string
	for _, a := range aliases {
		old, ok := v[a.old]
		if !ok {
			continue
		}
		warnings = append(warnings, a.warning())
		if a.old == "tls_min_version" {
			var warning string
			if old, warning = newTLSVersion(old.(string)); warning != "" {
				warnings = append(warnings, warning)
			}
		}
		a.apply(v, old, origin)
	}
	return append(warnings, dropNames(v)...)
}

func (a alias) warning() string {
	old, name := a.old, a.new
	if a.shownOld != "" {
		old, name = a.shownOld, a.shownNew
	}
	return fmt.Sprintf("The '%s' field is deprecated. Use the '%s' field instead.", old, name)
}

// apply moves the old value to the new name: lists are appended, other values give way to one already there.
func (a alias) apply(v values, old any, origin map[string]string) {
	delete(v, a.old)
	if _, isList := old.([]string); isList {
		v[a.new] = combine(v[a.new], old)
		origin[a.new] = a.old
	} else if _, taken := v[a.new]; !taken {
		v[a.new] = old
		origin[a.new] = a.old
	}
	if a.turnsOn != "" {
		v[a.turnsOn] = true
		origin[a.turnsOn] = a.old
	}
}

func newTLSVersion(old string) (version, warning string) {
	name, ok := oldTLSVersions[old]
	if !ok {
		return old, ""
	}
	return name, fmt.Sprintf("'tls_min_version' value '%s' is deprecated, please specify '%s' instead", old, name)
}

// dropNames removes the old names that have no successor, and the second name of read_replica.
func dropNames(v values) []string {
	var warnings []string
	if _, ok := v["tls_prefer_server_cipher_suites"]; ok {
		warnings = append(warnings, "The 'tls_prefer_server_cipher_suites' field is deprecated and will be ignored.")
		delete(v, "tls_prefer_server_cipher_suites")
	}
	if _, ok := v["acl_enforce_version_8"]; ok {
		warnings = append(warnings, `config key "acl_enforce_version_8" is deprecated and should be removed`)
		delete(v, "acl_enforce_version_8")
	}
	if second, ok := v["non_voting_server"]; ok {
		if _, taken := v["read_replica"]; !taken {
			v["read_replica"] = second
		}
		delete(v, "non_voting_server")
	}
	return warnings
}

// enterprise lists the keys of Consul Enterprise, with the name its own warning uses. They have no effect.
var enterprise = []struct{ path, shown string }{
	{path: "partition"},
	{path: "audit"},
	{path: "license_path"},
	{path: "autopilot.redundancy_zone_tag"},
	{path: "autopilot.upgrade_version_tag"},
	{path: "autopilot.disable_upgrade_migration"},
	{path: "read_replica", shown: "read_replica (or the deprecated non_voting_server)"},
	{path: "dns_config.prefer_namespace"},
	{path: "acl.msp_disable_bootstrap"},
	{path: "acl.tokens.managed_service_provider"},
	{path: "reporting"},
}

// enterpriseWarnings names the Enterprise keys that are set.
func enterpriseWarnings(user values) []string {
	var warnings []string
	for _, e := range enterprise {
		name := e.shown
		if name == "" {
			name = e.path
		}
		for _, path := range user.pathsUnder(e.path) {
			if e.path == "reporting" {
				name = path
			}
			if e.path == "audit" || !isZero(user[path]) {
				warnings = append(warnings, fmt.Sprintf("%q is a Consul Enterprise configuration and will have no effect", name))
			}
		}
	}
	return warnings
}
