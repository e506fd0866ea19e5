package localstate

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/healthcheck"
)

// Config is what a State needs. Durations of zero stand for the defaults.
type Config struct {
	Node       NodeInfo
	Datacenter string
	DataDir    string // empty: nothing is persisted
	Catalog    Catalog
	Tokens     Tokens
	Logger     hclog.Logger

	LocalScripts  bool // scripts from configuration files may run
	RemoteScripts bool // scripts registered over the API may run, too

	CheckUpdateInterval time.Duration // delay of changes that are of a check's output only; zero for at once
	CheckOutputMaxSize  int           // bytes; zero for 4096
	DiscardCheckOutput  bool
	CheckTLS            healthcheck.ClientTLS // of HTTPS and TCP checks; nil for the system's

	SyncInterval     time.Duration // between full comparisons, 1m
	RetryInterval    time.Duration // first pause after an error, 1s; it doubles up to SyncInterval
	ReapInterval     time.Duration // between looks for services that are critical for too long, 30s
	DeregisterFloor  time.Duration // least DeregisterCriticalServiceAfter, 1m
	MinCheckInterval time.Duration // 1s
}

// State is the registry. It is safe for concurrent use.
type State struct {
	config Config
	log    hclog.Logger

	changes sync.Mutex // held by whoever adds or removes; taken before mu
	closed  bool       // no check may start any more; with changes

	mu         sync.Mutex
	node       NodeInfo
	nodeInSync bool
	discard    bool
	services   map[string]*service
	checks     map[string]*check
	gone       map[item]string // to be removed from the catalog, with the token to do it
	moved      chan struct{}   // closed and replaced when a service changes
	pushed     chan struct{}   // closed and replaced when what was not in sync has been written, or tried to
	restored   bool

	trigger chan struct{} // something is not in sync
	resync  chan struct{} // compare everything
	synced  chan struct{} // closed after the first full comparison
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// item names a service or a check.
type item struct{ service, check string }

// New makes an empty registry. Load fills it, Start begins to keep the catalog the same.
func New(c Config) (*State, error) {
	if c.Catalog == nil || c.Tokens == nil || c.Node.Node == "" {
		return nil, errors.New("local state: a catalog, tokens and a node name are needed")
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	setDefault(&c.SyncInterval, time.Minute)
	setDefault(&c.RetryInterval, time.Second)
	setDefault(&c.ReapInterval, 30*time.Second)
	setDefault(&c.DeregisterFloor, time.Minute)
	setDefault(&c.MinCheckInterval, healthcheck.MinInterval)
	if c.CheckOutputMaxSize == 0 {
		c.CheckOutputMaxSize = healthcheck.DefaultOutputSize
	}
	return &State{
		config: c, log: c.Logger, node: c.Node, discard: c.DiscardCheckOutput,
		services: map[string]*service{}, checks: map[string]*check{}, gone: map[item]string{},
		moved: make(chan struct{}), pushed: make(chan struct{}), trigger: make(chan struct{}, 1), resync: make(chan struct{}, 1), synced: make(chan struct{}),
	}, nil
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}

// Start begins anti-entropy and the removal of services that are critical for too long. It is called once; both end with ctx or
// with Close.
func (s *State) Start(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	s.done.Go(func() { s.keepSynced(ctx) })
	s.done.Go(func() { s.reap(ctx) })
}

// Close ends anti-entropy and all checks, and waits. What is in the catalog stays there.
func (s *State) Close() {
	if s.cancel != nil {
		s.cancel()
	}
	s.done.Wait()
	s.changes.Lock()
	defer s.changes.Unlock()
	s.closed = true
	for _, c := range s.entries() {
		c.stop()
	}
}

func (s *State) entries() []*check {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*check, 0, len(s.checks))
	for _, c := range s.checks {
		all = append(all, c)
	}
	return all
}

// SetNode changes what the catalog is to know of the node, such as its metadata after a reload. The name cannot change.
func (s *State) SetNode(n NodeInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.Node = s.config.Node.Node
	if !sameNode(s.node, n) {
		s.nodeInSync = false
	}
	s.node = n
	s.wake()
}

// SetDiscardCheckOutput changes whether outputs of checks are thrown away from now on.
func (s *State) SetDiscardCheckOutput(discard bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.discard = discard
}

// Resync asks for a comparison with the catalog soon, as after a restore.
func (s *State) Resync() {
	select {
	case s.resync <- struct{}{}:
	default:
	}
}

// wake has local changes written soon.
func (s *State) wake() {
	select {
	case s.trigger <- struct{}{}:
	default:
	}
}

// announce wakes those who wait for a change of a service. The caller holds mu.
func (s *State) announce() {
	close(s.moved)
	s.moved = make(chan struct{})
}
