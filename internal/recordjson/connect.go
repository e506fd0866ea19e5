package recordjson

import "time"

type caRoot struct {
	ID                  string
	Name                string
	SerialNumber        uint64
	SigningKeyID        string
	ExternalTrustDomain string
	NotBefore           time.Time
	NotAfter            time.Time
	RootCert            string
	IntermediateCerts   []string
	SigningCert         string `json:",omitempty"`
	SigningKey          string `json:",omitempty"`
	Active              bool
	RotatedOutAt        time.Time
	PrivateKeyType      string
	PrivateKeyBits      int
	CreateIndex         uint64
	ModifyIndex         uint64
}

type caProviderState struct {
	ID               string
	PrivateKey       string
	RootCert         string
	IntermediateCert string
	CreateIndex      uint64
	ModifyIndex      uint64
}

type caConfig struct {
	ClusterID                string `json:"-"`
	Provider                 string
	Config                   map[string]anything
	State                    map[string]string
	ForceWithoutCrossSigning bool
	CreateIndex              uint64
	ModifyIndex              uint64
}

type intention struct {
	ID                   string
	Description          string
	SourceNS             string
	SourceName           string
	SourcePeer           string `json:",omitempty"`
	SourceSamenessGroup  string `json:",omitempty"`
	DestinationNS        string
	DestinationName      string
	SourcePartition      string `json:",omitempty"`
	DestinationPartition string `json:",omitempty"`
	SourceType           string
	Action               string
	Permissions          anything `json:",omitempty"`
	DefaultAddr          string   `json:",omitempty"`
	DefaultPort          int      `json:",omitempty"`
	JWT                  anything `json:",omitempty"`
	Meta                 map[string]string
	Precedence           int
	CreatedAt            time.Time
	UpdatedAt            time.Time
	Hash                 []byte
	CreateIndex          uint64
	ModifyIndex          uint64
}

type federationStateRequest struct {
	Datacenter string
	Op         string
	State      federationState
	Token      string
}

type federationState struct {
	Datacenter         string
	MeshGateways       []anything `json:",omitempty"`
	UpdatedAt          time.Time
	PrimaryModifyIndex uint64
	CreateIndex        uint64
	ModifyIndex        uint64
}

type serviceVirtualIP struct {
	Service     peeredServiceName
	IP          address
	ManualIPs   []string
	CreateIndex uint64
	ModifyIndex uint64
}

type peeredServiceName struct {
	ServiceName struct{ Name string }
	Peer        string
}

type freeVirtualIP struct {
	IP        address
	IsCounter bool
}
