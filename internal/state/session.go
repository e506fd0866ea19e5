package state

import (
	"errors"
	"fmt"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
)

const indexSessions = "sessions"

// behaviorDelete is the behavior of sessions that delete the keys they hold when they end; all others release them.
const behaviorDelete = "delete"

// checksOf are the IDs of all checks that a session depends on.
func checksOf(s *record.Session) []string {
	ids := append(append([]string(nil), s.Checks...), s.NodeChecks...)
	for _, c := range s.ServiceChecks {
		ids = append(ids, c.ID)
	}
	return ids
}

// Sessions returns all sessions, by ID.
func (s *Store) Sessions(w *Watch) (uint64, []*record.Session) {
	txn := s.read(w, indexSessions)
	return highest(txn, indexSessions), all[*record.Session](txn, tableSessions, indexID)
}

// NodeSessions returns the sessions of a node, by ID.
func (s *Store) NodeSessions(w *Watch, node string) (uint64, []*record.Session) {
	txn := s.read(w, indexSessions)
	return highest(txn, indexSessions), all[*record.Session](txn, tableSessions, indexNode, fold(node))
}

// Session returns one session, nil if there is none of that ID.
func (s *Store) Session(w *Watch, id string) (uint64, *record.Session) {
	txn := s.read(w, indexSessions)
	return highest(txn, indexSessions), first[*record.Session](txn, tableSessions, indexID, id)
}

// CreateSession applies, as the log entry at index, the creation of a session. Its node must be registered, and each check it
// depends on must exist and not be critical. The store keeps x.
func (s *Store) CreateSession(index, term uint64, x *record.Session) error {
	return s.apply(index, term, func(c *change) error {
		if x.ID == "" {
			return errors.New("Missing Session ID")
		}
		if first[*node](c.db, tableNodes, indexID, "", fold(x.Node)) == nil {
			return errors.New("Missing node registration")
		}
		for _, id := range checksOf(x) {
			found := first[*check](c.db, tableChecks, indexID, "", fold(x.Node), fold(id))
			switch {
			case found == nil:
				return fmt.Errorf("Missing check '%s' registration", id)
			case found.Status == statusCritical:
				return fmt.Errorf("Check '%s' is in critical state", id)
			}
		}
		x.CreateIndex, x.ModifyIndex = index, index
		c.insert(tableSessions, x)
		c.raise(indexSessions)
		return nil
	})
}

// DestroySession applies, as the log entry at index, the end of a session, if there is one of that ID.
func (s *Store) DestroySession(index, term uint64, id string) error {
	return s.apply(index, term, func(c *change) error {
		if x := first[*record.Session](c.db, tableSessions, indexID, id); x != nil {
			c.endSession(x)
		}
		return nil
	})
}

// endSession removes a session. The keys it has locked are released or deleted, as its behavior says, and cannot be locked again for
// its lock delay; the prepared queries bound to it go with it.
func (c *change) endSession(x *record.Session) {
	c.delete(tableSessions, x)
	c.raise(indexSessions)
	for _, key := range c.s.kv.lockedBy(x.ID) {
		old := c.s.kv.get(key)
		if x.Behavior == behaviorDelete {
			c.remove(old)
		} else {
			released := *old
			c.put(old, &released, "", old.LockIndex)
		}
		if x.LockDelay > 0 {
			c.delayed = append(c.delayed, lockDelay{key, x.LockDelay})
		}
	}
	for _, q := range all[*record.PreparedQuery](c.db, tableQueries, indexSession, x.ID) {
		c.delete(tableQueries, q)
		c.raise(tableQueries)
	}
}

// endSessionsOfCheck ends the sessions that depend on a check.
func (c *change) endSessionsOfCheck(node, checkID string) {
	for _, x := range all[*record.Session](c.db, tableSessions, indexCheck, fold(node), fold(checkID)) {
		c.endSession(x)
	}
}

func (c *change) endSessionsOfNode(node string) {
	for _, x := range all[*record.Session](c.db, tableSessions, indexNode, fold(node)) {
		c.endSession(x)
	}
}

// A lockDelay is the time for which a key cannot be locked after its holder has been lost.
type lockDelay struct {
	key   string
	delay time.Duration
}

// LockDelayed tells whether key cannot be locked yet, because the session that held its lock was lost a moment ago. It is this
// server's own memory, and not replicated.
func (s *Store) LockDelayed(key string) bool {
	s.delays.mu.Lock()
	defer s.delays.mu.Unlock()
	until, ok := s.delays.until[key]
	if ok && !time.Now().Before(until) {
		delete(s.delays.until, key)
		ok = false
	}
	return ok
}

// delay starts the lock delays of keys.
func (s *Store) delay(keys []lockDelay) {
	if len(keys) == 0 {
		return
	}
	now := time.Now()
	s.delays.mu.Lock()
	defer s.delays.mu.Unlock()
	for key, until := range s.delays.until { // forget those that are over, which nobody asked for
		if !now.Before(until) {
			delete(s.delays.until, key)
		}
	}
	for _, k := range keys {
		s.delays.until[k.key] = now.Add(k.delay)
	}
}
