package aclreplicate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-metrics"
	"golang.org/x/time/rate"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/state"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// Paths of a primary's answers, on the port that servers talk on.
const (
	Path        = "/internal/acl/" // with a [Kind] behind it: an [Answer]
	ChangedPath = Path + "changed" // with the known indexes as parameters that have the names of the kinds: the [Indexes], once they differ
)

// WaitMax is how long a primary waits for a change before it answers with the same indexes.
const WaitMax = time.Minute

const (
	allAfter   = 10 * time.Minute // from when on everything is compared again
	askTimeout = 2 * time.Minute  // for an answer, beside the time that it waits for a change
	perSecond  = rate.Limit(1)    // rounds
	atOnce     = 5                // rounds, after a time without
	firstPause = time.Second      // after an error, and half of it at the least
	maxPause   = time.Minute      // after many, at the most
)

// A Target is the server that leads the secondary.
type Target interface {
	Store() *state.Store
	Apply(ctx context.Context, entry fsm.Entry) (fsm.Result, error)
}

// Config is what a replicator needs to know.
type Config struct {
	// Fetch gets the JSON that the primary answers a GET of a path with.
	Fetch func(ctx context.Context, path string, answer any) error
	// Tokens tells whether tokens are replicated too.
	Tokens bool
	Logger hclog.Logger

	pause func(failures int) time.Duration // in tests; nil: backOff
}

// A Replicator keeps a secondary level with its primary. It is safe for concurrent use.
type Replicator struct {
	config   Config
	limiter  *rate.Limiter
	wake     chan struct{}
	progress progress

	// What follows is the business of Run.
	store   *state.Store // that is level up to seen
	seen    Indexes
	compare time.Time // when everything was compared last
}

// New returns a replicator that does nothing yet.
func New(c Config) *Replicator {
	if c.pause == nil {
		c.pause = backOff
	}
	return &Replicator{config: c, limiter: rate.NewLimiter(perSecond, atOnce), wake: make(chan struct{}, 1)}
}

// Status tells how it goes.
func (r *Replicator) Status() Status { return r.progress.get() }

// Wake makes a replicator that runs start anew at once: the replication token has changed.
func (r *Replicator) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run keeps target level with the primary until ctx ends. It must not run twice at a time.
func (r *Replicator) Run(ctx context.Context, target Target) {
	r.progress.set(func(s *Status) { s.Running = true })
	defer r.progress.set(func(s *Status) { s.Running = false })
	r.config.Logger.Info("replicating ACLs from the primary datacenter")
	defer r.config.Logger.Info("replicating no more ACLs")
	r.store = nil
	failures := 0
	for r.limiter.Wait(ctx) == nil {
		err := r.turn(ctx, target)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failures = 0
			continue
		}
		failures++
		r.failed(err)
		r.store = nil
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-time.After(r.config.pause(failures)):
		}
	}
}

// backOff is how long to wait after so many errors in a row: up to a minute, and never for all secondaries the same.
func backOff(failures int) time.Duration {
	pause := firstPause
	for ; failures > 1 && pause < maxPause; failures-- {
		pause *= 2
	}
	pause = min(pause, maxPause)
	return pause/2 + rand.N(pause/2)
}

func (r *Replicator) failed(err error) {
	r.config.Logger.Warn("replicating ACLs from the primary datacenter failed, trying again", "error", err)
	r.progress.set(func(s *Status) { s.LastError, s.LastErrorMessage = time.Now().UTC(), err.Error() })
}

// turn waits until there may be something to do, and does it.
func (r *Replicator) turn(ctx context.Context, target Target) error {
	store := target.Store()
	all := r.store != store || time.Since(r.compare) > allAfter
	var now Indexes
	if !all {
		again, err := r.await(ctx, store, &now)
		if err != nil {
			return err
		}
		if again {
			r.store = nil
			return nil
		}
	}
	for _, kind := range r.kinds() {
		if !all && *now.of(kind) == *r.seen.of(kind) {
			continue
		}
		index, err := r.level(ctx, target, kind)
		if errors.Is(err, errReplaced) {
			r.store = nil
			return nil
		}
		measure(kind, index, err)
		if err != nil {
			return fmt.Errorf("replicate the ACL %s: %w", kind, err)
		}
		*r.seen.of(kind) = index
		r.progress.set(func(s *Status) { *s.Indexes.of(kind) = index })
	}
	r.store = store
	if all {
		r.compare = time.Now()
	}
	r.progress.set(func(s *Status) { s.LastSuccess = time.Now().UTC() })
	return nil
}

func (r *Replicator) kinds() []Kind {
	if r.config.Tokens {
		return []Kind{Policies, Roles, Tokens}
	}
	return []Kind{Policies, Roles}
}

// await waits until the primary has other indexes than those seen, or some time has passed. again says that everything is to be compared
// afresh: the state here has been replaced, or the replication token.
func (r *Replicator) await(ctx context.Context, store *state.Store, now *Indexes) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, WaitMax+askTimeout)
	defer cancel()
	answered, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		defer cancel()
		select {
		case <-store.Abandoned():
			again = true
		case <-r.wake:
			again = true
		case <-answered:
		}
	}()
	err = r.config.Fetch(ctx, r.changedPath(), now)
	close(answered)
	if <-watched; again {
		return true, nil
	}
	return false, err
}

func (r *Replicator) changedPath() string {
	query := url.Values{}
	for _, kind := range r.kinds() {
		query.Set(string(kind), strconv.FormatUint(*r.seen.of(kind), 10))
	}
	return ChangedPath + "?" + query.Encode()
}

var errReplaced = errors.New("the state was replaced while it was compared")

// level makes one kind in target equal to that of the primary, and returns the primary's index of it.
func (r *Replicator) level(ctx context.Context, target Target, kind Kind) (uint64, error) {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer := new(Answer)
	if err := r.config.Fetch(asking, Path+string(kind), answer); err != nil {
		return 0, err
	}
	if err := answer.check(kind); err != nil {
		return 0, err
	}
	store := target.Store()
	batches, err := planFor(store, answer, time.Now())
	if err != nil {
		return 0, err
	}
	for _, b := range batches {
		if target.Store() != store {
			return 0, errReplaced
		}
		result, err := target.Apply(ctx, fsm.TakeOverACLs(b))
		if err == nil {
			err = result.Err
		}
		if err != nil {
			return 0, fmt.Errorf("write them: %w", err)
		}
	}
	return answer.Index, nil
}

// measure tells of one kind whether it is level, and up to where.
func measure(kind Kind, index uint64, err error) {
	keys := telemetry.Replication[string(kind)]
	if err != nil {
		metrics.SetGauge(keys.Status, 0)
		return
	}
	metrics.SetGauge(keys.Status, 1)
	metrics.SetPrecisionGauge(keys.Index, float64(index))
}
