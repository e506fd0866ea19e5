package inventory

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"math/bits"
	"slices"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
)

// Own is what the snapshot agents themselves put into the cluster. It is left out when two backups are compared: the agents' heartbeat is
// no change.
type Own struct {
	LockKey string // the KV key of their election, and with it the session that holds it
	Service string // the name of their service, with its instances and their checks
	Session string // the name of their sessions; without it, those that do not hold the lock count
}

// A Walk calls visit for each record of a stream, in order, with its decoded value, and stops at its first error. The bytes of raw are
// valid during the call.
type Walk func(visit func(raw record.Raw, value any) error) error

// Sums are the digests of a stream.
type Sums struct {
	Families digest.Set // all of it
	// Essence is a digest, in hex, without coordinates, records of indexes, and what is the agents' own.
	Essence string
}

// Sum digests a stream in one pass. Two streams have the same essence if, left aside coordinates, Index records and what is own,
// they hold the same records as often, in whatever order.
func Sum(own Own, walk Walk) (*Sums, error) {
	a := apart{own: own, sessions: map[string][]byte{}}
	set, err := digest.Of(func(visit func(record.Raw) error) error {
		return walk(func(raw record.Raw, value any) error {
			a.look(raw, value)
			return visit(raw)
		})
	})
	if err != nil {
		return nil, err
	}
	left, err := digest.Of(a.records)
	if err != nil {
		return nil, err
	}
	return &Sums{Families: set, Essence: essence(set, left, own)}, nil
}

// heldSessions limits the bytes of sessions that are held until the lock key, which comes later in the stream, tells which one is
// ours. With more sessions ours may count; then a backup is stored that could have been skipped.
const heldSessions = 8 << 20

// apart collects the records that are the agents' own. They are few.
type apart struct {
	own      Own
	mine     []record.Raw
	sessions map[string][]byte // by ID; those that may turn out to hold the lock
	held     int
}

func (a *apart) look(raw record.Raw, value any) {
	switch v := value.(type) {
	case *record.KVEntry:
		if v.Key == a.own.LockKey && a.own.LockKey != "" {
			a.keep(raw)
			a.claim(v.Session)
		}
	case *record.Tombstone:
		if v.Key == a.own.LockKey && a.own.LockKey != "" {
			a.keep(raw)
		}
	case *record.Session:
		a.session(raw, v)
	case *record.Register:
		if a.serves(v) {
			a.keep(raw)
		}
	}
}

// serves tells whether a record is an instance of the agents' service, or a check of one. Those that came from a peer are not ours.
func (a *apart) serves(r *record.Register) bool {
	name := a.own.Service
	if name == "" || r.PeerName != "" {
		return false
	}
	return r.Service != nil && r.Service.Service == name || r.Service == nil && r.Check != nil && r.Check.ServiceName == name
}

func (a *apart) session(raw record.Raw, s *record.Session) {
	if a.own.Session != "" && s.Name == a.own.Session {
		a.keep(raw)
		return
	}
	if a.own.LockKey != "" && a.held+len(raw.Value) <= heldSessions {
		a.held += len(raw.Value)
		a.sessions[s.ID] = slices.Clone(raw.Value)
	}
}

// claim takes the session that holds the lock.
func (a *apart) claim(id string) {
	if value, ok := a.sessions[id]; ok {
		a.mine = append(a.mine, record.Raw{Type: record.TypeSession, Value: value})
		delete(a.sessions, id)
	}
}

func (a *apart) keep(raw record.Raw) {
	raw.Value = slices.Clone(raw.Value)
	a.mine = append(a.mine, raw)
}

func (a *apart) records(visit func(record.Raw) error) error {
	for _, raw := range a.mine {
		if err := visit(raw); err != nil {
			return err
		}
	}
	return nil
}

// essence digests what there is in all but not in left. Digests of families are sums, so that a part can be taken away.
func essence(all, left digest.Set, own Own) string {
	h := sha256.New()
	word := func(n uint64) {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], n)
		h.Write(b[:])
	}
	for _, s := range []string{own.LockKey, own.Service, own.Session} { // what was left out is part of what is compared
		word(uint64(len(s)))
		h.Write([]byte(s))
	}
	for _, t := range slices.Sorted(maps.Keys(all)) {
		f := all[t]
		count := f.Count - left[t].Count
		if t == record.TypeCoordinates || t == record.TypeIndex || count == 0 {
			continue
		}
		word(uint64(t))
		word(uint64(count))
		for _, w := range minus(f.Sum, left[t].Sum) {
			word(w)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// minus takes one sum from another, modulo 2^256.
func minus(a, b digest.Sum) (d digest.Sum) {
	var borrow uint64
	for i := range a {
		d[i], borrow = bits.Sub64(a[i], b[i], borrow)
	}
	return d
}
