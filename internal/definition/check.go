package definition

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals and full stops included.

// The states of a check.
const (
	Passing  = "passing"
	Warning  = "warning"
	Critical = "critical"
)

// ValidStatus tells whether text is the state of a check.
func ValidStatus(text string) bool { return text == Passing || text == Warning || text == Critical }

// Check is a health check as it is defined. Its JSON form, with durations in nanoseconds, is that of Consul's persisted checks.
type Check struct {
	CheckID   string // the name, if not given
	Name      string
	ServiceID string `json:",omitempty"` // empty for a check of the node
	Status    string // at first; empty for critical
	Notes     string
	Token     string `json:",omitempty"` // signs the registration; empty for the service's, the request's or the agent's

	ScriptArgs       []string
	Shell            string // runs the words of ScriptArgs, joined by spaces, as its -c argument
	HTTP             string
	Method           string // GET, if not given
	Header           map[string][]string
	Body             string
	DisableRedirects bool
	TCP              string
	TCPUseTLS        bool
	TLSServerName    string
	TLSSkipVerify    bool
	TTL              time.Duration

	UDP               string
	GRPC              string
	GRPCUseTLS        bool
	H2PING            string
	H2PingUseTLS      bool
	DockerContainerID string
	OSService         string
	AliasService      string
	AliasNode         string

	Interval               time.Duration
	Timeout                time.Duration // zero for the default of the kind
	SuccessBeforePassing   int
	FailuresBeforeWarning  int // as FailuresBeforeCritical, if not given
	FailuresBeforeCritical int
	// DeregisterCriticalServiceAfter is how long the check may be critical before its service is removed; zero is for ever.
	DeregisterCriticalServiceAfter time.Duration
	OutputMaxSize                  int // bytes; zero for the agent's limit

	ofService bool // came inside the definition of a service
}

// The kinds of checks that this agent runs.
const (
	KindTTL    = "ttl"
	KindHTTP   = "http"
	KindTCP    = "tcp"
	KindScript = "script"
)

// Kind is the kind of the check: one of the kinds above.
func (c *Check) Kind() string {
	switch {
	case c.HTTP != "":
		return KindHTTP
	case c.TCP != "":
		return KindTCP
	case len(c.ScriptArgs) > 0:
		return KindScript
	}
	return KindTTL
}

// Validate tells whether the check can be registered and run. Errors are of type [*Error].
func (c *Check) Validate() error {
	if cmp.Or(c.CheckID, c.Name) == "" || !c.ofService && c.Name == "" {
		return bad("Missing check name")
	}
	if c.Status != "" && !ValidStatus(c.Status) {
		return bad("Bad check status")
	}
	for _, fault := range []func() string{c.notRun, c.kindFault, c.timingFault} {
		if text := fault(); text != "" {
			return bad("Invalid check: %s", text)
		}
	}
	return nil
}

// notRun refuses the kinds of checks that this agent does not run.
func (c *Check) notRun() string {
	kinds := []struct {
		name string
		set  bool
	}{
		{"gRPC", c.GRPC != ""},
		{"UDP", c.UDP != ""},
		{"H2PING", c.H2PING != ""},
		{"Docker", c.DockerContainerID != ""},
		{"OSService", c.OSService != ""},
		{"alias", c.AliasService != "" || c.AliasNode != ""},
	}
	for _, k := range kinds {
		if k.set {
			return k.name + " checks are not run by this agent; use an HTTP, TCP, script or TTL check instead"
		}
	}
	return ""
}

func (c *Check) kindFault() string {
	var kinds []string
	for name, set := range map[string]bool{"HTTP": c.HTTP != "", "TCP": c.TCP != "", "Script": len(c.ScriptArgs) > 0} {
		if set {
			kinds = append(kinds, name)
		}
	}
	if slices.Sort(kinds); len(kinds) > 1 {
		return strings.Join(kinds, " and ") + " cannot both be specified"
	}
	if c.Shell != "" && len(c.ScriptArgs) == 0 {
		return "Shell needs ScriptArgs"
	}
	return ""
}

func (c *Check) timingFault() string {
	polls := c.Kind() != KindTTL
	warning, critical := c.FailuresBeforeWarning, c.FailuresBeforeCritical
	switch {
	case c.Interval > 0 && c.TTL > 0:
		return "Interval and TTL cannot both be specified"
	case polls && c.Interval <= 0:
		return "Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks"
	case !polls && c.TTL <= 0:
		return "TTL must be > 0 for TTL checks"
	case warning > critical:
		return "FailuresBeforeWarning can't be higher than FailuresBeforeCritical"
	case c.Timeout < 0 || c.DeregisterCriticalServiceAfter < 0:
		return "durations cannot be negative"
	case c.OutputMaxSize < 0:
		return "OutputMaxSize must be positive"
	}
	return ""
}
