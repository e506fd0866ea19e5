package aclreplicate

import (
	"sync"
	"time"
)

// Status is how replication goes.
type Status struct {
	Running          bool    // a round is under way, or waited for: this server leads
	Indexes          Indexes // of the primary, up to which all has been taken over
	LastSuccess      time.Time
	LastError        time.Time
	LastErrorMessage string
}

// progress is a Status that changes.
type progress struct {
	mu sync.Mutex
	Status
}

func (p *progress) set(change func(s *Status)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.Status)
}

func (p *progress) get() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Status
}
