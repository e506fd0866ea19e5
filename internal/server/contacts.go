package server

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// contacts remember, of each other server, the last message that it has answered as this server's follower.
type contacts struct {
	mu   sync.Mutex
	last map[raft.ServerID]contact
	news chan struct{} // closed by the next one
}

func newContacts() *contacts {
	return &contacts{last: map[raft.ServerID]contact{}, news: make(chan struct{})}
}

type contact struct {
	sent time.Time // not answered: the answer may have waited here for any time
	term uint64    // that both were in
}

func (c *contacts) note(id raft.ServerID, sent time.Time, term uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sent.After(c.last[id].sent) {
		c.last[id] = contact{sent, term}
		close(c.news)
		c.news = make(chan struct{})
	}
}

// await waits, no longer than limit, until quorum is true.
func (c *contacts) await(servers []raft.Server, self raft.ServerID, term uint64, began time.Time, limit time.Duration) bool {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		c.mu.Lock()
		news := c.news
		c.mu.Unlock()
		if c.quorum(servers, self, term, began) {
			return true
		}
		select {
		case <-news:
		case <-timeout.C:
			return false
		}
	}
}

// quorum tells whether most of the servers with a vote have followed this one, in a term, at some time since began: they have answered
// what was sent no earlier.
func (c *contacts) quorum(servers []raft.Server, self raft.ServerID, term uint64, began time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	voters, following := 0, 0
	for _, s := range servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if last := c.last[s.ID]; s.ID == self || last.term == term && !last.sent.Before(began) {
			following++
		}
	}
	return following > voters/2
}

// watched is a transport that notes who follows.
type watched struct {
	*raft.NetworkTransport
	contacts *contacts
}

// AppendEntries carries heartbeats, and entries to who is behind.
func (w *watched) AppendEntries(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest,
	resp *raft.AppendEntriesResponse) error {
	sent := time.Now()
	err := w.NetworkTransport.AppendEntries(id, to, args, resp)
	if err == nil && resp.Success && resp.Term == args.Term {
		w.contacts.note(id, sent, args.Term)
	}
	return err
}
