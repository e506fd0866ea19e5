package gossip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/coordinate"
	"github.com/hashicorp/serf/serf"

	"github.com/lictor-dr/lictor/internal/atomicfile"
)

// Config is what a member needs to know.
type Config struct {
	// WAN makes it the pool of the servers of all datacenters, whose members are called NAME.DATACENTER.
	WAN        bool
	Name       string // unique in the pool of the datacenter
	NodeID     string // unique too
	Datacenter string
	Bind       netip.AddrPort // port 0: a free one
	Advertise  netip.AddrPort // port 0: the one that is bound

	// ServerPort is the port that servers talk to each other on, 0 for a client.
	ServerPort uint16
	Expect     int // see [Member]
	Bootstrap  bool
	Tags       map[string]string // what others are to know beside that

	// Key is the gossip key in base64; KeyringFile, once it exists, comes before it. Empty without encryption.
	Key            string
	KeyringFile    string // empty: the keys are kept in memory only
	VerifyIncoming bool   // refuse what is not encrypted
	VerifyOutgoing bool   // encrypt what is sent

	// Snapshot is the file by which a restarted member finds the pool again; empty to keep none.
	Snapshot         string
	RejoinAfterLeave bool

	// UserEvent, which may be nil, receives the user events of the pool, also those of this member. It must not block.
	UserEvent func(name string, payload []byte, time uint64)

	// MembersChanged, which may be nil, is called after the members have changed, once or more. It must not block.
	MembersChanged func()

	// DisableCoordinates keeps this member from finding out how far others are.
	DisableCoordinates bool

	Allowed          []netip.Prefix // networks that members must come from; nil for all
	ReconnectTimeout time.Duration  // until a failed member is forgotten

	// Transport carries the messages. Nil, as outside of tests: UDP and TCP on Bind.
	Transport memberlist.Transport

	Timing Timing
	Logger hclog.Logger
}

// Timing is how fast news travels, and failures are seen.
type Timing struct {
	GossipInterval time.Duration
	GossipNodes    int
	ProbeInterval  time.Duration
	ProbeTimeout   time.Duration
	SuspicionMult  int
	RetransmitMult int
	// LeaveDelay is how long a member that leaves stays, so that the others hear of it.
	LeaveDelay time.Duration
	// ReclaimDelay is how long a failed member's name stays bound to its address: it may come back under another one after that.
	ReclaimDelay time.Duration
	// ReconnectInterval is the time between two attempts to reach a failed member again.
	ReconnectInterval time.Duration
}

// DefaultTiming is that of a pool inside a datacenter.
func DefaultTiming() Timing {
	return Timing{
		GossipInterval: 200 * time.Millisecond, GossipNodes: 3, ProbeInterval: time.Second, ProbeTimeout: 500 * time.Millisecond,
		SuspicionMult: 4, RetransmitMult: 4, LeaveDelay: 3 * time.Second, ReclaimDelay: 30 * time.Second,
		ReconnectInterval: 30 * time.Second,
	}
}

// A Pool is the pool as one member sees it. Its methods are safe for concurrent use.
type Pool struct {
	serf    *serf.Serf
	log     hclog.Logger
	event   func(name string, payload []byte, time uint64)
	told    func() // of changes of the members
	changed chan struct{}
	stop    chan struct{}
	serving sync.WaitGroup
	once    sync.Once
}

// DefaultWANTiming is that of a pool of several datacenters.
func DefaultWANTiming() Timing {
	return Timing{
		GossipInterval: 500 * time.Millisecond, GossipNodes: 3, ProbeInterval: 5 * time.Second, ProbeTimeout: 3 * time.Second,
		SuspicionMult: 6, RetransmitMult: 4, LeaveDelay: 3 * time.Second, ReclaimDelay: 30 * time.Second,
	}
}

// Open makes this agent a member of a pool of its own, or with a snapshot of the one that it was in.
func Open(c Config) (*Pool, error) {
	p := &Pool{log: c.Logger, event: c.UserEvent, told: c.MembersChanged, changed: make(chan struct{}, 1), stop: make(chan struct{})}
	conf, err := p.configure(&c)
	if err != nil {
		return nil, err
	}
	events := make(chan serf.Event, 256)
	conf.EventCh = events
	p.serving.Go(func() { p.listen(events) })
	if p.serf, err = serf.Create(conf); err != nil {
		p.end()
		return nil, err
	}
	if len(p.serf.Members()) == 0 {
		return nil, errors.Join(fmt.Errorf("this agent's own address is in none of the allowed networks %s: add it to serf_%s_allowed_cidrs", c.Allowed, strings.ToLower(c.kind())), p.Close())
	}
	return p, nil
}

// memberName is the name that the pool knows this member by.
func (c *Config) memberName() string {
	if c.WAN {
		return c.Name + "." + c.Datacenter
	}
	return c.Name
}

// kind is what operators call the pool.
func (c *Config) kind() string {
	if c.WAN {
		return "WAN"
	}
	return "LAN"
}

func (p *Pool) configure(c *Config) (*serf.Config, error) {
	for _, path := range []string{c.Snapshot, c.KeyringFile} {
		if path == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("make the directory of the pool's files: %w", err)
		}
	}
	ring, differs, err := c.keyring()
	if err != nil {
		return nil, fmt.Errorf("Failed to configure keyring: %w", err)
	}
	if differs {
		c.Logger.Warn("keyring doesn't include key provided with -encrypt, using keyring", "keyring", c.kind())
	}
	if ring != nil && c.KeyringFile != "" {
		if err := keep(ring, c.KeyringFile); err != nil {
			return nil, err
		}
	}
	conf := serf.DefaultConfig()
	conf.Init()
	conf.NodeName, conf.Tags = c.memberName(), c.tags()
	conf.ProtocolVersion = 4
	conf.Logger = c.Logger.StandardLogger(&hclog.StandardLoggerOptions{InferLevels: true})
	conf.Merge = &merge{wan: c.WAN, datacenter: c.Datacenter, name: c.memberName(), id: c.NodeID}
	conf.EnableNameConflictResolution = false // it would end this agent's membership: the log says who has the same name
	conf.SnapshotPath, conf.RejoinAfterLeave = c.Snapshot, c.RejoinAfterLeave
	conf.LeavePropagateDelay = c.Timing.LeaveDelay
	if c.ReconnectTimeout > 0 {
		conf.ReconnectTimeout, conf.TombstoneTimeout = c.ReconnectTimeout, c.ReconnectTimeout
	}
	conf.ReconnectTimeoutOverride = reconnect{}
	if c.Timing.ReconnectInterval > 0 {
		conf.ReconnectInterval = c.Timing.ReconnectInterval
	}
	conf.DisableCoordinates = c.DisableCoordinates
	conf.UserEventSizeLimit = serf.UserEventSizeLimit
	if ring != nil {
		conf.KeyringFile = c.KeyringFile
	}
	m := memberlist.DefaultLANConfig()
	if c.WAN {
		m = memberlist.DefaultWANConfig()
	}
	m.Logger, m.LogOutput = conf.Logger, nil
	m.BindAddr, m.BindPort = c.Bind.Addr().String(), int(c.Bind.Port())
	if c.Advertise.IsValid() {
		m.AdvertiseAddr, m.AdvertisePort = c.Advertise.Addr().String(), int(c.Advertise.Port())
	}
	m.GossipInterval, m.GossipNodes = c.Timing.GossipInterval, c.Timing.GossipNodes
	m.ProbeInterval, m.ProbeTimeout = c.Timing.ProbeInterval, c.Timing.ProbeTimeout
	m.SuspicionMult, m.RetransmitMult = c.Timing.SuspicionMult, c.Timing.RetransmitMult
	m.Keyring, m.GossipVerifyIncoming, m.GossipVerifyOutgoing = ring, c.VerifyIncoming, c.VerifyOutgoing
	m.DeadNodeReclaimTime = c.Timing.ReclaimDelay
	m.CIDRsAllowed, m.Transport = networks(c.Allowed), c.Transport
	conf.MemberlistConfig = m
	return conf, nil
}

// keep writes a keyring file that does not exist yet.
func keep(ring *memberlist.Keyring, path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	b, err := encodeKeyring(ring)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(context.Background(), path, b, nil); err != nil {
		return fmt.Errorf("write the keyring: %w", err)
	}
	return nil
}

// listen tells whoever waits for changes.
func (p *Pool) listen(events <-chan serf.Event) {
	for {
		select {
		case <-p.stop:
			return
		case e := <-events:
			switch e := e.(type) {
			case serf.MemberEvent:
				p.notify()
			case serf.UserEvent:
				if p.event != nil {
					p.event(e.Name, e.Payload, uint64(e.LTime))
				}
			}
		}
	}
}

func (p *Pool) notify() {
	select {
	case p.changed <- struct{}{}:
	default: // it is known already that there is news
	}
	if p.told != nil {
		p.told()
	}
}

// Changed receives after the members have changed, once for any number of changes.
func (p *Pool) Changed() <-chan struct{} { return p.changed }

// Members lists everybody who is known, this agent included, by name.
func (p *Pool) Members() []Member {
	var all []Member
	for _, s := range p.serf.Members() {
		all = append(all, memberOf(&s))
	}
	slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Self is this agent.
func (p *Pool) Self() Member {
	s := p.serf.LocalMember()
	return memberOf(&s)
}

// Join joins the pools that the agents at some addresses are in, each a host name or an IP address with or without a port. It returns
// how many were reached, and an error if there was none.
func (p *Pool) Join(addresses []string) (int, error) { return p.serf.Join(addresses, true) }

// ForceLeave makes a failed member one that has left, and with prune forgets it. A member that is alive stays.
func (p *Pool) ForceLeave(name string, prune bool) error {
	if !slices.ContainsFunc(p.serf.Members(), func(m serf.Member) bool { return m.Name == name }) {
		return fmt.Errorf("agent: No node found with name '%s'", name)
	}
	if prune {
		return p.serf.RemoveFailedNodePrune(name)
	}
	return p.serf.RemoveFailedNode(name)
}

// Leave tells the others that this agent leaves for good, and waits until they know.
func (p *Pool) Leave() error { return p.serf.Leave() }

// Fire sends a user event to all members, this one included. Large ones, above about a kilobyte, travel slowly.
func (p *Pool) Fire(name string, payload []byte) error { return p.serf.UserEvent(name, payload, false) }

// Coordinate is where this member has found itself to be among the others.
func (p *Pool) Coordinate() (*coordinate.Coordinate, error) { return p.serf.GetCoordinate() }

// CoordinateOf is where a member is, by its name; false if that is not known.
func (p *Pool) CoordinateOf(member string) (*coordinate.Coordinate, bool) {
	return p.serf.GetCachedCoordinate(member)
}

// Encrypted tells whether the pool's messages are encrypted.
func (p *Pool) Encrypted() bool { return p.serf.EncryptionEnabled() }

// Keys changes and lists the keys of all members.
func (p *Pool) Keys() *serf.KeyManager { return p.serf.KeyManager() }

// Stats are the pool's figures, by the names that operators know.
func (p *Pool) Stats() map[string]string { return p.serf.Stats() }

// Close ends the membership. Without [Pool.Leave] before it the others take this agent for failed.
func (p *Pool) Close() error {
	err := p.serf.Shutdown()
	p.end()
	return err
}

func (p *Pool) end() {
	p.once.Do(func() { close(p.stop) })
	p.serving.Wait()
}

// reconnect knows how long a failed member is remembered: as long as it has asked for.
type reconnect struct{}

// ReconnectTimeout is the member's own wish, or the pool's rule.
func (reconnect) ReconnectTimeout(m *serf.Member, timeout time.Duration) time.Duration {
	if wish, err := time.ParseDuration(m.Tags[TagReconnect]); err == nil && wish > 0 {
		return wish
	}
	return timeout
}
