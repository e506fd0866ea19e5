package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/comparison"
	"github.com/lictor-dr/lictor/internal/digest"
)

// A Run is one restore, from the safety snapshot to the comparison.
type Run struct {
	Plan   *Plan
	Target LiveTarget
	// Guard makes the safety snapshot; nil if there is to be none.
	Guard *Guard
	// After gives the target's state once it is restored, to be compared with the archive; nil if nothing is to be compared.
	After backup.Source
	// Kept, which may be nil, is told of the safety snapshot before anything is sent.
	Kept     func(*Safety)
	Progress backup.Progress

	compare func(digest.Source, digest.Source, comparison.Expect) (*comparison.Result, error) // nil for comparison.Compare
	pause   time.Duration                                                                     // between two tries to read the target; 0 for a second
	bound   time.Duration                                                                     // of all of them; 0 for a minute
}

// A LiveTarget takes an archive, and knows which of its nodes are alive.
type LiveTarget interface {
	Target
	// Live names the nodes whose agents are alive.
	Live(ctx context.Context) ([]string, error)
}

// A Replica is a target that may take its ACLs over from another datacenter, whatever is restored.
type Replica interface {
	// ReplicatesACLs tells whether it does, as far as that can be found out.
	ReplicatesACLs(ctx context.Context) bool
}

// An Outcome is what has become of a restore.
type Outcome struct {
	Safety    *Safety // nil if there was to be none, or none was made
	Aftermath *Aftermath
	Restored  time.Time // when it was; zero if it was not, or if that is not known
	// Comparison is nil if nothing was compared. NotCompared says why, if it was to be.
	Comparison  *comparison.Result
	NotCompared error
}

// Equal tells whether the target holds what was restored, as far as that was to be found out.
func (o *Outcome) Equal() bool {
	return o.NotCompared == nil && (o.Comparison == nil || o.Comparison.Equal)
}

// Do restores. An error says that the archive was not restored, or that it is not known whether it was; the outcome tells of the safety
// snapshot even then. That the target could not be compared afterwards is no error, but in the outcome.
func (r *Run) Do(ctx context.Context) (*Outcome, error) {
	o := new(Outcome)
	if r.Guard != nil {
		var err error
		if o.Safety, err = r.Guard.Take(ctx, r.Progress); err != nil {
			return o, err
		}
		if r.Kept != nil {
			r.Kept(o.Safety)
		}
	}
	live, err := r.Target.Live(ctx) // before the token that asks is replaced, too
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return o, cause
	}
	o.Aftermath = r.Plan.Aftermath(live)
	expect := r.Plan.expect(live)
	if replica, ok := r.Target.(Replica); ok && r.After != nil {
		expect.ACLsReplicated = replica.ReplicatesACLs(ctx)
	}
	if err := r.Plan.Send(ctx, r.Target, r.Progress); err != nil {
		return o, err
	}
	o.Restored = time.Now()
	if r.After != nil {
		o.Comparison, o.NotCompared = r.look(ctx, expect)
	}
	return o, nil
}

// look reads the target's state, and compares it with what was sent.
func (r *Run) look(ctx context.Context, expect comparison.Expect) (*comparison.Result, error) {
	now, err := r.after(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	compare := r.compare
	if compare == nil {
		compare = comparison.Compare
	}
	result, err := compare(r.Plan.Records(ctx), now.records(ctx), expect)
	if err := errors.Join(err, now.Close()); err != nil {
		return nil, because(ctx, err)
	}
	return result, nil
}

// expect is what is known of what the target does by itself.
func (p *Plan) expect(live []string) comparison.Expect {
	e := comparison.Expect{Index: p.Report.Meta.Index, Dropped: slices.Sorted(maps.Keys(p.Dropped))}
	if live != nil {
		e.NodesRemoved = append([]string{}, p.Aftermath(live).NodesRemoved...)
	}
	return e
}

// after reads the target's state, again and again while it has no leader: a cluster may elect one after a restore.
func (r *Run) after(ctx context.Context) (*taken, error) {
	pause, bound := r.pause, r.bound
	if pause == 0 {
		pause = time.Second
	}
	if bound == 0 {
		bound = time.Minute
	}
	give := time.NewTimer(bound)
	defer give.Stop()
	for {
		t, err := take(ctx, r.After, nil, r.Progress)
		if err == nil || context.Cause(ctx) != nil || !passing(err) {
			return t, err
		}
		again := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			again.Stop()
			return nil, context.Cause(ctx)
		case <-give.C:
			again.Stop()
			return nil, err
		case <-again.C:
		}
	}
}

// passing tells whether an error may be gone in a moment: no leader, a lost connection, a stream that broke off.
func passing(err error) bool {
	var status api.StatusError
	if errors.As(err, &status) {
		return status.Code >= http.StatusInternalServerError && !Denied(err)
	}
	return !errors.Is(err, errSpool) && !turnedAway(err)
}

// Denied tells whether an error is a server's refusal of the token.
func Denied(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && (status.Code == http.StatusForbidden || strings.Contains(status.Body, "ACL not found"))
}

// NoLeader tells whether an error is the answer of a cluster without a leader.
func NoLeader(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && strings.Contains(status.Body, "No cluster leader")
}
