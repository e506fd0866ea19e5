package localstate

import (
	"context"
	"time"
)

// reap removes services whose checks are critical for longer than they may, until ctx is over.
func (s *State) reap(ctx context.Context) {
	ticker := time.NewTicker(s.config.ReapInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.reapOnce(ctx, time.Now())
		}
	}
}

func (s *State) reapOnce(ctx context.Context, now time.Time) {
	s.changes.Lock()
	defer s.changes.Unlock()
	for serviceID, checkID := range s.overdue(now) {
		if err := s.removeService(ctx, serviceID); err == nil {
			s.log.Info("Check for service has been critical for too long; deregistered service", "service", serviceID, "check", checkID)
		}
	}
}

// overdue are the services to be removed, each with the check that says so.
func (s *State) overdue(now time.Time) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]string{}
	for id, c := range s.checks {
		if c.def == nil || c.def.DeregisterCriticalServiceAfter <= 0 || c.record.ServiceID == "" || c.critical.IsZero() {
			continue
		}
		if now.Sub(c.critical) > max(c.def.DeregisterCriticalServiceAfter, s.config.DeregisterFloor) {
			found[c.record.ServiceID] = id
		}
	}
	return found
}
