package fsm

import (
	"fmt"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// ignorable, in the type of a log entry, says that a server which does not know the type may skip the entry.
const ignorable = 128

// kvCommand is an operation on the KV table.
type kvCommand struct {
	Entry record.KVEntry
	Op    string
}

// reapCommand removes the tombstones left at or before an index.
type reapCommand struct {
	Index uint64
}

// EncodeKV returns the log entry for an operation on the KV table.
func EncodeKV(op state.KVOp, e *record.KVEntry) []byte {
	b := make([]byte, 0, 160+len(e.Key)+len(e.Value))
	return msgpack.Append(append(b, byte(record.TypeKVS)), kvCommand{*e, string(op)})
}

// EncodeTombstoneReap returns the log entry that removes the tombstones left at or before index.
func EncodeTombstoneReap(index uint64) []byte {
	return msgpack.Append([]byte{byte(record.TypeTombstone)}, reapCommand{index})
}

// EncodeAutopilot returns the log entry that sets the autopilot configuration.
func EncodeAutopilot(a *record.Autopilot) []byte {
	return msgpack.Append([]byte{byte(record.TypeAutopilot)}, a)
}

// A Result is what applying a log entry gave.
type Result struct {
	OK  bool  // whether the condition of a conditional operation held
	Err error // why the entry had no effect
}

// apply decodes and applies one log entry.
func apply(s *state.Store, index, term uint64, data []byte) Result {
	if len(data) == 0 {
		panic(fmt.Sprintf("fsm: log entry %d is empty", index))
	}
	switch t := record.Type(data[0]); t {
	case record.TypeKVS:
		var c kvCommand
		decode(index, data, &c)
		ok, err := s.ApplyKV(index, term, state.KVOp(c.Op), &c.Entry)
		return Result{ok, err}
	case record.TypeTombstone:
		var c reapCommand
		decode(index, data, &c)
		s.ReapTombstones(index, term, c.Index)
		return Result{OK: true}
	case record.TypeAutopilot:
		var a record.Autopilot
		decode(index, data, &a)
		return Result{true, s.SetAutopilot(index, term, &a)}
	default:
		if t&ignorable == 0 {
			panic(fmt.Sprintf("fsm: log entry %d has type %d, which this version does not know: the data directory was "+
				"written by a newer version; start that one", index, t))
		}
		s.SetApplied(index, term)
		return Result{OK: true}
	}
}

// decode reads the value of a log entry. One that does not decode was not written by this program; going on would make servers
// differ.
func decode(index uint64, data []byte, v any) {
	if err := msgpack.Unmarshal(data[1:], v); err != nil {
		panic(fmt.Sprintf("fsm: log entry %d of type %d: %v", index, data[0], err))
	}
}
