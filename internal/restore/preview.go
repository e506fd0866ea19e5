package restore

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/record"
)

// A Preview is what a restore would do.
type Preview struct {
	Origin    *Origin
	Target    *State
	Aftermath *Aftermath
}

// Aftermath is what the target's leader and its clients do to the restored state afterwards, without being asked.
type Aftermath struct {
	// MembersKnown tells whether the live nodes of the target were known. If not, every node with an agent counts as gone.
	MembersKnown bool
	// NodesRemoved are restored nodes that had an agent, but are no live members of the target: they are deregistered, with their
	// services and checks, within a minute or so.
	NodesRemoved []string
	// SessionsEnded counts the sessions of these nodes.
	SessionsEnded int64
	// LocksReleased counts the keys that such a session holds and that stay.
	LocksReleased int64
	// KeysDeleted counts the keys that such a session holds and that go with it; KeysDeletedExamples names some.
	KeysDeleted         int64
	KeysDeletedExamples []string
	// TTLSessions counts the other sessions with a TTL: they end twice their TTL after the restore unless they are renewed.
	TTLSessions int64
	// TokenReplaced tells that the restored server-management-token will be replaced.
	TokenReplaced bool
}

// Loses tells whether something that was restored will be gone, whatever its clients do.
func (a *Aftermath) Loses() bool { return len(a.NodesRemoved) > 0 }

// Preview asks the target for its state, and works out what a restore would do.
func (p *Plan) Preview(ctx context.Context, target Inspector) (*Preview, error) {
	state := target.State(ctx)
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return &Preview{
		Origin:    p.contents.origin(&p.Report.Meta, p.Report.Count(record.TypeKVS)),
		Target:    state,
		Aftermath: p.contents.aftermath(state.Live),
	}, nil
}

// Aftermath works out what happens to the restored state in a cluster whose nodes with these names are alive; nil if they are not known.
func (p *Plan) Aftermath(live []string) *Aftermath { return p.contents.aftermath(live) }

// aftermath compares the restored nodes with the live ones; nil says that those are not known.
func (c *contents) aftermath(live []string) *Aftermath {
	a := &Aftermath{MembersKnown: live != nil, TokenReplaced: c.tokens}
	gone := maps.Clone(c.agents)
	for _, name := range live {
		delete(gone, strings.ToLower(name))
	}
	a.NodesRemoved = slices.Sorted(maps.Values(gone))
	for _, id := range slices.Sorted(maps.Keys(c.sessions)) {
		s := c.sessions[id]
		if _, ends := gone[s.node]; ends {
			a.end(s, c.locks[id])
		} else if s.ttl {
			a.TTLSessions++
		}
	}
	return a
}

func (a *Aftermath) end(s sessionInfo, l *locks) {
	a.SessionsEnded++
	switch {
	case l == nil:
	case s.deletes:
		a.KeysDeleted += l.count
		room := max(0, 10-len(a.KeysDeletedExamples))
		a.KeysDeletedExamples = append(a.KeysDeletedExamples, l.examples[:min(room, len(l.examples))]...)
	default:
		a.LocksReleased += l.count
	}
}
