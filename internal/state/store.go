package state

import (
	"sync"
	"sync/atomic"
	"time"

	memdb "github.com/hashicorp/go-memdb"

	"github.com/lictor-dr/lictor/internal/record"
)

// A Store is the replicated state. One goroutine may apply changes at a time; reads are safe from any.
type Store struct {
	mu sync.RWMutex // guards all that follows; held for writing while one entry is applied

	kv     kvTable
	db     *memdb.MemDB
	opaque opaqueTable
	acls   atomic.Uint64 // grows after each change of tokens, policies or roles

	index uint64 // of the log entry applied last
	term  uint64

	delays struct {
		mu    sync.Mutex
		until map[string]time.Time // by key
	}

	abandoned chan struct{} // closed by Abandon
}

// New returns an empty store.
func New() *Store {
	db, err := memdb.NewMemDB(schema)
	if err != nil {
		panic("state: " + err.Error()) // the schema is a constant
	}
	s := &Store{kv: newKVTable(), db: db, abandoned: make(chan struct{})}
	s.delays.until = map[string]time.Time{}
	return s
}

// Applied returns the index and term of the log entry applied last.
func (s *Store) Applied() (index, term uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.index, s.term
}

// SetApplied records that the log entry at index, of the given term, has been applied without an effect, or that the store as a
// whole stands for the log up to there.
func (s *Store) SetApplied(index, term uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index, s.term = index, term
}

// Abandon tells everybody who waits on the store that it has been replaced. It may be called once.
func (s *Store) Abandon() { close(s.abandoned) }

// Abandoned is closed once the store has been replaced.
func (s *Store) Abandoned() <-chan struct{} { return s.abandoned }

// A Snapshot is the state at one moment. It stays as it is while the store goes on.
type Snapshot struct {
	kv     kvTable
	txn    *memdb.Txn
	opaque opaqueTable
	index  uint64
	term   uint64
}

// Snapshot returns the state as it is now. It costs the same for a state of any size.
func (s *Store) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Snapshot{kv: s.kv.freeze(), txn: s.db.Txn(false), opaque: s.opaque, index: s.index, term: s.term}
}

// Applied returns the index and term of the last log entry that the snapshot covers.
func (s *Snapshot) Applied() (index, term uint64) { return s.index, s.term }

// SetAutopilot applies, as the log entry at index, a new autopilot configuration. With cas it is set only if the ModifyIndex of what is
// there is that of a; the result tells whether it was set.
func (s *Store) SetAutopilot(index, term uint64, a *record.Autopilot, cas bool) (set bool, err error) {
	err = s.apply(index, term, func(c *change) error {
		old := first[*record.Autopilot](c.db, tableAutopilot, indexID)
		if cas && (old == nil || old.ModifyIndex != a.ModifyIndex) {
			return nil
		}
		next := *a
		next.CreateIndex, next.ModifyIndex = index, index
		if old != nil {
			next.CreateIndex = old.CreateIndex
		}
		c.insert(tableAutopilot, &next)
		set = true
		return nil
	})
	return set, err
}

// SetSystemMetadata applies, as the log entry at index, a value of the cluster's own.
func (s *Store) SetSystemMetadata(index, term uint64, key, value string) error {
	return s.apply(index, term, func(c *change) error {
		next := &record.SystemMetadata{Key: key, Value: value, CreateIndex: index, ModifyIndex: index}
		if old := first[*record.SystemMetadata](c.db, tableSystemMetadata, indexID, key); old != nil {
			next.CreateIndex = old.CreateIndex
		}
		c.insert(tableSystemMetadata, next)
		c.raise(tableSystemMetadata)
		return nil
	})
}

// SystemMetadata returns a value of the cluster's own, nil if there is none.
func (s *Store) SystemMetadata(key string) *record.SystemMetadata {
	return first[*record.SystemMetadata](s.read(nil), tableSystemMetadata, indexID, key)
}

// Autopilot returns the autopilot configuration, nil if there is none.
func (s *Store) Autopilot() *record.Autopilot {
	a, err := s.db.Txn(false).First(tableAutopilot, indexID)
	if err != nil || a == nil {
		return nil
	}
	return a.(*record.Autopilot)
}
