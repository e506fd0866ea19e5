package server

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// Only what was sent after the beginning counts, to who has a vote, in the term.
func TestContacts(t *testing.T) {
	began := time.Now()
	before, after := began.Add(-time.Millisecond), began.Add(time.Millisecond)
	voter := func(id raft.ServerID) raft.Server { return raft.Server{ID: id} }
	three := []raft.Server{voter("self"), voter("b"), voter("c"), {ID: "reader", Suffrage: raft.Nonvoter}}
	type heard struct {
		id   raft.ServerID
		sent time.Time
		term uint64
	}
	tests := []struct {
		name    string
		servers []raft.Server
		heard   []heard
		want    bool
	}{
		{"alone", three[:1], nil, true},
		{"nobody answers", three, nil, false},
		{"an answer that was on its way", three, []heard{{"b", before, 7}, {"c", before, 7}}, false},
		{"an answer to what was sent since", three, []heard{{"c", after, 7}}, true},
		{"sent at the beginning", three, []heard{{"c", began, 7}}, true},
		{"a late answer does not hide a newer one", three, []heard{{"c", after, 7}, {"c", before, 7}}, true},
		{"of another term", three, []heard{{"b", after, 6}, {"c", after, 8}}, false},
		{"of who has no vote", three, []heard{{"reader", after, 7}}, false},
		{"of who has been removed", three, []heard{{"gone", after, 7}}, false},
		{"half", append(three, voter("d")), []heard{{"c", after, 7}}, false},
		{"more than half", append(three, voter("d")), []heard{{"c", after, 7}, {"d", after, 7}}, true},
		{"leads without a vote", three[1:], []heard{{"b", after, 7}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newContacts()
			for _, h := range tt.heard {
				c.note(h.id, h.sent, h.term)
			}
			if got := c.quorum(tt.servers, "self", 7, began); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
			if got := c.await(tt.servers, "self", 7, began, time.Microsecond); got != tt.want {
				t.Errorf("after waiting %v, want %v", got, tt.want)
			}
		})
	}
}

// holding is Raft's connections to other servers, on which what they answer can be held up.
type holding struct {
	raft.StreamLayer
	mu   sync.Mutex
	gate chan struct{} // closed once answers may pass
	held atomic.Int32  // connections on which one waits
}

func (h *holding) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	c, err := h.StreamLayer.Dial(address, timeout)
	if err != nil {
		return nil, err
	}
	return &heldConn{c, h}, nil
}

// hold has answers wait until what it returns is called.
func (h *holding) hold() (release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gate = make(chan struct{})
	return sync.OnceFunc(func() { close(h.gate) })
}

type heldConn struct {
	net.Conn
	by *holding
}

func (c *heldConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.by.mu.Lock()
	gate := c.by.gate
	c.by.mu.Unlock()
	if gate != nil && n > 0 {
		c.by.held.Add(1)
		<-gate
	}
	return n, err
}

// Answers to heartbeats that the others had sent before a consistent read began do not tell that they still follow: they may have elected
// another leader while the answers waited.
func TestOldAnswersConfirmNoLeadership(t *testing.T) {
	cluster := startCluster(t, 3, func(c *Config) {
		c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = 1500*time.Millisecond, 1500*time.Millisecond, 1500*time.Millisecond
	})
	put(t, leader(t, cluster).Server, "a", "1")
	agree(t, cluster, "a", "1")
	last := leader(t, cluster)
	answers := last.answers
	release := answers.hold()
	defer release()
	eventually(t, "both answer a heartbeat", func() bool { return answers.held.Load() >= 2 })
	for _, m := range cluster {
		if m != last {
			m.stop(t)
		}
	}
	read := make(chan error, 1)
	go func() { read <- last.ConsistentRead(t.Context()) }()
	select {
	case err := <-read:
		t.Fatalf("it did not ask: %v", err)
	case <-time.After(100 * time.Millisecond): // by then it has asked Raft
	}
	release()
	if err := <-read; !errors.Is(err, ErrNoLeader) {
		t.Errorf("a consistent read, with nothing but old answers: %v", err)
	}
}

func TestContactsAreAwaited(t *testing.T) {
	c, began := newContacts(), time.Now()
	go func() {
		c.note("b", began.Add(-time.Second), 7)
		c.note("b", began.Add(time.Second), 7)
	}()
	if !c.await([]raft.Server{{ID: "self"}, {ID: "b"}, {ID: "c"}}, "self", 7, began, time.Minute) {
		t.Error("waited in vain")
	}
}
