package record

import (
	"time"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// Register (type 0) is one node, or one service or check together with its node.
type Register struct {
	Address         string
	Check           *HealthCheck
	Checks          msgpack.Raw `bexpr:"-"` // never used in snapshots
	CreateIndex     uint64      // of the node
	Datacenter      string
	ID              string
	Locality        msgpack.Raw `bexpr:"-"` // Consul loses a node's locality when it saves
	ModifyIndex     uint64      // of the node
	Node            string
	NodeMeta        map[string]string
	PeerName        string
	Service         *NodeService
	SkipNodeUpdate  bool
	TaggedAddresses map[string]string
	Token           string
	Extra           msgpack.Extra `json:"-" bexpr:"-"`
}

// NodeRecords appends the records of a node: its own, and those of its services and checks, in each of which Consul repeats the node. The
// node is encoded once.
type NodeRecords struct {
	encoded        []byte // the node's own record
	check, service int    // where in it the check and the service belong: a nil stands there
}

// Of begins with another node, whose Check and Service do not count.
func (n *NodeRecords) Of(r *Register) error {
	bare := *r
	bare.Check, bare.Service = nil, nil
	const head = 1 // the record's type
	n.encoded = msgpack.Append(append(n.encoded[:0], byte(TypeRegister)), &bare)
	d := msgpack.NewDecoder(n.encoded[head:])
	fields, _, err := d.MapHead()
	for ; fields > 0 && err == nil; fields-- {
		var name []byte
		if name, err = d.Text(); err != nil {
			break
		}
		switch string(name) {
		case "Check":
			n.check = head + d.Offset()
		case "Service":
			n.service = head + d.Offset()
		}
		_, err = d.Raw()
	}
	return err
}

// AppendNode appends the node's own record.
func (n *NodeRecords) AppendNode(b []byte) []byte { return append(b, n.encoded...) }

// AppendService appends the record of one of the node's services.
func (n *NodeRecords) AppendService(b []byte, s *NodeService) []byte { return n.with(b, n.service, s) }

// AppendCheck appends the record of one of the node's checks.
func (n *NodeRecords) AppendCheck(b []byte, c *HealthCheck) []byte { return n.with(b, n.check, c) }

// with appends the node's record with v in the place of the nil at a position.
func (n *NodeRecords) with(b []byte, at int, v any) []byte {
	b = msgpack.Append(append(b, n.encoded[:at]...), v)
	return append(b, n.encoded[at+1:]...)
}

// NodeService is an instance of a service on a node.
type NodeService struct {
	Address                    string
	Connect                    ServiceConnect
	CreateIndex                uint64
	EnableTagOverride          bool
	ID                         string
	Kind                       string    `json:",omitempty"`
	Locality                   *Locality `json:",omitempty"`
	LocallyRegisteredAsSidecar bool      `json:"-"`
	Meta                       map[string]string
	ModifyIndex                uint64
	PeerName                   string
	Port                       int
	Proxy                      ProxyConfig
	Service                    string
	SocketPath                 string                    `json:",omitempty"`
	TaggedAddresses            map[string]ServiceAddress `json:",omitempty"`
	Tags                       []string
	Weights                    *Weights
	Extra                      msgpack.Extra `json:"-" bexpr:"-"`
}

// ServiceConnect says how an instance takes part in the mesh.
type ServiceConnect struct {
	Native         bool                `json:",omitempty"`
	PeerMeta       *PeeringServiceMeta `json:",omitempty"`
	SidecarService msgpack.Raw         `json:",omitzero" bexpr:"-"`
	Extra          msgpack.Extra       `json:"-" bexpr:"-"`
}

// PeeringServiceMeta is what a peer told about a service it exported.
type PeeringServiceMeta struct {
	Protocol string        `json:",omitempty"`
	SNI      []string      `json:",omitempty"`
	SpiffeID []string      `json:",omitempty"`
	Extra    msgpack.Extra `json:"-" bexpr:"-"`
}

// Locality is where a thing runs.
type Locality struct {
	Region string        `json:",omitempty"`
	Zone   string        `json:",omitempty"`
	Extra  msgpack.Extra `json:"-" bexpr:"-"`
}

// ServiceAddress is an address of a service under a name such as lan or wan.
type ServiceAddress struct {
	Address string
	Port    int
	Extra   msgpack.Extra `json:"-" bexpr:"-"`
}

// Weights are those of DNS answers.
type Weights struct {
	Passing int
	Warning int
	Extra   msgpack.Extra `json:"-" bexpr:"-"`
}

// ProxyConfig is present for a service of every kind. Free-form parts are kept as they came.
type ProxyConfig struct {
	AccessLogs             AccessLogs       `json:",omitzero"`
	Config                 msgpack.Raw      `json:",omitzero" bexpr:"-"`
	DestinationServiceID   string           `json:",omitempty"`
	DestinationServiceName string           `json:",omitempty"`
	EnvoyExtensions        []EnvoyExtension `json:",omitempty"`
	Expose                 Expose
	LocalServiceAddress    string `json:",omitempty"`
	LocalServicePort       int    `json:",omitempty"`
	LocalServiceSocketPath string `json:",omitempty"`
	MeshGateway            MeshGateway
	Mode                   string
	MutualTLSMode          string           `json:",omitempty"`
	TransparentProxy       TransparentProxy `json:",omitzero"`
	Upstreams              []Upstream       `json:",omitempty"`
	Extra                  msgpack.Extra    `json:"-" bexpr:"-"`
}

// AccessLogs configures a proxy's access logs.
type AccessLogs struct {
	DisableListenerLogs bool          `json:",omitempty"`
	Enabled             bool          `json:",omitempty"`
	JSONFormat          string        `json:",omitempty"`
	Path                string        `json:",omitempty"`
	TextFormat          string        `json:",omitempty"`
	Type                string        `json:",omitempty"`
	Extra               msgpack.Extra `json:"-" bexpr:"-"`
}

// EnvoyExtension is one extension of a proxy.
type EnvoyExtension struct {
	Arguments     msgpack.Raw `bexpr:"-"`
	ConsulVersion string
	EnvoyVersion  string
	Name          string
	Required      bool
	Extra         msgpack.Extra `json:"-" bexpr:"-"`
}

// Expose lists paths that bypass a proxy.
type Expose struct {
	Checks bool          `json:",omitempty"`
	Paths  []ExposePath  `json:",omitempty"`
	Extra  msgpack.Extra `json:"-" bexpr:"-"`
}

// ExposePath is one exposed path.
type ExposePath struct {
	ListenerPort    int           `json:",omitempty"`
	LocalPathPort   int           `json:",omitempty"`
	ParsedFromCheck bool          `json:",omitempty"`
	Path            string        `json:",omitempty"`
	Protocol        string        `json:",omitempty"`
	Extra           msgpack.Extra `json:"-" bexpr:"-"`
}

// MeshGateway is a gateway mode.
type MeshGateway struct {
	Mode  string        `json:",omitempty"`
	Extra msgpack.Extra `json:"-" bexpr:"-"`
}

// TransparentProxy configures transparent proxying.
type TransparentProxy struct {
	DialedDirectly       bool          `json:",omitempty"`
	OutboundListenerPort int           `json:",omitempty"`
	Extra                msgpack.Extra `json:"-" bexpr:"-"`
}

// Upstream is one upstream of a proxy.
type Upstream struct {
	CentrallyConfigured  bool        `json:",omitempty"`
	Config               msgpack.Raw `json:",omitzero" bexpr:"-"`
	Datacenter           string
	DestinationName      string
	DestinationNamespace string   `json:",omitempty"`
	DestinationPartition string   `json:",omitempty"`
	DestinationPeer      string   `json:",omitempty"`
	DestinationType      string   `json:",omitempty"`
	IngressHosts         []string `json:",omitempty"`
	LocalBindAddress     string   `json:",omitempty"`
	LocalBindPort        int      `json:",omitempty"`
	LocalBindSocketMode  string   `json:",omitempty"`
	LocalBindSocketPath  string   `json:",omitempty"`
	MeshGateway          MeshGateway
	Extra                msgpack.Extra `json:"-" bexpr:"-"`
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
	PeerName    string `json:",omitempty"`
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Status      string
	Timeout     string
	Type        string
	Extra       msgpack.Extra `json:"-" bexpr:"-"`
}

// CheckDefinition is how a check is carried out.
type CheckDefinition struct {
	AliasNode                      string              `json:",omitempty"`
	AliasService                   string              `json:",omitempty"`
	Body                           string              `json:",omitempty"`
	DeregisterCriticalServiceAfter time.Duration       `json:",omitempty"`
	DisableRedirects               bool                `json:",omitempty"`
	DockerContainerID              string              `json:",omitempty"`
	GRPC                           string              `json:",omitempty"`
	GRPCUseTLS                     bool                `json:",omitempty"`
	H2PING                         string              `json:",omitempty"`
	H2PingUseTLS                   bool                `json:",omitempty"`
	HTTP                           string              `json:",omitempty"`
	Header                         map[string][]string `json:",omitempty"`
	Interval                       time.Duration       `json:",omitempty"`
	Method                         string              `json:",omitempty"`
	OSService                      string              `json:",omitempty"`
	OutputMaxSize                  uint                `json:",omitempty"`
	ScriptArgs                     []string            `json:",omitempty"`
	SessionName                    string              `json:",omitempty"`
	Shell                          string              `json:",omitempty"`
	TCP                            string              `json:",omitempty"`
	TCPUseTLS                      bool                `json:",omitempty"`
	TLSServerName                  string              `json:",omitempty"`
	TLSSkipVerify                  bool                `json:",omitempty"`
	TTL                            time.Duration       `json:",omitempty"`
	Timeout                        time.Duration       `json:",omitempty"`
	UDP                            string              `json:",omitempty"`
	Extra                          msgpack.Extra       `json:"-" bexpr:"-"`
}

// Coordinate is a node's network coordinate. A record (type 6) is a batch of them, normally of one.
type Coordinate struct {
	Coord     Coord
	Node      string
	Partition string `json:",omitempty"`
	Segment   string
	Extra     msgpack.Extra `json:"-" bexpr:"-"`
}

// Coordinates is the batch that one record of type 6 holds.
type Coordinates []Coordinate

// Coord is a Vivaldi coordinate.
type Coord struct {
	Adjustment float64
	Error      float64
	Height     float64
	Vec        []float64
	Extra      msgpack.Extra `json:"-" bexpr:"-"`
}
