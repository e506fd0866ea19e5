package record

import (
	"time"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// Register (type 0) is one node, or one service or check together with its node.
type Register struct {
	Address         string
	Check           *HealthCheck
	Checks          msgpack.Raw // never used in snapshots
	CreateIndex     uint64      // of the node
	Datacenter      string
	ID              string
	Locality        msgpack.Raw // Consul loses a node's locality when it saves
	ModifyIndex     uint64      // of the node
	Node            string
	NodeMeta        map[string]string
	PeerName        string
	Service         *NodeService
	SkipNodeUpdate  bool
	TaggedAddresses map[string]string
	Token           string
	Extra           msgpack.Extra
}

// NodeService is an instance of a service on a node.
type NodeService struct {
	Address                    string
	Connect                    ServiceConnect
	CreateIndex                uint64
	EnableTagOverride          bool
	ID                         string
	Kind                       string
	Locality                   *Locality
	LocallyRegisteredAsSidecar bool
	Meta                       map[string]string
	ModifyIndex                uint64
	PeerName                   string
	Port                       int
	Proxy                      ProxyConfig
	Service                    string
	SocketPath                 string
	TaggedAddresses            map[string]ServiceAddress
	Tags                       []string
	Weights                    *Weights
	Extra                      msgpack.Extra
}

// ServiceConnect says how an instance takes part in the mesh.
type ServiceConnect struct {
	Native         bool
	PeerMeta       *PeeringServiceMeta
	SidecarService msgpack.Raw
	Extra          msgpack.Extra
}

// PeeringServiceMeta is what a peer told about a service it exported.
type PeeringServiceMeta struct {
	Protocol string
	SNI      []string
	SpiffeID []string
	Extra    msgpack.Extra
}

// Locality is where a thing runs.
type Locality struct {
	Region string
	Zone   string
	Extra  msgpack.Extra
}

// ServiceAddress is an address of a service under a name such as lan or wan.
type ServiceAddress struct {
	Address string
	Port    int
	Extra   msgpack.Extra
}

// Weights are those of DNS answers.
type Weights struct {
	Passing int
	Warning int
	Extra   msgpack.Extra
}

// ProxyConfig is present for a service of every kind. Free-form parts are kept as they came.
type ProxyConfig struct {
	AccessLogs             AccessLogs
	Config                 msgpack.Raw
	DestinationServiceID   string
	DestinationServiceName string
	EnvoyExtensions        []EnvoyExtension
	Expose                 Expose
	LocalServiceAddress    string
	LocalServicePort       int
	LocalServiceSocketPath string
	MeshGateway            MeshGateway
	Mode                   string
	MutualTLSMode          string
	TransparentProxy       TransparentProxy
	Upstreams              []Upstream
	Extra                  msgpack.Extra
}

// AccessLogs configures a proxy's access logs.
type AccessLogs struct {
	DisableListenerLogs bool
	Enabled             bool
	JSONFormat          string
	Path                string
	TextFormat          string
	Type                string
	Extra               msgpack.Extra
}

// EnvoyExtension is one extension of a proxy.
type EnvoyExtension struct {
	Arguments     msgpack.Raw
	ConsulVersion string
	EnvoyVersion  string
	Name          string
	Required      bool
	Extra         msgpack.Extra
}

// Expose lists paths that bypass a proxy.
type Expose struct {
	Checks bool
	Paths  []ExposePath
	Extra  msgpack.Extra
}

// ExposePath is one exposed path.
type ExposePath struct {
	ListenerPort    int
	LocalPathPort   int
	ParsedFromCheck bool
	Path            string
	Protocol        string
	Extra           msgpack.Extra
}

// MeshGateway is a gateway mode.
type MeshGateway struct {
	Mode  string
	Extra msgpack.Extra
}

// TransparentProxy configures transparent proxying.
type TransparentProxy struct {
	DialedDirectly       bool
	OutboundListenerPort int
	Extra                msgpack.Extra
}

// Upstream is one upstream of a proxy.
type Upstream struct {
	CentrallyConfigured  bool
	Config               msgpack.Raw
	Datacenter           string
	DestinationName      string
	DestinationNamespace string
	DestinationPartition string
	DestinationPeer      string
	DestinationType      string
	IngressHosts         []string
	LocalBindAddress     string
	LocalBindPort        int
	LocalBindSocketMode  string
	LocalBindSocketPath  string
	MeshGateway          MeshGateway
	Extra                msgpack.Extra
}

// HealthCheck is a check of a node or, with a ServiceID, of a service on it.
type HealthCheck struct {
	CheckID     string
	CreateIndex uint64
	Definition  CheckDefinition
	ExposedPort int
	Interval    string
	ModifyIndex uint64
	Name        string
	Node        string
	Notes       string
	Output      string
	PeerName    string
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Status      string
	Timeout     string
	Type        string
	Extra       msgpack.Extra
}

// CheckDefinition is how a check is carried out.
type CheckDefinition struct {
	AliasNode                      string
	AliasService                   string
	Body                           string
	DeregisterCriticalServiceAfter time.Duration
	DisableRedirects               bool
	DockerContainerID              string
	GRPC                           string
	GRPCUseTLS                     bool
	H2PING                         string
	H2PingUseTLS                   bool
	HTTP                           string
	Header                         map[string][]string
	Interval                       time.Duration
	Method                         string
	OSService                      string
	OutputMaxSize                  uint
	ScriptArgs                     []string
	SessionName                    string
	Shell                          string
	TCP                            string
	TCPUseTLS                      bool
	TLSServerName                  string
	TLSSkipVerify                  bool
	TTL                            time.Duration
	Timeout                        time.Duration
	UDP                            string
	Extra                          msgpack.Extra
}

// Coordinate is a node's network coordinate. A record (type 6) is a batch of them, normally of one.
type Coordinate struct {
	Coord     Coord
	Node      string
	Partition string
	Segment   string
	Extra     msgpack.Extra
}

// Coordinates is the batch that one record of type 6 holds.
type Coordinates []Coordinate

// Coord is a Vivaldi coordinate.
type Coord struct {
	Adjustment float64
	Error      float64
	Height     float64
	Vec        []float64
	Extra      msgpack.Extra
}
