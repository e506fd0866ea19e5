package recordjson

import "time"

type apiGateway struct {
	Kind        string
	Name        string
	Listeners   []apiGatewayListener
	Status      entryStatus
	Meta        map[string]string `json:",omitempty"`
	Hash        uint64            `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

type apiGatewayListener struct {
	Name     string
	Hostname string
	Port     int
	Protocol string
	TLS      struct {
		Certificates []resourceReference
		MaxVersion   string
		MinVersion   string
		CipherSuites []string
	}
	Override            *apiGatewayPolicy `json:",omitempty"`
	Default             *apiGatewayPolicy `json:",omitempty"`
	MaxRequestHeadersKB *uint32           `json:",omitempty"`
}

type apiGatewayPolicy struct {
	JWT *jwtRequirement `json:",omitempty"`
}

type resourceReference struct {
	Kind        string
	Name        string
	SectionName string
}

type entryStatus struct {
	Conditions []struct {
		Type               string
		Status             string
		Reason             string
		Message            string
		Resource           *resourceReference
		LastTransitionTime *time.Time
	}
}

type boundAPIGateway struct {
	Kind      string
	Name      string
	Listeners []struct {
		Name         string
		Routes       []resourceReference
		Certificates []resourceReference
	}
	Services    map[namedKey][]resourceReference
	Meta        map[string]string `json:",omitempty"`
	Hash        uint64            `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

// certificate is a file-system-certificate or an inline-certificate, which holds its private key in clear.
type certificate struct {
	Kind        string
	Name        string
	Certificate string
	PrivateKey  string
	Meta        map[string]string `json:",omitempty"`
	Hash        uint64            `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

type httpRoute struct {
	Kind        string
	Name        string
	Parents     []resourceReference
	Rules       []httpRouteRule
	Hostnames   []string
	Meta        map[string]string `json:",omitempty"`
	Status      entryStatus
	Hash        uint64 `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

type httpRouteRule struct {
	Filters         httpFilters
	ResponseFilters httpResponseFilters
	Matches         []httpMatch
	Services        []httpRouteService
}

type httpRouteService struct {
	Name            string
	Weight          int
	Filters         httpFilters
	ResponseFilters httpResponseFilters
}

type httpFilters struct {
	Headers    []headerFilter
	URLRewrite *struct {
		Path string
	}
	RetryFilter *struct {
		NumRetries            uint32
		RetryOn               []string
		RetryOnStatusCodes    []uint32
		RetryOnConnectFailure bool
	}
	TimeoutFilter *struct {
		RequestTimeout time.Duration
		IdleTimeout    time.Duration
	}
	JWT *jwtRequirement
}

type httpResponseFilters struct {
	Headers []headerFilter
}

type headerFilter struct {
	Add    map[string]string
	Remove []string
	Set    map[string]string
}

type httpMatch struct {
	Headers []matchByName
	Method  string
	Path    struct {
		Match string
		Value string
	}
	Query []matchByName
}

type matchByName struct {
	Match string
	Name  string
	Value string
}

type tcpRoute struct {
	Kind        string
	Name        string
	Parents     []resourceReference
	Services    []struct{ Name string }
	Meta        map[string]string `json:",omitempty"`
	Status      entryStatus
	Hash        uint64 `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

type ingressGateway struct {
	Kind        string
	Name        string
	TLS         gatewayTLS
	Listeners   []ingressListener
	Defaults    *ingressDefaults  `json:",omitempty"`
	Meta        map[string]string `json:",omitempty"`
	Hash        uint64            `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

type gatewayTLS struct {
	Enabled       bool
	SDS           *gatewaySDS `json:",omitempty"`
	TLSMinVersion string      `json:",omitempty"`
	TLSMaxVersion string      `json:",omitempty"`
	CipherSuites  []string    `json:",omitempty"`
}

type gatewaySDS struct {
	ClusterName  string `json:",omitempty"`
	CertResource string `json:",omitempty"`
}

type ingressListener struct {
	Port     int
	Protocol string
	Services []ingressService
	TLS      *gatewayTLS `json:",omitempty"`
}

type ingressService struct {
	Name  string
	Hosts []string
	TLS   *struct {
		SDS *gatewaySDS `json:",omitempty"`
	} `json:",omitempty"`
	RequestHeaders        *headerModifiers    `json:",omitempty"`
	ResponseHeaders       *headerModifiers    `json:",omitempty"`
	MaxConnections        uint32              `json:",omitempty"`
	MaxPendingRequests    uint32              `json:",omitempty"`
	MaxConcurrentRequests uint32              `json:",omitempty"`
	PassiveHealthCheck    *passiveHealthCheck `json:",omitempty"`
	Meta                  map[string]string   `json:",omitempty"`
}

type ingressDefaults struct {
	MaxConnections        uint32
	MaxPendingRequests    uint32
	MaxConcurrentRequests uint32
	PassiveHealthCheck    *passiveHealthCheck `json:",omitempty"`
}

type terminatingGateway struct {
	Kind        string
	Name        string
	Services    []linkedService
	Meta        map[string]string `json:",omitempty"`
	Hash        uint64            `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

type linkedService struct {
	Name                   string `json:",omitempty"`
	CAFile                 string `json:",omitempty"`
	CertFile               string `json:",omitempty"`
	KeyFile                string `json:",omitempty"`
	SNI                    string `json:",omitempty"`
	DisableAutoHostRewrite bool   `json:",omitempty"`
}
