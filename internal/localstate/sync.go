package localstate

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// keepSynced keeps the catalog the same as the registry until ctx is over.
func (s *State) keepSynced(ctx context.Context) {
	full, deferred := time.NewTimer(0), time.NewTimer(0)
	defer full.Stop()
	defer deferred.Stop()
	compared, pause := false, s.config.RetryInterval
	for {
		wholly := true
		select {
		case <-ctx.Done():
			return
		case <-full.C:
		case <-s.resync:
		case <-s.trigger:
			wholly = !compared
		case <-deferred.C:
			wholly = !compared
		}
		err := s.sync(ctx, wholly)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.Error("Failed to sync with the catalog, retrying", "in", pause, "error", err)
			full.Reset(jitter(pause))
			pause = min(2*pause, s.config.SyncInterval)
		case wholly:
			if !compared {
				close(s.synced)
			}
			compared, pause = true, s.config.RetryInterval
			full.Reset(jitter(s.config.SyncInterval))
		}
		deferred.Reset(s.untilDeferred())
	}
}

// Synced is closed once the whole registry has been compared with the catalog for the first time, and brought into it.
func (s *State) Synced() <-chan struct{} { return s.synced }

// jitter is d and up to a quarter more, so that the agents of a cluster do not all sync at once.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/4+1) }

// sync compares with the catalog, if wholly, and writes what is not in sync.
func (s *State) sync(ctx context.Context, wholly bool) error {
	if wholly {
		remote, err := s.config.Catalog.Node(ctx, s.agentToken(), s.config.Node.Node)
		if err != nil {
			return describe(err, "reading node", s.config.Node.Node)
		}
		s.compare(remote)
	}
	return s.push(ctx)
}

// untilDeferred is how long until the next output is to be written.
func (s *State) untilDeferred() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := time.Now().Add(time.Hour)
	for _, c := range s.checks {
		if !c.deferred.IsZero() && c.deferred.Before(next) {
			next = c.deferred
		}
	}
	return time.Until(next)
}

// compare notes what of the registry is in the catalog, and what of the catalog is not in the registry.
func (s *State) compare(remote *NodeState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if remote == nil {
		remote = &NodeState{}
	}
	s.nodeInSync = sameNode(s.node, remote.NodeInfo)
	for id, entry := range s.services {
		r := remote.Services[id]
		if r != nil && entry.record.EnableTagOverride {
			s.takeTags(entry, r.Tags)
		}
		entry.inSync = r != nil && sameService(entry.record, r)
	}
	for id, c := range s.checks {
		r := remote.Checks[id]
		if r != nil && !c.deferred.IsZero() && time.Now().Before(c.deferred) {
			later := *r
			later.Output = c.record.Output
			r = &later
		}
		c.inSync = r != nil && sameCheck(c.record, r)
	}
	s.compareGone(remote)
}

// compareGone finds what is to be removed from the catalog.
func (s *State) compareGone(remote *NodeState) {
	old := s.gone
	s.gone = map[item]string{}
	note := func(i item) {
		token, ok := old[i]
		if !ok {
			token = s.agentToken()
		}
		s.gone[i] = token
	}
	for id := range remote.Services {
		if s.services[id] == nil && id != "consul" {
			note(item{service: id})
		}
	}
	for id, c := range remote.Checks {
		_, withService := s.gone[item{service: c.ServiceID}]
		if s.checks[id] == nil && id != "serfHealth" && !withService {
			note(item{check: id})
		}
	}
}

// takeTags takes the tags that somebody gave a service in the catalog.
func (s *State) takeTags(entry *service, tags []string) {
	if slices.Equal(entry.record.Tags, tags) {
		return
	}
	changed := *entry.record
	changed.Tags = append([]string{}, tags...)
	entry.record = &changed
	s.announce()
}

// maxFailures is how many writes may fail before the rest is left for the next time: without a leader each takes seconds.
const maxFailures = 5

// push writes what is not in sync. What fails does not keep the rest from being written.
func (s *State) push(ctx context.Context) error {
	var failures []error
	for _, write := range s.pending() {
		if err := write(ctx); err != nil {
			failures = append(failures, err)
		}
		if ctx.Err() != nil || len(failures) >= maxFailures {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.pushed)
	s.pushed = make(chan struct{})
	return errors.Join(failures...)
}
