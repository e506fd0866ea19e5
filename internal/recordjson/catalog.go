package recordjson

type register struct {
	Datacenter      string
	ID              string
	Node            string
	Address         string
	TaggedAddresses map[string]string
	NodeMeta        map[string]string
	Service         *nodeService
	Check           *healthCheck
	Checks          anything
	Locality        *locality
	SkipNodeUpdate  bool
	PeerName        string
	Token           string
	CreateIndex     uint64
	ModifyIndex     uint64
}

type nodeService struct {
	Kind                       string `json:",omitempty"`
	ID                         string
	Service                    string
	Tags                       []string
	Address                    string
	TaggedAddresses            map[string]serviceAddress `json:",omitempty"`
	Meta                       map[string]string
	Port                       int
	SocketPath                 string `json:",omitempty"`
	Weights                    *weights
	EnableTagOverride          bool
	Locality                   *locality `json:",omitempty"`
	Proxy                      proxyConfig
	Connect                    serviceConnect
	PeerName                   string
	LocallyRegisteredAsSidecar bool `json:"-"`
	CreateIndex                uint64
	ModifyIndex                uint64
}

type serviceAddress struct {
	Address string
	Port    int
}

type weights struct {
	Passing int
	Warning int
}

type locality struct {
	Region string `json:",omitempty"`
	Zone   string `json:",omitempty"`
}

type serviceConnect struct {
	Native         bool                `json:",omitempty"`
	SidecarService anything            `json:",omitempty"`
	PeerMeta       *peeringServiceMeta `json:",omitempty"`
}

type peeringServiceMeta struct {
	SNI      []string `json:",omitempty"`
	SpiffeID []string `json:",omitempty"`
	Protocol string   `json:",omitempty"`
}

type proxyConfig struct {
	EnvoyExtensions        []envoyExtension `json:",omitempty"`
	TransparentProxy       transparentProxy `json:",omitzero"`
	DestinationServiceName string           `json:",omitempty"`
	DestinationServiceID   string           `json:",omitempty"`
	LocalServiceAddress    string           `json:",omitempty"`
	LocalServicePort       int              `json:",omitempty"`
	LocalServiceSocketPath string           `json:",omitempty"`
	Mode                   string
	Config                 map[string]anything `json:",omitempty"`
	Upstreams              []upstream          `json:",omitempty"`
	MeshGateway            meshGateway
	Expose                 expose
	AccessLogs             accessLogs `json:",omitzero"`
	MutualTLSMode          string     `json:",omitempty"`
}

type envoyExtension struct {
	Name          string
	Required      bool
	Arguments     map[string]anything
	ConsulVersion string
	EnvoyVersion  string
}

type transparentProxy struct {
	OutboundListenerPort int  `json:",omitempty"`
	DialedDirectly       bool `json:",omitempty"`
}

type upstream struct {
	DestinationType      string `json:",omitempty"`
	DestinationNamespace string `json:",omitempty"`
	DestinationPartition string `json:",omitempty"`
	DestinationPeer      string `json:",omitempty"`
	DestinationName      string
	Datacenter           string
	LocalBindAddress     string              `json:",omitempty"`
	LocalBindPort        int                 `json:",omitempty"`
	LocalBindSocketPath  string              `json:",omitempty"`
	LocalBindSocketMode  string              `json:",omitempty"`
	Config               map[string]anything `json:",omitempty"`
	MeshGateway          meshGateway
	IngressHosts         []string `json:",omitempty"`
	CentrallyConfigured  bool     `json:",omitempty"`
}

type meshGateway struct {
	Mode string `json:",omitempty"`
}

type expose struct {
	Checks bool         `json:",omitempty"`
	Paths  []exposePath `json:",omitempty"`
}

type exposePath struct {
	ListenerPort    int    `json:",omitempty"`
	Path            string `json:",omitempty"`
	LocalPathPort   int    `json:",omitempty"`
	Protocol        string `json:",omitempty"`
	ParsedFromCheck bool   `json:",omitempty"`
}

type accessLogs struct {
	Enabled             bool   `json:",omitempty"`
	DisableListenerLogs bool   `json:",omitempty"`
	Type                string `json:",omitempty"`
	Path                string `json:",omitempty"`
	JSONFormat          string `json:",omitempty"`
	TextFormat          string `json:",omitempty"`
}

type healthCheck struct {
	Node        string
	CheckID     string
	Name        string
	Status      string
	Notes       string
	Output      string
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Type        string
	Interval    string
	Timeout     string
	ExposedPort int
	PeerName    string `json:",omitempty"`
	Definition  checkDefinition
	CreateIndex uint64
	ModifyIndex uint64
}

type checkDefinition struct {
	Interval                       duration            `json:",omitempty"`
	OutputMaxSize                  uint                `json:",omitempty"`
	Timeout                        duration            `json:",omitempty"`
	DeregisterCriticalServiceAfter duration            `json:",omitempty"`
	HTTP                           string              `json:",omitempty"`
	TLSServerName                  string              `json:",omitempty"`
	TLSSkipVerify                  bool                `json:",omitempty"`
	Header                         map[string][]string `json:",omitempty"`
	Method                         string              `json:",omitempty"`
	Body                           string              `json:",omitempty"`
	DisableRedirects               bool                `json:",omitempty"`
	TCP                            string              `json:",omitempty"`
	TCPUseTLS                      bool                `json:",omitempty"`
	UDP                            string              `json:",omitempty"`
	H2PING                         string              `json:",omitempty"`
	H2PingUseTLS                   bool                `json:",omitempty"`
	OSService                      string              `json:",omitempty"`
	SessionName                    string              `json:",omitempty"`
	ScriptArgs                     []string            `json:",omitempty"`
	DockerContainerID              string              `json:",omitempty"`
	Shell                          string              `json:",omitempty"`
	GRPC                           string              `json:",omitempty"`
	GRPCUseTLS                     bool                `json:",omitempty"`
	AliasNode                      string              `json:",omitempty"`
	AliasService                   string              `json:",omitempty"`
	TTL                            duration            `json:",omitempty"`
}

type coordinate struct {
	Node      string
	Segment   string
	Partition string `json:",omitempty"`
	Coord     coord
}

type coord struct {
	Vec        []float64
	Error      float64
	Adjustment float64
	Height     float64
}
