package localstate

import "context"

// AwaitService waits until the catalog has a service and its checks as the registry has them, or until ctx is done. What the catalog
// refuses for want of rights is not waited for.
func (s *State) AwaitService(ctx context.Context, id string) {
	for {
		settled, pushed := s.settled(id)
		if settled {
			return
		}
		select {
		case <-pushed:
		case <-ctx.Done():
			return
		}
	}
}

// settled tells whether a service and its checks need no writing; if they do, what it returns is closed after the next attempt.
func (s *State) settled(id string) (bool, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if entry := s.services[id]; entry != nil && !entry.inSync {
		return false, s.pushed
	}
	for _, c := range s.checks {
		if c.record.ServiceID == id && !c.inSync {
			return false, s.pushed
		}
	}
	return true, nil
}
