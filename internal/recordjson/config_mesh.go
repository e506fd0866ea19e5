package recordjson

import "time"

// mesh has neither a kind nor a name in the record; the real decode prints the kind.
type mesh struct {
	Kind                             string `absent:"mesh"`
	TransparentProxy                 struct{ MeshDestinationsOnly bool }
	AllowEnablingPermissiveMutualTLS bool `json:",omitempty"`
	TLS                              *struct {
		Incoming *directionalTLS `json:",omitempty"`
		Outgoing *directionalTLS `json:",omitempty"`
	} `json:",omitempty"`
	HTTP    *meshHTTP `json:",omitempty"`
	Peering *struct {
		PeerThroughMeshGateways bool `json:",omitempty"`
	} `json:",omitempty"`
	ValidateClusters bool              `json:",omitempty"`
	Meta             map[string]string `json:",omitempty"`
	Hash             uint64            `json:",omitempty"`
	CreateIndex      uint64
	ModifyIndex      uint64
}

type directionalTLS struct {
	TLSMinVersion string   `json:",omitempty"`
	TLSMaxVersion string   `json:",omitempty"`
	CipherSuites  []string `json:",omitempty"`
}

type meshHTTP struct {
	SanitizeXForwardedClientCert bool
	Incoming                     *struct {
		RequestNormalization *struct {
			InsecureDisablePathNormalization bool   `json:",omitempty"`
			MergeSlashes                     bool   `json:",omitempty"`
			PathWithEscapedSlashesAction     string `json:",omitempty"`
			HeadersWithUnderscoresAction     string `json:",omitempty"`
		} `json:",omitempty"`
	} `json:",omitempty"`
}

// exportedServices has no kind in the record.
type exportedServices struct {
	Kind        string `absent:"exported-services"`
	Name        string
	Services    []exportedService `json:",omitempty"`
	Meta        map[string]string `json:",omitempty"`
	Hash        uint64            `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

type exportedService struct {
	Name      string
	Namespace string `json:",omitempty"`
	Consumers []struct {
		Partition     string `json:",omitempty"`
		Peer          string `json:",omitempty"`
		SamenessGroup string `json:",omitempty"`
	} `json:",omitempty"`
}

type jwtProvider struct {
	Kind          string
	Name          string
	JSONWebKeySet *struct {
		Local *struct {
			JWKS     string `json:",omitempty"`
			Filename string `json:",omitempty"`
		} `json:",omitempty"`
		Remote *remoteKeySet `json:",omitempty"`
	} `json:",omitempty"`
	Issuer     string        `json:",omitempty"`
	Audiences  []string      `json:",omitempty"`
	Locations  []jwtLocation `json:",omitempty"`
	Forwarding *struct {
		HeaderName              string `json:",omitempty"`
		PadForwardPayloadHeader bool   `json:",omitempty"`
	} `json:",omitempty"`
	ClockSkewSeconds int `json:",omitempty"`
	CacheConfig      *struct {
		Size int `json:",omitempty"`
	} `json:",omitempty"`
	Meta        map[string]string `json:",omitempty"`
	Hash        uint64            `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

type jwtLocation struct {
	Header *struct {
		Name        string `json:",omitempty"`
		ValuePrefix string `json:",omitempty"`
		Forward     bool   `json:",omitempty"`
	} `json:",omitempty"`
	QueryParam *struct {
		Name string `json:",omitempty"`
	} `json:",omitempty"`
	Cookie *struct {
		Name string `json:",omitempty"`
	} `json:",omitempty"`
}

type remoteKeySet struct {
	URI                 string        `json:",omitempty"`
	RequestTimeoutMs    int           `json:",omitempty"`
	CacheDuration       time.Duration `json:",omitempty"`
	FetchAsynchronously bool          `json:",omitempty"`
	UseSNI              bool          `json:",omitempty"`
	RetryPolicy         *struct {
		NumRetries         int `json:",omitempty"`
		RetryPolicyBackOff *struct {
			BaseInterval time.Duration `json:",omitempty"`
			MaxInterval  time.Duration `json:",omitempty"`
		} `json:",omitempty"`
	} `json:",omitempty"`
	JWKSCluster *struct {
		DiscoveryType   string `json:",omitempty"`
		TLSCertificates *struct {
			CaCertificateProviderInstance *struct {
				InstanceName    string `json:",omitempty"`
				CertificateName string `json:",omitempty"`
			} `json:",omitempty"`
			TrustedCA *struct {
				Filename            string `json:",omitempty"`
				EnvironmentVariable string `json:",omitempty"`
				InlineString        string `json:",omitempty"`
				InlineBytes         []byte `json:",omitempty"`
			} `json:",omitempty"`
		} `json:",omitempty"`
		ConnectTimeout time.Duration `json:",omitempty"`
	} `json:",omitempty"`
}
