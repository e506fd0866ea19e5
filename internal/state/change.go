package state

import (
	memdb "github.com/hashicorp/go-memdb"

	"github.com/lictor-dr/lictor/internal/record"
)

// A change is what one log entry does to the state. It takes effect as a whole, or not at all.
type change struct {
	s     *Store
	index uint64
	db    *memdb.Txn

	raised  []string // keys of the Index table whose watchers are to be woken
	touched []string // KV keys that have changed
	delayed []lockDelay
	undo    []func() // takes back what was done to the KV table, last first
}

// apply makes the change that fn describes, as the log entry at index. An error means that nothing but the applied index has
// changed.
func (s *Store) apply(index, term uint64, fn func(c *change) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index, s.term = index, term
	c := s.begin(index)
	if err := fn(c); err != nil {
		c.abort()
		return err
	}
	c.commit()
	return nil
}

// begin starts a change. The store must be locked for writing until it ends.
func (s *Store) begin(index uint64) *change {
	c := &change{s: s, index: index, db: s.db.Txn(true)}
	kvIndex, tombIndex := s.kv.index, s.kv.tombIndex
	c.undo = append(c.undo, func() { s.kv.index, s.kv.tombIndex = kvIndex, tombIndex })
	return c
}

func (c *change) abort() {
	c.db.Abort()
	for i := len(c.undo) - 1; i >= 0; i-- {
		c.undo[i]()
	}
}

func (c *change) commit() {
	c.db.Commit()
	c.s.delay(c.delayed)
	for _, key := range c.touched {
		c.s.kv.watchers.changed(key)
	}
	for _, key := range c.raised {
		c.s.kv.watchers.raised(key)
		if key == tableTokens || key == tablePolicies || key == tableRoles {
			c.s.acls.Add(1)
		}
	}
}

// raise sets entries of the Index table to the index of the change.
func (c *change) raise(keys ...string) {
	for _, key := range keys {
		must(c.db.Insert(tableIndex, &record.Index{Key: key, Value: c.index}))
		c.raised = append(c.raised, fold(key))
	}
}

// dropIndex removes an entry of the Index table, and wakes those who watch it.
func (c *change) dropIndex(key string) {
	if x := first[*record.Index](c.db, tableIndex, indexID, fold(key)); x != nil {
		must(c.db.Delete(tableIndex, x))
	}
	c.raised = append(c.raised, fold(key))
}

func (c *change) insert(table string, row any) { must(c.db.Insert(table, row)) }
func (c *change) delete(table string, row any) { must(c.db.Delete(table, row)) }

// must stops the process on an error that only a mistake in the schema can cause.
func must(err error) {
	if err != nil {
		panic("state: " + err.Error())
	}
}

// first returns the row that an index finds, the zero value if there is none.
func first[T any](txn *memdb.Txn, table, index string, args ...any) (row T) {
	found, err := txn.First(table, index, args...)
	must(err)
	if found != nil {
		row = found.(T)
	}
	return row
}

// all returns the rows that an index finds, in its order.
func all[T any](txn *memdb.Txn, table, index string, args ...any) (rows []T) {
	found, err := txn.Get(table, index, args...)
	must(err)
	for row := found.Next(); row != nil; row = found.Next() {
		rows = append(rows, row.(T))
	}
	return rows
}

// read returns a transaction to read from, once w watches the given entries of the Index table.
func (s *Store) read(w *Watch, keys ...string) *memdb.Txn {
	s.kv.watchers.watchIndex(w, keys...)
	return s.db.Txn(false)
}

// highest is the highest value of the given entries of the Index table, 0 if there are none.
func highest(txn *memdb.Txn, keys ...string) (value uint64) {
	for _, key := range keys {
		if x := first[*record.Index](txn, tableIndex, indexID, fold(key)); x != nil {
			value = max(value, x.Value)
		}
	}
	return value
}
