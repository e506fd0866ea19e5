package agentconfig

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals and full stops included.

// Flags is a parsed command line. It may be loaded more than once; Load leaves it as it is.
type Flags struct {
	// ConfigPaths are the files and directories of -config-file and -config-dir, in their order.
	ConfigPaths []string
	// ConfigFormat is "", "hcl" or "json"; anything else makes Load fail.
	ConfigFormat string
	// HCL holds the texts of -hcl, in their order.
	HCL []string
	// Dev asks for the presets of a development server.
	Dev bool

	lists    values   // list-valued flags, which go below the files
	settings values   // all other flags, which go over the files
	warnings []string // deprecated flags in use
}

// flagSpec describes a flag that sets a key.
type flagSpec struct {
	name  string
	key   string
	usage string
}

// Flags that set a key; the type is the key's.
var keyFlags = []flagSpec{
	{"advertise", "advertise_addr", "Sets the advertise address to use."},
	{"advertise-wan", "advertise_addr_wan", "Sets the address to advertise on the WAN instead of -advertise."},
	{"allow-write-http-from", "http_config.allow_write_http_from", "Only allow write endpoint calls from the given network in CIDR notation. Can be given multiple times."},
	{"alt-domain", "alt_domain", "Alternate domain to use for DNS."},
	{"auto-reload-config", "auto_reload_config", "Watches the configuration files and reloads them when they change."},
	{"bind", "bind_addr", "Sets the bind address for cluster communication."},
	{"bootstrap", "bootstrap", "Sets the server to bootstrap mode."},
	{"bootstrap-expect", "bootstrap_expect", "Sets the server to expect this number of servers before they elect a leader; 1 is bootstrap mode."},
	{"check_output_max_size", "check_output_max_size", "Sets the maximum output size for checks on this agent."},
	{"client", "client_addr", "Sets the address to bind for client access (HTTP)."},
	{"data-dir", "data_dir", "Path to the directory that holds the agent's state."},
	{"datacenter", "datacenter", "Datacenter of the agent."},
	{"default-query-time", "default_query_time", "Time a blocking query waits when it does not say; e.g. 300s."},
	{"disable-host-node-id", "disable_host_node_id", "Use a random node ID instead of one derived from the host (default true)."},
	{"disable-keyring-file", "disable_keyring_file", "Keep the gossip keyring in memory only."},
	{"dns-port", "ports.dns", "DNS port to use."},
	{"domain", "domain", "Domain to use for DNS."},
	{"enable-local-script-checks", "enable_local_script_checks", "Enables script checks from configuration files."},
	{"enable-script-checks", "enable_script_checks", "Enables script checks from files and from the API."},
	{"encrypt", "encrypt", "Provides the gossip encryption key."},
	{"grpc-port", "ports.grpc", "gRPC port to use."},
	{"grpc-tls-port", "ports.grpc_tls", "gRPC-TLS port to use."},
	{"http-port", "ports.http", "Sets the HTTP API port to listen on; -1 turns it off."},
	{"https-port", "ports.https", "Sets the HTTPS API port to listen on."},
	{"log-file", "log_file", "Path to the file the logs get written to, besides stdout."},
	{"log-json", "log_json", "Output logs in JSON format."},
	{"log-level", "log_level", "Log level of the agent: trace, debug, info, warn or error."},
	{"log-rotate-bytes", "log_rotate_bytes", "Maximum number of bytes written to a log file before it is rotated."},
	{"log-rotate-duration", "log_rotate_duration", "Time after which a log file is rotated."},
	{"log-rotate-max-files", "log_rotate_max_files", "Maximum number of log file archives to keep; 0 keeps all, -1 none."},
	{"max-query-time", "max_query_time", "Longest time a blocking query may wait; e.g. 600s."},
	{"node", "node_name", "Name of this node. Must be unique in the cluster."},
	{"node-id", "node_id", "A unique ID for this node across space and time, in UUID format."},
	{"node-meta", "node_meta", "A metadata key/value pair of this node, as key:value. Can be given multiple times."},
	{"non-voting-server", "read_replica", "Consul Enterprise only; has no effect. Use -read-replica."},
	{"pid-file", "pid_file", "Path to the file the process ID is written to."},
	{"primary-gateway", "primary_gateways", "Address of a mesh gateway in the primary datacenter."},
	{"protocol", "protocol", "Sets the protocol version."},
	{"raft-protocol", "raft_protocol", "Sets the Raft protocol version; only 3 is supported."},
	{"read-replica", "read_replica", "Consul Enterprise only; has no effect."},
	{"recursor", "recursors", "Address of an upstream DNS server. Can be given multiple times."},
	{"rejoin", "rejoin_after_leave", "Rejoin the pool that the agent was in, even if it had left it."},
	{"restore-backup", "restore_backup", "With -restore-from: the ID of the backup to begin with (default latest)."},
	{"restore-cluster", "restore_cluster", "With -restore-from: the name of the cluster whose backup it is, where the store has several."},
	{"restore-from", "restore_from", "A new cluster begins with the latest backup in this store, a directory or a URL. No other cluster does."},
	{"restore-identity", "restore_identity_files", "With -restore-from: a file with keys that decrypt the backup. Can be given multiple times."},
	{"restore-passphrase-file", "restore_passphrase_file", "With -restore-from: a file with the passphrase that decrypts the backup."},
	{"retry-interval", "retry_interval", "Time to wait between join attempts."},
	{"retry-interval-wan", "retry_interval_wan", "Time to wait between join attempts over the WAN."},
	{"retry-join", "retry_join", "Address of an agent to join at start, with retries, or provider=NAME and its settings. Can be given multiple times."},
	{"retry-join-wan", "retry_join_wan", "Address of an agent to join over the WAN at start, with retries. Can be given multiple times."},
	{"retry-max", "retry_max", "Maximum number of join attempts; 0 is for ever."},
	{"retry-max-wan", "retry_max_wan", "Maximum number of join attempts over the WAN; 0 is for ever."},
	{"segment", "segment", "Network segment; refused, as in Consul's Community Edition."},
	{"serf-lan-allowed-cidrs", "serf_lan_allowed_cidrs", "Network that LAN members must come from, in CIDR notation. Can be given multiple times."},
	{"serf-lan-bind", "serf_lan", "Address to bind the LAN gossip to."},
	{"serf-lan-port", "ports.serf_lan", "Sets the port of the LAN gossip."},
	{"serf-wan-allowed-cidrs", "serf_wan_allowed_cidrs", "Network that WAN members must come from, in CIDR notation. Can be given multiple times."},
	{"serf-wan-bind", "serf_wan", "Address to bind the WAN gossip to."},
	{"serf-wan-port", "ports.serf_wan", "Sets the port of the WAN gossip."},
	{"server", "server", "Switches the agent to server mode; without it the agent is a client of servers."},
	{"server-port", "ports.server", "Sets the port servers use among themselves."},
	{"syslog", "enable_syslog", "Also log to syslog."},
	{"ui", "ui_config.enabled", "Enables the web UI."},
	{"ui-content-path", "ui_config.content_path", "Path of the web UI."},
	{"ui-dir", "ui_config.dir", "Directory of the web UI."},
}

// oldFlags maps deprecated flags to the flags that replace them.
var oldFlags = map[string]string{"join": "retry-join", "join-wan": "retry-join-wan"}

// ParseFlags reads the arguments of the agent command, without the command's name. Flags take one or two dashes.
// Help asked for with -h or -help is the error flag.ErrHelp, and printing it is left to the caller. On any other
// mistake the reason and the usage go to stderr, and the error repeats the reason.
func ParseFlags(args []string, stderr io.Writer) (*Flags, error) {
	f := &Flags{lists: values{}, settings: values{}}
	fs := f.flagSet()
	if err := fs.Parse(args); err == flag.ErrHelp {
		return nil, err
	} else if err != nil {
		fmt.Fprintf(stderr, "%v\n%s", err, Usage())
		return nil, fmt.Errorf("error parsing flags: %w", err)
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("Unexpected extra arguments: %v", fs.Args())
	}
	return f, nil
}

// Usage describes the flags of the agent command, one line each.
func Usage() string {
	fs := (&Flags{lists: values{}, settings: values{}}).flagSet()
	var b strings.Builder
	b.WriteString("Usage: lictor agent [options]\n\n  Starts the agent and runs until an interrupt is received.\n\nOptions:\n\n")
	fs.VisitAll(func(fl *flag.Flag) {
		left := "-" + fl.Name
		if arg := argument(fl.Value); arg != "" {
			left += "=<" + arg + ">"
		}
		fmt.Fprintf(&b, "  %-36s %s\n", left, fl.Usage)
	})
	return b.String()
}

// argument names what a flag takes, "" for a boolean.
func argument(v flag.Value) string {
	kv, ok := v.(*keyFlag)
	if !ok {
		if b, ok := v.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			return ""
		}
		return "value"
	}
	return map[kind]string{kindBool: "", kindInt: "int", kindDuration: "duration", kindMap: "key:value"}[kv.kind] +
		map[bool]string{true: "value"}[kv.kind == kindString || kv.kind == kindList]
}

// Describe returns the flags for a help text: those that this release honours, and those that it accepts or refuses without serving
// what they ask for.
func Describe() (served, rest *flag.FlagSet) {
	served, rest = flag.NewFlagSet("", flag.ContinueOnError), flag.NewFlagSet("", flag.ContinueOnError)
	(&Flags{lists: values{}, settings: values{}}).flagSet().VisitAll(func(fl *flag.Flag) {
		into := served
		if strings.Contains(fl.Usage, "(not served") {
			into = rest
		}
		into.Var(fl.Value, fl.Name, fl.Usage)
	})
	return served, rest
}

func (f *Flags) flagSet() *flag.FlagSet {
	fs := flag.NewFlagSet("agent", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	addPath := func(s string) error { f.ConfigPaths = append(f.ConfigPaths, s); return nil }
	fs.Func("config-file", "Configuration file in HCL or JSON, or a directory of them. Can be given multiple times.", addPath)
	fs.Func("config-dir", "Directory of configuration files ending in .hcl or .json, or a file. Can be given multiple times.", addPath)
	fs.StringVar(&f.ConfigFormat, "config-format", "", "Format of all configuration files, whatever their names: hcl or json.")
	fs.Func("hcl", "HCL text, applied after all other flags and files. Can be given multiple times.",
		func(s string) error { f.HCL = append(f.HCL, s); return nil })
	fs.BoolVar(&f.Dev, "dev", false, "Starts a server for development that keeps its state in memory.")
	for _, spec := range keyFlags {
		fs.Var(f.flagFor(spec), spec.name, spec.usage+standing(spec.key))
	}
	for _, old := range slices.Sorted(maps.Keys(oldFlags)) {
		i := slices.IndexFunc(keyFlags, func(s flagSpec) bool { return s.name == oldFlags[old] })
		v := f.flagFor(keyFlags[i])
		v.warning = fmt.Sprintf("The flag '-%s' is deprecated. Use the '-%s' flag instead.", old, oldFlags[old])
		fs.Var(v, old, fmt.Sprintf("Deprecated: use -%s.", oldFlags[old]))
	}
	return fs
}

// standing tells in a flag's usage if its key is not served.
func standing(path string) string {
	switch ruleFor(path).fate {
	case fateNotServed:
		return " (not served: accepted with a warning)"
	case fateProtected:
		return " (not served: refused)"
	}
	return ""
}

func (f *Flags) flagFor(spec flagSpec) *keyFlag {
	k := keyByPath[spec.key]
	v := &keyFlag{flags: f, path: k.path, kind: k.kind, into: f.settings}
	if k.kind == kindList {
		v.into = f.lists
	}
	return v
}

// keyFlag is a flag.Value that sets a configuration key.
type keyFlag struct {
	flags   *Flags
	path    string
	kind    kind
	into    values
	warning string // printed once when the flag is used
}

// String is the flag's value as the flag package asks for it; nothing is shown.
func (v *keyFlag) String() string { return "" }

// IsBoolFlag tells the flag package that no value needs to follow.
func (v *keyFlag) IsBoolFlag() bool { return v.kind == kindBool }

// Set takes one value from the command line.
func (v *keyFlag) Set(s string) error {
	parsed, err := v.parse(s)
	if err != nil {
		return err
	}
	v.into[v.path] = combine(v.into[v.path], parsed)
	if v.warning != "" {
		v.flags.warnings = append(v.flags.warnings, v.warning)
	}
	return nil
}

func (v *keyFlag) parse(s string) (any, error) {
	switch v.kind {
	case kindBool:
		return strconv.ParseBool(s)
	case kindInt:
		return strconv.Atoi(s)
	case kindList:
		return []string{s}, nil
	case kindMap:
		name, value, _ := strings.Cut(s, ":")
		return map[string]string{name: value}, nil
	}
	return s, nil
}
