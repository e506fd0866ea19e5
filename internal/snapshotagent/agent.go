package snapshotagent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/scratch"
)

// An Elector decides which agent leads.
type Elector interface {
	// Campaign waits for leadership. It fails when ctx ends.
	Campaign(ctx context.Context) (Term, error)
	Close() error
}

// A Term is leadership, while it lasts.
type Term interface {
	Lost() <-chan struct{}
	// Check asks again whether the lock is held.
	Check(ctx context.Context) error
	LockIndex() uint64
	// Resign gives the lock up.
	Resign(ctx context.Context) error
}

// A Registrar shows the agent in the cluster it backs up.
type Registrar interface {
	// Lead adds the check that snapshots are saved, or removes it.
	Lead(leading bool)
	// Saved tells of the outcome of a run.
	Saved(err error, note string)
	Close(ctx context.Context) error
}

// A Prover rebuilds an archive and compares.
type Prover interface {
	// Prove rebuilds the archive in the file at path and compares what that gives with what was read from the cluster.
	Prove(ctx context.Context, path string, want *inventory.Description) Verdict
}

// A Verdict is the outcome of a proof.
type Verdict struct {
	Proof  inventory.Proof
	Reason string // why it is not proven
}

// An Identity says which cluster a snapshot is of.
type Identity struct {
	Datacenter    string
	ServerVersion string // of the leader
}

// Config is what an agent works with. What is not said to be optional must be there.
type Config struct {
	Interval      time.Duration // 0 for one run, see [Agent.Once]
	MaxFailures   int           // failed runs in a row after which leadership is given up; 0 for never
	Cluster       string        // configured name of the cluster; empty: the datacenter's and the trust domain's
	Own           inventory.Own
	SkipUnchanged bool
	DrillEvery    int    // every n-th backup is rebuilt; 1 and less for each
	Listen        string // address of /health and /metrics; empty for none

	Source       backup.Source
	Identify     func(ctx context.Context) (Identity, error)
	Elector      Elector   // nil in one-shot mode
	Registrar    Registrar // optional
	Prover       Prover
	Scratch      *scratch.Dir
	Destinations []Destination
	Clock        clock.Clock // optional
	Log          hclog.Logger
}

// An Agent takes backups.
type Agent struct {
	config       Config
	log          hclog.Logger
	clock        clock.Clock
	board        *board
	destinations []*destination
	server       *server // nil without one

	backups int  // taken since the start, for DrillEvery; used by the goroutine that runs
	debt    debt // likewise

	known struct { // of the cluster
		sync.Mutex
		cluster, datacenter string // empty until they are known
	}
}

// New returns an agent, which serves /health and /metrics from now on if it is told to.
func New(config Config) (*Agent, error) {
	if config.Clock == nil {
		config.Clock = clock.Real{}
	}
	a := &Agent{config: config, log: config.Log, clock: config.Clock, board: newBoard(config.Clock.Now().Wall)}
	for _, d := range config.Destinations {
		a.destinations = append(a.destinations, &destination{Destination: d, name: d.Store.String()})
	}
	if config.Listen != "" {
		if err := a.listen(config.Listen); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Close ends the serving and discards what is left in scratch files. It must be called once Run or Once has returned.
func (a *Agent) Close() error {
	var errs []error
	if a.debt.taken != nil {
		errs = append(errs, a.debt.taken.file.Discard())
	}
	if a.server != nil {
		errs = append(errs, a.server.close())
	}
	return errors.Join(errs...)
}

// Status is how the agent is doing.
func (a *Agent) Status() Status { return a.board.read() }

func (a *Agent) now() time.Time { return a.clock.Now().Wall }

// fresh is how old the last proven backup may be.
func (a *Agent) fresh() time.Duration { return Fresh(a.config.Interval, a.config.DrillEvery) }

// Once takes one backup, and rotates.
func (a *Agent) Once(ctx context.Context) error {
	a.look(ctx)
	return a.run(ctx, nil)
}

// Run takes backups until ctx ends: whenever it leads.
func (a *Agent) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	watching.Go(func() { a.watch(ctx) })
	for {
		a.log.Info("Waiting to obtain leadership...")
		term, err := a.config.Elector.Campaign(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("election: %w", err)
		}
		a.log.Info("Obtained leadership")
		a.lead(ctx, term)
	}
}

// pauseAfterResigning keeps an agent that keeps failing from being the first at the lock again.
const pauseAfterResigning = 30 * time.Second

// lead takes backups while the term lasts.
func (a *Agent) lead(ctx context.Context, term Term) {
	a.setLeading(true)
	defer a.setLeading(false)
	outer := ctx
	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() {
		select {
		case <-term.Lost():
			end()
		case <-ctx.Done():
		}
	}()
	for ctx.Err() == nil {
		began := a.clock.Now()
		if err := a.run(ctx, term); err != nil && a.givesUp() {
			a.log.Error("giving up leadership after too many failures in a row", "failures", a.board.read().Failing)
			a.resign(outer, term)
			_ = clock.Sleep(outer, a.clock, pauseAfterResigning) // only its end matters
			return
		}
		a.rest(ctx, term, a.delay()-a.clock.Now().Since(began))
	}
	if outer.Err() != nil {
		a.resign(context.WithoutCancel(outer), term)
		return
	}
	a.log.Warn("Lost leadership")
}

// givesUp tells whether so many runs have failed that another agent should try.
func (a *Agent) givesUp() bool {
	return a.config.MaxFailures > 0 && a.board.read().Failing >= a.config.MaxFailures
}

// resignTimeout bounds how long a lock that is given up is waited for.
const resignTimeout = 10 * time.Second

func (a *Agent) resign(ctx context.Context, term Term) {
	ctx, cancel := context.WithTimeout(ctx, resignTimeout)
	defer cancel()
	if err := term.Resign(ctx); err != nil {
		a.log.Warn("the lock could not be released; it ends with its session", "error", err)
	}
}

func (a *Agent) setLeading(leading bool) {
	a.board.change(func(s *Status) {
		s.Leading = leading
		if !leading {
			s.NextRun = time.Time{}
		}
	})
	if a.config.Registrar != nil {
		a.config.Registrar.Lead(leading)
	}
}

// delay is the time to the next run, jitter included: up to a twentieth, at most half a minute, is added.
func (a *Agent) delay() time.Duration {
	jitter := min(a.config.Interval/20, 30*time.Second)
	return a.config.Interval + rand.N(jitter+1)
}

// catchUpInterval is how often destinations that are behind are tried.
const catchUpInterval = 30 * time.Second

// rest waits for the next run; meanwhile it brings destinations up to date that are behind.
func (a *Agent) rest(ctx context.Context, term Term, wait time.Duration) {
	until := a.clock.Now()
	a.board.change(func(s *Status) { s.NextRun = a.now().Add(max(wait, 0)) })
	for {
		left := wait - a.clock.Now().Since(until)
		if left <= 0 || clock.Sleep(ctx, a.clock, min(left, catchUpInterval)) != nil {
			return
		}
		a.catchUp(ctx, term)
	}
}

// watch looks at the destinations now and then, so that an agent that does not lead knows whether backups are made.
func (a *Agent) watch(ctx context.Context) {
	for {
		a.look(ctx)
		if clock.Sleep(ctx, a.clock, max(10*time.Second, min(a.config.Interval/2, time.Minute))) != nil {
			return
		}
	}
}

// failed is an error with the stage that it happened at.
type failed struct {
	stage Stage
	err   error
}

func (f *failed) Error() string { return fmt.Sprintf("%s: %v", f.stage, f.err) }
func (f *failed) Unwrap() error { return f.err }

// at puts a stage to an error.
func at(stage Stage, err error) error {
	var f *failed
	if err == nil || errors.As(err, &f) {
		return err
	}
	return &failed{stage, err}
}

// count counts a failure by its stage.
func (a *Agent) count(err error) {
	var f *failed
	if errors.As(err, &f) {
		a.board.change(func(s *Status) { s.Failures[f.stage]++ })
	}
}
