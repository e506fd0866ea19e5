package fsm

import (
	"fmt"
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// ignorable, in the type of a log entry, says that a server which does not know the type may skip the entry.
const ignorable = 128

// A Result is what applying a log entry gave.
type Result struct {
	OK    bool  // whether the condition of a conditional operation held
	Err   error // why the entry had no effect
	Value any   // what the entry's maker says
}

// Apply decodes a log entry and applies it to a store, as the entry at index. It panics on one that this version cannot have written.
func Apply(s *state.Store, index, term uint64, data Entry) Result {
	if len(data) == 0 {
		panic(fmt.Sprintf("fsm: log entry %d is empty", index))
	}
	t := record.Type(data[0])
	if do, ok := appliers[t]; ok {
		return do(s, index, term, data)
	}
	if t&ignorable == 0 {
		panic(fmt.Sprintf("fsm: log entry %d has type %d, which this version does not know: the data directory was "+
			"written by a newer version; start that one", index, t))
	}
	s.SetApplied(index, term)
	return Result{OK: true}
}

type applier func(s *state.Store, index, term uint64, data []byte) Result

// on makes an applier out of one for a decoded value.
func on[T any](do func(s *state.Store, index, term uint64, c *T) Result) applier {
	return func(s *state.Store, index, term uint64, data []byte) Result {
		var c T
		decode(index, data, &c)
		return do(s, index, term, &c)
	}
}

// done is the result of an operation without a condition.
func done(err error) Result { return Result{OK: err == nil, Err: err} }

// appliers are all log entries that this version knows.
var appliers = map[record.Type]applier{
	record.TypeKVS: on(func(s *state.Store, index, term uint64, c *kvCommand) Result {
		began := time.Now()
		ok, err := s.ApplyKV(index, term, state.KVOp(c.Op), &c.Entry)
		if timer := kvTimers[state.KVOp(c.Op)]; timer != nil {
			timer.MeasureSince(began)
		}
		return Result{OK: ok, Err: err}
	}),
	record.TypeTombstone: on(func(s *state.Store, index, term uint64, c *reapCommand) Result {
		s.ReapTombstones(index, term, c.Index)
		return Result{OK: true}
	}),
	record.TypeRegister: on(func(s *state.Store, index, term uint64, c *registerCommand) Result {
		return done(s.Register(index, term, &state.Registration{
			Node: &c.Node, SkipNodeUpdate: c.SkipNodeUpdate, Service: c.Service, Checks: c.Checks}))
	}),
	record.TypeDeregister: on(func(s *state.Store, index, term uint64, c *deregisterCommand) Result {
		return done(s.Deregister(index, term, c.Node, c.ServiceID, c.CheckID))
	}),
	record.TypeSession: on(func(s *state.Store, index, term uint64, c *sessionCommand) Result {
		if c.Session == nil {
			return done(s.DestroySession(index, term, c.ID))
		}
		return done(s.CreateSession(index, term, c.Session))
	}),
	record.TypePreparedQuery: on(func(s *state.Store, index, term uint64, c *queryCommand) Result {
		if c.Query == nil {
			return done(s.DeleteQuery(index, term, c.ID))
		}
		return done(s.SetQuery(index, term, c.Query))
	}),
	record.TypeCoordinates: on(func(s *state.Store, index, term uint64, c *record.Coordinates) Result {
		return done(s.SetCoordinates(index, term, *c))
	}),
	record.TypeTxn: on(func(s *state.Store, index, term uint64, c *txnCommand) Result {
		results, errs := s.Txn(index, term, c.ops())
		return Result{OK: len(errs) == 0, Value: TxnOutcome{results, errs}}
	}),
	record.TypeAutopilot: setAutopilot,
	record.TypeACLToken: on(func(s *state.Store, index, term uint64, c *tokenCommand) Result {
		if c.Bootstrap {
			return done(s.Bootstrap(index, term, &c.Token, c.Reset))
		}
		return done(s.SetToken(index, term, &c.Token, c.Initial))
	}),
	record.TypeACLTokenDelete: on(func(s *state.Store, index, term uint64, c *deleteCommand) Result {
		return done(s.DeleteTokens(index, term, c.IDs))
	}),
	record.TypeACLPolicy: on(func(s *state.Store, index, term uint64, c *record.ACLPolicy) Result {
		return done(s.SetPolicy(index, term, c))
	}),
	record.TypeACLPolicyDelete: on(func(s *state.Store, index, term uint64, c *deleteCommand) Result {
		return done(s.DeletePolicy(index, term, only(c.IDs)))
	}),
	record.TypeACLRole: on(func(s *state.Store, index, term uint64, c *record.ACLRole) Result {
		return done(s.SetRole(index, term, c))
	}),
	record.TypeACLRoleDelete: on(func(s *state.Store, index, term uint64, c *deleteCommand) Result {
		return done(s.DeleteRole(index, term, only(c.IDs)))
	}),
	typeACLBatch: on(func(s *state.Store, index, term uint64, c *state.ACLBatch) Result {
		return done(s.TakeOverACLs(index, term, c))
	}),
	record.TypeSystemMetadata: on(func(s *state.Store, index, term uint64, c *metadataCommand) Result {
		return done(s.SetSystemMetadata(index, term, c.Key, c.Value))
	}),
}

// kvTimers measure what the state takes to apply operations on the KV table.
var kvTimers = func() map[state.KVOp]*telemetry.Timer {
	timers := map[state.KVOp]*telemetry.Timer{}
	for _, op := range state.KVOps {
		timers[op] = telemetry.NewTimer(telemetry.FSMKVS, metrics.Label{Name: "op", Value: string(op)})
	}
	return timers
}()

func only(ids []string) string {
	if len(ids) != 1 {
		return ""
	}
	return ids[0]
}

// setAutopilot applies a new autopilot configuration. Versions before 0.2 wrote the bare configuration.
func setAutopilot(s *state.Store, index, term uint64, data []byte) Result {
	var c autopilotCommand
	if err := msgpack.Unmarshal(data[1:], &c); err != nil || c.Config == nil {
		c.Config = new(record.Autopilot)
		decode(index, data, c.Config)
	}
	set, err := s.SetAutopilot(index, term, c.Config, c.CAS)
	return Result{OK: set, Err: err}
}

// decode reads the value of a log entry. One that does not decode was not written by this program; going on would make servers
// differ.
func decode(index uint64, data []byte, v any) {
	if err := msgpack.Unmarshal(data[1:], v); err != nil {
		panic(fmt.Sprintf("fsm: log entry %d of type %d: %v", index, data[0], err))
	}
}
