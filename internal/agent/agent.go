package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	uuid "github.com/hashicorp/go-uuid"

	"github.com/lictor-dr/lictor/internal/aclreplicate"
	"github.com/lictor-dr/lictor/internal/aclresolve"
	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/datadir"
	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/localstate"
	"github.com/lictor-dr/lictor/internal/logging"
	"github.com/lictor-dr/lictor/internal/meshca"
	"github.com/lictor-dr/lictor/internal/server"
	"github.com/lictor-dr/lictor/internal/serverport"
	"github.com/lictor-dr/lictor/internal/telemetry"
	"github.com/lictor-dr/lictor/internal/tlsconf"
	"github.com/lictor-dr/lictor/internal/userevent"
	"github.com/lictor-dr/lictor/internal/version"
)

// drainTimeout is how long requests may go on when the agent stops; blocked queries end at once.
const drainTimeout = 5 * time.Second

// An Agent is one running agent.
type Agent struct {
	config  *agentconfig.Config
	log     hclog.Logger
	monitor *logging.Monitor
	dir     *datadir.Dir // nil without a data directory
	tls     *tlsconf.TLS
	expiry  expiryWatch

	telemetry *telemetry.Telemetry
	gauges    *gauger
	events    *userevent.Buffer
	tokens    *agenttoken.Store // the agent's own
	resolver  *aclresolve.Resolver
	remote    *aclresolve.Remote // of a client agent, and of a server in a secondary datacenter with ACLs
	server    *server.Server     // nil on a client agent
	local     *localstate.State
	meshRoot  *meshca.Root // shown if the state has none; nil unless the mesh is enabled
	handler   *httpapi.Handler
	limiter   *httpapi.ConnLimiter
	web       *http.Server
	sockets   []string // paths of unix sockets
	serving   sync.WaitGroup
	started   bool       // the PID file is there
	failed    chan error // of what broke and ends the agent
	leaving   chan struct{}
	left      chan struct{} // closed once the agent has left, or failed to
	leaveErr  error         // why it failed
	reloads   reloads

	opened      time.Time
	pool        *gossip.Pool
	wan         *gossip.Pool       // of the servers of all datacenters; nil if the agent is not in it
	stopJoining context.CancelFunc // nil unless there is somebody to join
	coordinates context.CancelFunc // nil unless the agent tells how far it is from others
	hint        leaderHint
	lanNews     chan struct{} // receives after the members of the pool have changed
	flood       func()        // ends the joining of servers to the WAN pool; nil without
	federation  federation
	transport   *forward.Transport
	socket      net.Listener     // the port's; of a server, as the rest
	port        *serverport.Port // on socket
	portLimiter *httpapi.ConnLimiter
	requests    net.Listener // of other agents' requests
	internal    *http.Server // answers them

	replicator *aclreplicate.Replicator // of a server in a secondary datacenter with ACLs
	aclWaits   context.Context          // ends when no other server waits for changes of ACLs any more

	seams seams
}

// seams are where tests change what an agent is made of, before it starts. All may be nil.
type seams struct {
	dial   func(ctx context.Context, datacenter, address string) (net.Conn, error) // a connection for requests
	pool   func(*gossip.Config)
	server func(*server.Config)
}

// Open reads the certificates, locks the data directory and settles the node ID. It prints nothing, and leaves nothing behind on an error.
func Open(config *agentconfig.Config) (*Agent, error) {
	certificates, err := tlsconf.Load(config.TLS)
	if err != nil {
		return nil, err
	}
	a := &Agent{config: config, opened: time.Now(), failed: make(chan error, 1), leaving: make(chan struct{}, 1), left: make(chan struct{}),
		lanNews: make(chan struct{}, 1)}
	a.tls = certificates
	a.events = userevent.NewBuffer(eventTarget{a})
	if config.DataDir != "" {
		dir, err := datadir.Open(config.DataDir, version.Lictor)
		if err != nil {
			return nil, err
		}
		a.dir = dir
	}
	if err := config.SetupNodeID(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Start starts the server and opens the listeners. The agent logs under its name, and lets clients read along all that is logged to
// root and to loggers made from it. After an error the agent is closed.
func (a *Agent) Start(root hclog.InterceptLogger) error {
	a.log, a.monitor = root.Named("agent"), logging.NewMonitor(root)
	for _, step := range []func() error{
		a.startTelemetry, a.openTLS, a.openServerPort, a.makeMeshRoot, a.openACLs, a.openLocal, a.openPool, a.openWANPool, a.startServer, a.writePIDFile, a.listen,
		a.serveRequests, a.startJoining, a.startFlood, a.startLocal, a.startCoordinates, a.startGauges, func() error { return a.startReloads(root) },
	} {
		if err := step(); err != nil {
			return errors.Join(err, a.Close())
		}
	}
	a.log.Info("Consul agent running!")
	return nil
}

// makeMeshRoot makes the root certificate that is shown where the state has none.
func (a *Agent) makeMeshRoot() error {
	if !a.config.ConnectEnabled {
		return nil
	}
	id, err := uuid.GenerateUUID()
	if err != nil {
		return fmt.Errorf("make a cluster ID: %w", err)
	}
	root, err := meshca.New(id, time.Now())
	if err != nil {
		return err
	}
	a.meshRoot = &root
	return nil
}

func (a *Agent) startServer() error {
	if !a.config.Server {
		return nil
	}
	s, err := server.New(a.serverConfig())
	if err != nil {
		return fmt.Errorf("Failed to start Consul server: %w", err)
	}
	a.server = s
	return nil
}

func (a *Agent) serverConfig() server.Config {
	c := server.DefaultConfig()
	c.NodeID, c.Datacenter = a.config.NodeID, a.config.Datacenter
	c.Address = a.serverAddr().String()
	c.Stream = a.port.RaftStream(a.config.Datacenter, a.serverAddr())
	c.AwaitCluster = !a.config.Bootstrap && !a.config.DevMode
	c.BootstrapExpect = a.config.BootstrapExpect
	if a.config.Restore.From != "" {
		c.FirstState = a.firstState
	}
	c.RejoinAgeMax = a.config.ServerRejoinAgeMax
	// A server that is to be stable soon is to be promoted soon.
	c.AutopilotInterval = min(server.AutopilotInterval, max(a.config.Autopilot.ServerStabilizationTime, time.Second))
	c.Pool, c.ForceLeave = a.pool, func(name string) error { return a.forceLeave(name, false) }
	c.FetchStats = func(ctx context.Context, address string) (*server.Stats, error) {
		stats := new(server.Stats)
		return stats, a.askServer(ctx, address, statsPath, "", stats)
	}
	c.FetchPeers = func(ctx context.Context, address string) (peers []string, err error) {
		return peers, a.askServer(ctx, address, "/v1/status/peers", "", &peers)
	}
	if a.dir != nil && !a.config.DevMode {
		c.Dir, c.Scratch = a.dir.Path("raft"), a.dir.Scratch()
	}
	r := a.config.Raft
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = r.HeartbeatTimeout, r.ElectionTimeout, r.LeaderLeaseTimeout
	c.PreVoteDisabled = r.PreVoteDisabled
	c.SnapshotThreshold, c.SnapshotInterval, c.TrailingLogs = r.SnapshotThreshold, r.SnapshotInterval, r.TrailingLogs
	c.Autopilot = a.config.Autopilot
	c.HoldTimeout = a.config.RPCHoldTimeout
	c.Node, c.Service = a.registration()
	c.ACL = a.serverACLs()
	c.Logger = a.log.Named("server")
	if a.seams.server != nil {
		a.seams.server(&c)
	}
	return c
}

func (a *Agent) writePIDFile() error {
	a.started = true
	if a.config.PIDFile == "" {
		return nil
	}
	err := os.WriteFile(a.config.PIDFile, []byte(strconv.Itoa(os.Getpid())), 0o644)
	if err != nil {
		return fmt.Errorf("Could not open pid file: %w", err)
	}
	return nil
}

// Failed delivers the error that ends the agent: a listener broke, or nobody could be joined.
func (a *Agent) Failed() <-chan error { return a.failed }

func (a *Agent) fail(err error) {
	select {
	case a.failed <- err:
	default: // one is enough
	}
}

// Reload takes over what may change while the agent runs. The log level is the logger's and thus the caller's business.
func (a *Agent) Reload(c *agentconfig.Config) error {
	if err := a.reloadTLS(c); err != nil {
		return err
	}
	allowed, blocked, _ := telemetry.ParsePrefixFilter(c.Telemetry.PrefixFilter) // the configuration has warned already
	a.telemetry.Reload(allowed, blocked)
	a.handler.SetDebug(c.EnableDebug)
	a.limiter.SetMax(c.Limits.HTTPMaxConnsPerClient)
	a.handler.SetForwardRate(c.Limits.RPCRate, c.Limits.RPCMaxBurst)
	a.configureTokens(c.ACL.Tokens)
	a.warnOverridden()
	a.local.SetDiscardCheckOutput(c.Checks.DiscardOutput)
	if err := a.loadDefinitions(c); err != nil {
		return err
	}
	if a.server == nil {
		return nil
	}
	a.portLimiter.SetMax(c.Limits.RPCMaxConnsPerClient)
	return a.server.Reload(c.Raft.SnapshotThreshold, c.Raft.SnapshotInterval, c.Raft.TrailingLogs)
}

// Close stops what has been started. Requests under way have a few seconds to end.
func (a *Agent) Close() error {
	var errs []error
	a.reloads.end()
	a.expiry.end()
	if a.stopJoining != nil {
		a.stopJoining()
	}
	if a.coordinates != nil {
		a.coordinates()
	}
	if a.flood != nil {
		a.flood()
	}
	if a.local != nil {
		a.local.Close()
	}
	if a.socket != nil { // from now on others know for certain that what they ask has not arrived
		errs = append(errs, a.socket.Close())
	}
	for _, web := range []*http.Server{a.web, a.internal} {
		if web != nil {
			errs = append(errs, shutDown(web))
		}
	}
	for _, path := range a.sockets {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			errs = append(errs, err)
		}
	}
	if a.gauges != nil {
		a.gauges.close()
	}
	if a.server != nil {
		errs = append(errs, a.server.Close())
	}
	for _, pool := range []*gossip.Pool{a.wan, a.pool} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	if a.telemetry != nil {
		a.telemetry.Close()
	}
	if a.port != nil {
		errs = append(errs, a.port.Close())
	}
	if a.transport != nil {
		a.transport.Close()
	}
	a.federation.close()
	a.serving.Wait()
	if a.config.PIDFile != "" && a.started {
		os.Remove(a.config.PIDFile)
	}
	if a.dir != nil {
		errs = append(errs, a.dir.Close())
	}
	return errors.Join(errs...)
}

// shutDown ends an HTTP server, its requests after a while by force.
func shutDown(web *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := web.Shutdown(ctx); err != nil {
		return web.Close()
	}
	return nil
}
