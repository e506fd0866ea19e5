package recordjson

import "time"

// The fields of config entries, in the order and with the omissions that the real decode shows. Where it was never seen to print
// a field, the field is left out when empty if the public API client leaves it out.

type serviceDefaults struct {
	Kind                      string
	Name                      string
	Protocol                  string
	Mode                      string `json:",omitempty"`
	TransparentProxy          transparentProxy
	MutualTLSMode             string `json:",omitempty"`
	MeshGateway               meshGateway
	Expose                    expose
	ExternalSNI               string                 `json:",omitempty"`
	UpstreamConfig            *upstreamConfiguration `json:",omitempty"`
	Destination               *destination           `json:",omitempty"`
	MaxInboundConnections     int                    `json:",omitempty"`
	LocalConnectTimeoutMs     int                    `json:",omitempty"`
	LocalRequestTimeoutMs     int                    `json:",omitempty"`
	BalanceInboundConnections string                 `json:",omitempty"`
	RateLimits                *rateLimits            `json:",omitempty"`
	EnvoyExtensions           []envoyExtension       `json:",omitempty"`
	MaxRequestHeadersKB       *uint32                `json:",omitempty"`
	Meta                      map[string]string      `json:",omitempty"`
	Hash                      uint64                 `json:",omitempty"`
	CreateIndex               uint64
	ModifyIndex               uint64
}

type upstreamConfiguration struct {
	Overrides []*upstreamConfig `json:",omitempty"`
	Defaults  *upstreamConfig   `json:",omitempty"`
}

type upstreamConfig struct {
	Name                       string `json:",omitempty"`
	Peer                       string
	EnvoyListenerJSON          string              `json:",omitempty"`
	EnvoyClusterJSON           string              `json:",omitempty"`
	Protocol                   string              `json:",omitempty"`
	ConnectTimeoutMs           int                 `json:",omitempty"`
	Limits                     *upstreamLimits     `json:",omitempty"`
	PassiveHealthCheck         *passiveHealthCheck `json:",omitempty"`
	MeshGateway                meshGateway
	BalanceOutboundConnections string `json:",omitempty"`
}

type upstreamLimits struct {
	MaxConnections        *int `json:",omitempty"`
	MaxPendingRequests    *int `json:",omitempty"`
	MaxConcurrentRequests *int `json:",omitempty"`
}

type passiveHealthCheck struct {
	Interval                time.Duration  `json:",omitempty"`
	MaxFailures             uint32         `json:",omitempty"`
	EnforcingConsecutive5xx *uint32        `json:",omitempty"`
	MaxEjectionPercent      *uint32        `json:",omitempty"`
	BaseEjectionTime        *time.Duration `json:",omitempty"`
}

type destination struct {
	Addresses []string `json:",omitempty"`
	Port      int      `json:",omitempty"`
}

type rateLimits struct {
	InstanceLevel struct {
		RequestsPerSecond int
		RequestsMaxBurst  int
		Routes            []struct {
			PathExact         string
			PathPrefix        string
			PathRegex         string
			RequestsPerSecond int
			RequestsMaxBurst  int
		}
	}
}

type proxyDefaults struct {
	Kind                 string
	Name                 string
	Protocol             string `json:"-"`
	Config               map[string]anything
	Mode                 string `json:",omitempty"`
	TransparentProxy     transparentProxy
	MutualTLSMode        string `json:",omitempty"`
	MeshGateway          meshGateway
	Expose               expose
	AccessLogs           accessLogs
	EnvoyExtensions      []envoyExtension      `json:",omitempty"`
	FailoverPolicy       *failoverPolicy       `json:",omitempty"`
	PrioritizeByLocality *prioritizeByLocality `json:",omitempty"`
	Meta                 map[string]string     `json:",omitempty"`
	Hash                 uint64                `json:",omitempty"`
	CreateIndex          uint64
	ModifyIndex          uint64
}

type failoverPolicy struct {
	Mode    string   `json:",omitempty"`
	Regions []string `json:",omitempty"`
}

type prioritizeByLocality struct {
	Mode string `json:",omitempty"`
}

type serviceRouter struct {
	Kind        string
	Name        string
	Routes      []serviceRoute    `json:",omitempty"`
	Meta        map[string]string `json:",omitempty"`
	Hash        uint64            `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

type serviceRoute struct {
	Match *struct {
		HTTP *routeMatch `json:",omitempty"`
	} `json:",omitempty"`
	Destination *routeDestination `json:",omitempty"`
}

type routeMatch struct {
	PathExact       string                 `json:",omitempty"`
	PathPrefix      string                 `json:",omitempty"`
	PathRegex       string                 `json:",omitempty"`
	CaseInsensitive bool                   `json:",omitempty"`
	Header          []headerMatch          `json:",omitempty"`
	QueryParam      []routeQueryParamMatch `json:",omitempty"`
	Methods         []string               `json:",omitempty"`
}

type headerMatch struct {
	Name       string
	Present    bool   `json:",omitempty"`
	Exact      string `json:",omitempty"`
	Prefix     string `json:",omitempty"`
	Suffix     string `json:",omitempty"`
	Contains   string `json:",omitempty"`
	Regex      string `json:",omitempty"`
	Invert     bool   `json:",omitempty"`
	IgnoreCase bool   `json:",omitempty"`
}

type routeQueryParamMatch struct {
	Name    string
	Present bool   `json:",omitempty"`
	Exact   string `json:",omitempty"`
	Regex   string `json:",omitempty"`
}

type routeDestination struct {
	RequestTimeout        duration         `json:",omitempty"`
	IdleTimeout           duration         `json:",omitempty"`
	Service               string           `json:",omitempty"`
	ServiceSubset         string           `json:",omitempty"`
	Namespace             string           `json:",omitempty"`
	Partition             string           `json:",omitempty"`
	PrefixRewrite         string           `json:",omitempty"`
	NumRetries            uint32           `json:",omitempty"`
	RetryOnConnectFailure bool             `json:",omitempty"`
	RetryOn               []string         `json:",omitempty"`
	RetryOnStatusCodes    []uint32         `json:",omitempty"`
	RequestHeaders        *headerModifiers `json:",omitempty"`
	ResponseHeaders       *headerModifiers `json:",omitempty"`
}

type headerModifiers struct {
	Add    map[string]string `json:",omitempty"`
	Set    map[string]string `json:",omitempty"`
	Remove []string          `json:",omitempty"`
}

type serviceSplitter struct {
	Kind        string
	Name        string
	Splits      []serviceSplit    `json:",omitempty"`
	Meta        map[string]string `json:",omitempty"`
	Hash        uint64            `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

type serviceSplit struct {
	Weight          float32
	Service         string           `json:",omitempty"`
	ServiceSubset   string           `json:",omitempty"`
	Namespace       string           `json:",omitempty"`
	Partition       string           `json:",omitempty"`
	RequestHeaders  *headerModifiers `json:",omitempty"`
	ResponseHeaders *headerModifiers `json:",omitempty"`
}

type serviceResolver struct {
	ConnectTimeout       duration `json:",omitempty"`
	RequestTimeout       duration `json:",omitempty"`
	Kind                 string
	Name                 string
	DefaultSubset        string                      `json:",omitempty"`
	Subsets              map[string]resolverSubset   `json:",omitempty"`
	Redirect             *resolverRedirect           `json:",omitempty"`
	Failover             map[string]resolverFailover `json:",omitempty"`
	PrioritizeByLocality *prioritizeByLocality       `json:",omitempty"`
	LoadBalancer         *loadBalancer               `json:",omitempty"`
	Meta                 map[string]string           `json:",omitempty"`
	Hash                 uint64                      `json:",omitempty"`
	CreateIndex          uint64
	ModifyIndex          uint64
}

type resolverSubset struct {
	Filter      string `json:",omitempty"`
	OnlyPassing bool   `json:",omitempty"`
}

type resolverRedirect struct {
	Service       string `json:",omitempty"`
	ServiceSubset string `json:",omitempty"`
	Namespace     string `json:",omitempty"`
	Partition     string `json:",omitempty"`
	Datacenter    string `json:",omitempty"`
	Peer          string `json:",omitempty"`
	SamenessGroup string `json:",omitempty"`
}

type resolverFailover struct {
	Service       string             `json:",omitempty"`
	ServiceSubset string             `json:",omitempty"`
	Namespace     string             `json:",omitempty"`
	Datacenters   []string           `json:",omitempty"`
	Targets       []resolverRedirect `json:",omitempty"`
	Policy        *failoverPolicy    `json:",omitempty"`
	SamenessGroup string             `json:",omitempty"`
}

type loadBalancer struct {
	Policy         string `json:",omitempty"`
	RingHashConfig *struct {
		MinimumRingSize uint64 `json:",omitempty"`
		MaximumRingSize uint64 `json:",omitempty"`
	} `json:",omitempty"`
	LeastRequestConfig *struct {
		ChoiceCount uint32 `json:",omitempty"`
	} `json:",omitempty"`
	HashPolicies []hashPolicy `json:",omitempty"`
}

type hashPolicy struct {
	Field        string `json:",omitempty"`
	FieldValue   string `json:",omitempty"`
	CookieConfig *struct {
		Session bool          `json:",omitempty"`
		TTL     time.Duration `json:",omitempty"`
		Path    string        `json:",omitempty"`
	} `json:",omitempty"`
	SourceIP bool `json:",omitempty"`
	Terminal bool `json:",omitempty"`
}

type serviceIntentions struct {
	Kind        string
	Name        string
	Sources     []sourceIntention
	JWT         *jwtRequirement   `json:",omitempty"`
	Meta        map[string]string `json:",omitempty"`
	Hash        uint64            `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

type sourceIntention struct {
	Name             string
	Action           string                `json:",omitempty"`
	Permissions      []intentionPermission `json:",omitempty"`
	Precedence       int
	LegacyID         string `json:",omitempty"`
	Type             string
	Description      string            `json:",omitempty"`
	LegacyMeta       map[string]string `json:",omitempty"`
	LegacyCreateTime *time.Time        `json:",omitempty"`
	LegacyUpdateTime *time.Time        `json:",omitempty"`
	Peer             string            `json:",omitempty"`
	SamenessGroup    string            `json:",omitempty"`
}

type intentionPermission struct {
	Action string
	HTTP   *intentionHTTP  `json:",omitempty"`
	JWT    *jwtRequirement `json:",omitempty"`
}

type intentionHTTP struct {
	PathExact  string        `json:",omitempty"`
	PathPrefix string        `json:",omitempty"`
	PathRegex  string        `json:",omitempty"`
	Header     []headerMatch `json:",omitempty"`
	Methods    []string      `json:",omitempty"`
}

type jwtRequirement struct {
	Providers []struct {
		Name         string `json:",omitempty"`
		VerifyClaims []struct {
			Path  []string `json:",omitempty"`
			Value string   `json:",omitempty"`
		} `json:",omitempty"`
	} `json:",omitempty"`
}
