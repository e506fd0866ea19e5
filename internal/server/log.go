package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"

	"github.com/lictor-dr/lictor/internal/snapstore"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// A healingLog is Raft's log on disk. The log store stays broken once a write has failed, as on a full disk; so after a failure it is
// opened again, with the next write at the latest. What was not acknowledged before the failure is cut off, because Raft does not count with it.
//
// Raft's small values (term, vote) live in the same directory and are written past the log, which may be closed at the moment.
type healingLog struct {
	path      string
	snapshots *snapstore.Dir
	log       hclog.Logger
	values    *metadb.BoltMetaDB // shared with the log, which does not close it
	counters  *telemetry.LogStore

	mu      sync.RWMutex // guards what follows; held for reading by those who use wal
	wal     *wal.WAL
	last    uint64 // index of the last entry that was acknowledged
	ahead   *readAhead
	failure error // why the log must be opened again; nil while it works
}

// openLog opens the log in the directory path. One that ends below the newest snapshot is emptied.
func openLog(path string, snapshots *snapstore.Dir, log hclog.Logger) (*healingLog, error) {
	h := &healingLog{path: path, snapshots: snapshots, log: log, values: new(metadb.BoltMetaDB), counters: new(telemetry.LogStore)}
	if err := h.open(); err != nil {
		return nil, errors.Join(err, h.values.Close())
	}
	last, err := h.wal.LastIndex()
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	h.last = last
	return h, nil
}

func (h *healingLog) open() error {
	if err := mendSealedTail(h.path, h.values, h.log); err != nil {
		return fmt.Errorf("open log in %s: %w", h.path, err)
	}
	w, err := wal.Open(h.path, wal.WithMetaStore(keptOpen{h.values}), wal.WithLogger(h.log.Named("raft.wal")),
		wal.WithMetricsCollector(h.counters))
	if err != nil {
		return fmt.Errorf("open log in %s: %w", h.path, err)
	}
	if err := emptyOvertakenLog(w, h.snapshots, h.log); err != nil {
		return errors.Join(err, w.Close())
	}
	last, err := w.LastIndex()
	if err != nil {
		return errors.Join(err, w.Close())
	}
	state, err := h.values.Load(h.path)
	if err != nil {
		return errors.Join(fmt.Errorf("read the log's metadata: %w", err), w.Close())
	}
	h.wal, h.ahead = w, newReadAhead(h.path, state.Segments, last)
	return nil
}

// keptOpen are values that outlive the log that they are shared with.
type keptOpen struct{ *metadb.BoltMetaDB }

func (keptOpen) Close() error { return nil }

// reopen opens a log that has failed again. The caller holds mu for writing.
func (h *healingLog) reopen() error {
	h.ahead.end()
	if err := h.wal.Close(); err != nil {
		return err
	}
	if err := h.open(); err != nil {
		return err
	}
	h.ahead.end() // Raft has read what there was
	last, err := h.wal.LastIndex()
	if err == nil && last > h.last {
		err = h.wal.DeleteRange(h.last+1, last)
	}
	if err != nil {
		return fmt.Errorf("cut off what was not acknowledged: %w", err)
	}
	h.log.Info("the log is open again", "last_index", h.last)
	return nil
}

// change runs a change of the log. If it fails, or has failed before, the log is opened again and the change tried once more: that
// mends what can be mended, and names the cause of what cannot. (After a full disk the log store itself says only that its segment is sealed.)
func (h *healingLog) change(do func(*wal.WAL) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failure == nil {
		err := do(h.wal)
		if err == nil {
			return nil
		}
		h.log.Error("the log cannot be written, opening it again", "error", err)
	}
	h.failure = h.reopen()
	if h.failure == nil {
		h.failure = do(h.wal)
	}
	if h.failure != nil {
		h.log.Error("the log cannot be written", "error", h.failure)
	}
	return h.failure
}

// StoreLog appends an entry.
func (h *healingLog) StoreLog(l *raft.Log) error { return h.StoreLogs([]*raft.Log{l}) }

// StoreLogs appends entries. They are on disk when it returns nil.
func (h *healingLog) StoreLogs(logs []*raft.Log) error {
	return h.change(func(w *wal.WAL) error {
		if err := w.StoreLogs(logs); err != nil {
			return err
		}
		if n := len(logs); n > 0 {
			h.last = logs[n-1].Index
		}
		return nil
	})
}

// DeleteRange removes the entries from first to last, which must be the beginning or the end of the log.
func (h *healingLog) DeleteRange(first, last uint64) error {
	if last == 0 { // an empty log's
		return nil
	}
	return h.change(func(w *wal.WAL) error {
		if err := w.DeleteRange(first, last); err != nil {
			return err
		}
		if first <= h.last && h.last <= last {
			h.last = first - 1
			h.ahead.end() // other entries will be in their place
		}
		return nil
	})
}

// Failure tells why the log cannot be written at the moment, nil if it can.
func (h *healingLog) Failure() error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.failure
}

// FirstIndex is the index of the first entry, 0 if there is none.
func (h *healingLog) FirstIndex() (uint64, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.wal.FirstIndex()
}

// LastIndex is the index of the last entry, 0 if there is none.
func (h *healingLog) LastIndex() (uint64, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.wal.LastIndex()
}

// GetLog reads the entry at index.
func (h *healingLog) GetLog(index uint64, l *raft.Log) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.ahead.get(index, l) {
		return nil
	}
	return h.wal.GetLog(index, l)
}

// IsMonotonic tells Raft that the log takes no gaps.
func (h *healingLog) IsMonotonic() bool { return true }

// Set keeps a small value.
func (h *healingLog) Set(key, value []byte) error { return h.values.SetStable(key, value) }

// Get returns a small value, nil if there is none.
func (h *healingLog) Get(key []byte) ([]byte, error) { return h.values.GetStable(key) }

// SetUint64 keeps a number.
func (h *healingLog) SetUint64(key []byte, value uint64) error {
	return h.Set(key, binary.LittleEndian.AppendUint64(nil, value))
}

// GetUint64 returns a number, 0 if there is none.
func (h *healingLog) GetUint64(key []byte) (uint64, error) {
	b, err := h.Get(key)
	if err != nil || len(b) == 0 {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("value of %s has %d bytes, not 8", key, len(b))
	}
	return binary.LittleEndian.Uint64(b), nil
}

// Close closes the log.
func (h *healingLog) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ahead.end()
	return errors.Join(h.wal.Close(), h.values.Close())
}

var (
	_ raft.LogStore          = (*healingLog)(nil)
	_ raft.StableStore       = (*healingLog)(nil)
	_ raft.MonotonicLogStore = (*healingLog)(nil)
)
