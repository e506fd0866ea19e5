package agentconfig

import (
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
)

func TestFlagMistakes(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		err    string
		stderr string // beginning of what is printed
	}{
		{"unknown", []string{"-foo"}, "error parsing flags: flag provided but not defined: -foo", "flag provided but not defined: -foo\nUsage: "},
		{"removed", []string{"-dc=x"}, "error parsing flags: flag provided but not defined: -dc", "flag provided"},
		{"bad int", []string{"-bootstrap-expect", "x"},
			`error parsing flags: invalid value "x" for flag -bootstrap-expect: strconv.Atoi: parsing "x": invalid syntax`, "invalid value"},
		{"bad bool", []string{"-server=maybe"},
			`error parsing flags: invalid boolean value "maybe" for -server: strconv.ParseBool: parsing "maybe": invalid syntax`, "invalid boolean"},
		{"no value", []string{"-node"}, "error parsing flags: flag needs an argument: -node", "flag needs"},
		{"stray word", []string{"-server", "extra"}, "Unexpected extra arguments: [extra]", ""},
		{"boolean value apart", []string{"-server", "true"}, "Unexpected extra arguments: [true]", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr strings.Builder
			_, err := ParseFlags(tt.args, &stderr)
			if err == nil || err.Error() != tt.err {
				t.Errorf("error %v, want %s", err, tt.err)
			}
			if !strings.HasPrefix(stderr.String(), tt.stderr) || (tt.stderr == "") != (stderr.Len() == 0) {
				t.Errorf("stderr %q, want it to begin with %q", stderr.String(), tt.stderr)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, arg := range []string{"-h", "-help", "--help"} {
		var stderr strings.Builder
		if _, err := ParseFlags([]string{arg}, &stderr); !errors.Is(err, flag.ErrHelp) || stderr.Len() > 0 {
			t.Errorf("%s: %v, stderr %q", arg, err, stderr.String())
		}
	}
}

func TestUsageNamesEveryFlag(t *testing.T) {
	usage := Usage()
	// The flags of the agent command as documented.
	for name := range strings.FieldsSeq(`config-file config-dir config-format hcl dev server bootstrap bootstrap-expect data-dir
		datacenter pid-file node node-id node-meta disable-host-node-id bind client advertise advertise-wan serf-lan-bind
		serf-wan-bind http-port https-port server-port serf-lan-port serf-wan-port serf-lan-allowed-cidrs
		serf-wan-allowed-cidrs allow-write-http-from encrypt disable-keyring-file retry-join retry-join-wan retry-interval
		retry-interval-wan retry-max retry-max-wan join join-wan rejoin enable-script-checks enable-local-script-checks
		check_output_max_size default-query-time max-query-time log-level log-json log-file log-rotate-bytes
		log-rotate-duration log-rotate-max-files syslog auto-reload-config protocol raft-protocol dns-port domain alt-domain
		recursor grpc-port grpc-tls-port ui ui-dir ui-content-path primary-gateway segment read-replica non-voting-server`) {
		if !strings.Contains(usage, "\n  -"+name+" ") && !strings.Contains(usage, "\n  -"+name+"=<") {
			t.Errorf("usage lacks -%s", name)
		}
	}
}

// The help keeps the flags apart that ask for what is not served.
func TestHelpTellsWhatIsServed(t *testing.T) {
	served, rest := Describe()
	for name := range strings.FieldsSeq(`server bootstrap-expect retry-join retry-interval retry-max join rejoin serf-lan-bind serf-lan-port
		serf-lan-allowed-cidrs encrypt disable-keyring-file node-id advertise
		retry-join-wan serf-wan-bind serf-wan-port serf-wan-allowed-cidrs advertise-wan`) {
		if served.Lookup(name) == nil || rest.Lookup(name) != nil {
			t.Errorf("-%s is served", name)
		}
	}
	for name := range strings.FieldsSeq(`dns-port protocol`) {
		if served.Lookup(name) != nil || rest.Lookup(name) == nil {
			t.Errorf("-%s is not served", name)
		}
	}
}

func TestEveryKeyFlagIsTyped(t *testing.T) {
	for _, spec := range keyFlags {
		k := keyByPath[spec.key]
		if k == nil {
			t.Errorf("-%s sets %s, which is no key", spec.name, spec.key)
			continue
		}
		f, err := ParseFlags([]string{"--" + spec.name + "=1"}, io.Discard)
		if err != nil {
			t.Errorf("-%s=1: %v", spec.name, err)
			continue
		}
		from := f.settings
		if k.kind == kindList {
			from = f.lists
		}
		if _, ok := from[spec.key]; !ok {
			t.Errorf("-%s does not set %s", spec.name, spec.key)
		}
	}
}

func TestDeprecatedFlag(t *testing.T) {
	f, err := ParseFlags([]string{"-join", "a", "-retry-join", "b", "-join", "c", "-join-wan=w"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s, err := gather(f)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.list("retry_join"), " "); got != "a b c" {
		t.Errorf("retry_join = %s", got)
	}
	want := "The flag '-join' is deprecated. Use the '-retry-join' flag instead.|" +
		"The flag '-join-wan' is deprecated. Use the '-retry-join-wan' flag instead."
	if got := strings.Join(s.warnings, "|"); got != want {
		t.Errorf("warnings = %s", got)
	}
}
