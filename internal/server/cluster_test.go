package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/serverport"
	"github.com/lictor-dr/lictor/internal/state"
)

// peer is one server of a cluster in this process. Its server is nil while it is stopped.
type peer struct {
	*Server
	config  Config
	port    *serverport.Port
	answers *holding // of other servers to its Raft
}

// start starts a server on a port of its own, or on the one it had before.
func (m *peer) start(t *testing.T) {
	t.Helper()
	address := m.config.Address
	if address == "" {
		address = "127.0.0.1:0"
	}
	var err error
	if m.port, err = serverport.Listen(address, hclog.NewNullLogger()); err != nil {
		t.Fatal(err)
	}
	m.answers = &holding{StreamLayer: m.port.RaftStream("dc1", nil)}
	m.config.Address, m.config.Stream = m.port.Addr().String(), m.answers
	if m.Server, err = New(m.config); err != nil {
		m.port.Close()
		t.Fatal(err)
	}
}

func (m *peer) stop(t *testing.T) {
	t.Helper()
	if m.Server == nil {
		return
	}
	if err := errors.Join(m.Close(), m.port.Close()); err != nil {
		t.Error(err)
	}
	m.Server = nil
}

// startCluster starts so many servers; the first one takes the others in.
func startCluster(t *testing.T, size int, change func(*Config)) []*peer {
	t.Helper()
	var cluster []*peer
	for i := range size {
		m := &peer{config: testConfig(t.TempDir())}
		m.config.Scratch = filepath.Dir(m.config.Dir)
		m.config.NodeID = fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", i+1)
		m.config.Address, m.config.AwaitCluster = "", i > 0
		m.config.HeartbeatTimeout, m.config.ElectionTimeout, m.config.LeaderLeaseTimeout = 500*time.Millisecond, 500*time.Millisecond, 400*time.Millisecond
		if change != nil {
			change(&m.config)
		}
		m.start(t)
		t.Cleanup(func() { m.stop(t) })
		cluster = append(cluster, m)
		if err := cluster[0].AddServer(t.Context(), m.config.NodeID, m.config.Address); err != nil {
			t.Fatal(err)
		}
	}
	return cluster
}

// AddServer makes a server part of the cluster, with a vote, or tells Raft its new address.
func (s *Server) AddServer(ctx context.Context, id, address string) error {
	if err := s.WaitLeader(ctx); err != nil {
		return err
	}
	if err := s.raft.AddVoter(raft.ServerID(id), raft.ServerAddress(address), 0, barrierTimeout).Error(); err != nil {
		return fmt.Errorf("add server %s at %s to the Raft configuration: %w", id, address, err)
	}
	return nil
}

// leader waits until one of the servers that run leads.
func leader(t *testing.T, cluster []*peer) *peer {
	t.Helper()
	var found *peer
	eventually(t, "a leader", func() bool {
		i := slices.IndexFunc(cluster, func(m *peer) bool { return m.Server != nil && m.Leading() })
		if i >= 0 {
			found = cluster[i]
		}
		return i >= 0
	})
	return found
}

// agree waits until all servers that run have a key's value, and the same records.
func agree(t *testing.T, cluster []*peer, key, value string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s=%s and the same records on all servers", key, value), func() bool {
		var first []byte
		for _, m := range cluster {
			if m.Server == nil {
				continue
			}
			if _, e := m.Store().KVGet(nil, key); e == nil || string(e.Value) != value {
				return false
			}
			records := encode(t, m.Store())
			if first == nil {
				first = records
			}
			if !bytes.Equal(first, records) {
				return false
			}
		}
		return first != nil
	})
}

func encode(t *testing.T, store *state.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := store.Snapshot().Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute) // gossip mends what it has missed every 30 seconds
	for poll := time.NewTicker(5 * time.Millisecond); !ok(); <-poll.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Writes are on all servers; the loss of the leader costs none of them; one that was down catches up.
func TestClusterReplicates(t *testing.T) {
	cluster := startCluster(t, 3, nil)
	put(t, leader(t, cluster).Server, "a", "1")
	agree(t, cluster, "a", "1")
	old := leader(t, cluster)
	old.stop(t)
	put(t, leader(t, cluster).Server, "b", "2")
	agree(t, cluster, "a", "1")
	agree(t, cluster, "b", "2")
	old.start(t)
	agree(t, cluster, "b", "2")
	members, err := leader(t, cluster).Members()
	if err != nil || len(members) != 3 || slices.ContainsFunc(members, func(m Member) bool { return !m.Voter }) {
		t.Errorf("%+v, %v", members, err)
	}
}

// A restore reaches every server, one that is down by an installed snapshot once it is back; a write after it is on all.
func TestClusterRestores(t *testing.T) {
	cluster := startCluster(t, 3, func(c *Config) { c.TrailingLogs = 1 })
	put(t, leader(t, cluster).Server, "state", "old")
	agree(t, cluster, "state", "old")
	archive := save(t, leader(t, cluster).Server)
	put(t, leader(t, cluster).Server, "state", "new")
	agree(t, cluster, "state", "new")

	absent := cluster[slices.IndexFunc(cluster, func(m *peer) bool { return !m.Leading() })]
	absent.stop(t)
	if err := leader(t, cluster).Restore(t.Context(), bytes.NewReader(archive), nil); err != nil {
		t.Fatal(err)
	}
	agree(t, cluster, "state", "old")
	put(t, leader(t, cluster).Server, "after", "x")
	absent.start(t)
	agree(t, cluster, "after", "x")
	agree(t, cluster, "state", "old")
}

// A follower saves what it has if asked to, and nothing else; without a quorum a default save fails at once, a stale one works.
func TestClusterSaves(t *testing.T) {
	cluster := startCluster(t, 3, nil)
	put(t, leader(t, cluster).Server, "a", "1")
	agree(t, cluster, "a", "1")
	for _, m := range cluster {
		if m.Leading() {
			continue
		}
		if _, err := m.Save(t.Context(), false); !errors.Is(err, ErrNoLeader) {
			t.Errorf("a follower's default save: %v", err)
		}
		if err := m.confirmLeadership(); !errors.Is(err, ErrNoLeader) {
			t.Errorf("a follower that is asked whether it leads: %v", err)
		}
		stale(t, m)
	}
	last := leader(t, cluster)
	for _, m := range cluster {
		if m != last {
			m.stop(t)
		}
	}
	// Whether it has noticed the loss already or finds out by asking: both have Consul's words, so that a read may go to the next leader.
	if err := last.ConsistentRead(t.Context()); !errors.Is(err, ErrNoLeader) {
		t.Errorf("a consistent read without a quorum: %v", err)
	}
	eventually(t, "the loss of leadership", func() bool { return !last.Leading() })
	if _, err := last.Save(t.Context(), false); !errors.Is(err, ErrNoLeader) {
		t.Errorf("a default save without a quorum: %v", err)
	}
	stale(t, last)
}

// stale checks that a server saves what it has.
func stale(t *testing.T, m *peer) {
	t.Helper()
	saved, err := m.Save(context.Background(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer saved.Close()
	if index, _ := m.Store().Applied(); saved.Index() != index {
		t.Errorf("saved index %d, the state is at %d", saved.Index(), index)
	}
}

// A server that awaits a cluster is none by itself, however often it is started.
func TestServerAwaitsCluster(t *testing.T) {
	m := &peer{config: testConfig(t.TempDir())}
	m.config.Address, m.config.AwaitCluster, m.config.HoldTimeout = "", true, 300*time.Millisecond
	for range 2 {
		m.start(t)
		if err := m.WaitLeader(t.Context()); !errors.Is(err, ErrNoLeader) {
			t.Errorf("it leads: %v", err)
		}
		if members, err := m.Members(); err != nil || len(members) != 0 {
			t.Errorf("%+v, %v", members, err)
		}
		m.stop(t)
	}
}
