package localstate

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/lictor-dr/lictor/internal/definition"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals and full stops included.

// UpdateCheck tells the state of a check with a TTL, and its output, of which the end is kept if it is too long. The TTL begins anew.
func (s *State) UpdateCheck(ctx context.Context, id, status, output string) error {
	if !definition.ValidStatus(status) {
		return refuse(http.StatusBadRequest, "Invalid check status: '%s'", status)
	}
	s.changes.Lock() // the order of the updates is that of their files
	defer s.changes.Unlock()
	s.mu.Lock()
	c := s.checks[id]
	if c == nil || c.run == nil || c.run.ttl == nil {
		s.mu.Unlock()
		if c == nil {
			return unknownCheck(id)
		}
		return refuse(http.StatusBadRequest, "CheckID %q does not have associated TTL", id)
	}
	limit := s.config.CheckOutputMaxSize
	if c.def.OutputMaxSize > 0 {
		limit = c.def.OutputMaxSize
	}
	output = output[max(0, len(output)-limit):]
	c.run.ttl.Touch(output)
	c.run.expires = time.Now().Add(c.def.TTL)
	expires := c.run.expires
	s.setStatus(c, status, output)
	s.mu.Unlock()
	return s.persistState(ctx, checkState{CheckID: id, Status: status, Output: output, Expires: expires.Unix()})
}

// reported takes what a check found out about itself.
func (s *State) reported(id string, from *run, status, output string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.checks[id]
	if c == nil || c.run != from {
		return
	}
	if from.ttl != nil {
		if time.Now().Before(from.expires) {
			return // told in the last moment
		}
		s.log.Warn("Check missed TTL, is now critical", "check", id)
	}
	s.setStatus(c, status, output)
}

// setStatus notes a state. That only the output changed is written to the catalog later. The caller holds mu.
func (s *State) setStatus(c *check, status, output string) {
	if s.discard {
		output = ""
	}
	if c.record.Status == status && c.record.Output == output {
		return
	}
	outputOnly := c.record.Status == status
	changed := *c.record
	changed.Status, changed.Output = status, output
	c.record = &changed
	now := time.Now()
	c.noteCritical(now)
	if delay := s.config.CheckUpdateInterval; outputOnly && delay > 0 && c.inSync {
		if c.deferred.IsZero() {
			c.deferred = now.Add(delay/2 + rand.N(delay))
		}
	} else if !outputOnly || delay == 0 {
		c.inSync, c.deferred = false, time.Time{}
	}
	s.wake()
}
