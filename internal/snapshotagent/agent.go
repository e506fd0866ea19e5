package snapshotagent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/alarm"
	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/diskspace"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/scratch"
)

// An Elector decides which agent leads.
type Elector interface {
	// Campaign waits for leadership. It fails when ctx ends.
	Campaign(ctx context.Context) (Term, error)
	// Trouble is what keeps the agent from leading or from knowing whether it does, nil if there is nothing.
	Trouble() error
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
	// Run keeps the agent registered until ctx ends.
	Run(ctx context.Context) error
	// Lead and Follow tell whether the agent leads.
	Lead()
	Follow()
	// Saved and Failed tell of the outcome of a run.
	Saved(note string)
	Failed(err error)
	// Missed tells why backups cannot be relied on although none may have failed, with an empty text that they can.
	Missed(reason string)
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
	TrustDomain   string // of the certificate authority, empty if there is none
	ServerVersion string // of the leader
}

// Settings are what may change while an agent runs.
type Settings struct {
	Interval      time.Duration // 0 for one run, see [Agent.Once]
	MaxFailures   int           // failed runs in a row after which leadership is given up; 0 for never
	MaxAge        time.Duration // of the last proven backup: above it /health answers 503
	SkipUnchanged bool
	DrillEvery    int           // every n-th backup is rebuilt; 1 and less for each
	MaxShrink     int           // percent that the state may shrink from one backup to the next: more stops all deletion; 0 for any
	RPO           time.Duration // the objective: how old the state in a destination may be at most; 0 for none
	Bandwidth     int64         // bytes a second that are read from the cluster and uploaded to other machines; 0 for no limit
	Hooks         []alarm.Hook  // who is told
	// Encrypt is whom backups are encrypted for; nil for nobody, and they are not.
	Encrypt *encryption.Recipients

	Source       backup.Source
	Prover       Prover
	Destinations []Destination // at least one; the agent closes them
}

// Config is what an agent works with.
type Config struct {
	Settings
	Cluster string // configured name of the cluster; empty: the datacenter's and the trust domain's
	Own     inventory.Own
	Node    string // this host's name, for hooks
	Listen  string // address of /health and /metrics; empty for none
	// ListenOptional lets the agent run if it cannot listen there: nobody asked for that very address.
	ListenOptional bool

	Identify  func(ctx context.Context) (Identity, error)
	Elector   Elector   // nil in one-shot mode
	Registrar Registrar // nil in one-shot mode
	// Rival tells, in one-shot mode, of an agent that takes snapshots as well, empty if there is none. It may be nil.
	Rival   func(ctx context.Context) string
	Scratch *scratch.Dir
	Clock   clock.Clock // default the machine's
	Log     hclog.Logger
}

// An Agent takes backups.
type Agent struct {
	config Config // but for its Settings
	log    hclog.Logger
	clock  clock.Clock
	board  *board
	server *server // nil without one
	alarm  *alarm.Alarm
	mood   mood
	space  func(dir string) (diskspace.Space, bool) // what is left of a file system
	flight sync.Mutex                               // held by a run, or by what brings destinations up to date

	current  atomic.Pointer[settings]
	reloaded chan struct{} // gets a value when current has changed

	backups int  // taken since the start, for DrillEvery; used by the goroutine that runs
	debt    debt // likewise
	// failedRun is when the last run began, if that failed; likewise.
	failedRun *clock.Moment

	mu         sync.Mutex    // guards what follows
	cluster    string        // its name, empty while it is not known
	datacenter string        // likewise
	opened     []Destination // all there ever were
}

// settings are Settings in use.
type settings struct {
	Settings
	destinations []*destination
	pace         *pace // nil without a limit
}

// named returns the destination with a name, nil if there is none.
func (s *settings) named(name string) *destination {
	for _, d := range s.destinations {
		if d.name == name {
			return d
		}
	}
	return nil
}

// New returns an agent, which serves /health and /metrics from now on if it is told to.
func New(config Config) (*Agent, error) {
	if config.Clock == nil {
		config.Clock = clock.Real{}
	}
	a := &Agent{
		config: config, log: config.Log, clock: config.Clock, board: newBoard(config.Clock), reloaded: make(chan struct{}, 1),
		space: diskspace.Of, alarm: alarm.New(config.Clock, config.Log.Named("hooks")),
	}
	a.use(config.Settings)
	if config.Listen != "" {
		switch err := a.listen(config.Listen); {
		case err != nil && config.ListenOptional:
			a.log.Warn("/health and /metrics are not served", "error", err)
		case err != nil:
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// use makes settings the current ones.
func (a *Agent) use(s Settings) {
	next := &settings{Settings: s, pace: newPace(s.Bandwidth, a.clock)}
	var names []string
	for _, d := range s.Destinations {
		next.destinations = append(next.destinations, &destination{Destination: d, name: d.Store.String(), pace: next.pace})
		names = append(names, d.Store.String())
	}
	a.mu.Lock()
	a.opened = append(a.opened, s.Destinations...)
	a.mu.Unlock()
	a.current.Store(next)
	a.alarm.Use(s.Hooks)
	a.board.use(names)
	a.board.change(func(status *Status) {
		status.Retained, status.Behind, status.Collapsed = map[string]int{}, map[string]bool{}, map[string]string{}
	})
}

// Reload replaces the settings. A run under way goes on with the old ones.
func (a *Agent) Reload(s Settings) {
	a.use(s)
	select {
	case a.reloaded <- struct{}{}:
	default:
	}
}

// How long the end of an agent waits for hooks: in one-shot mode for all their tries, as long as they take the default time at most.
const (
	hooksGrace   = 5 * time.Second
	oneShotGrace = 75 * time.Second
)

// Close gives hooks a little time to finish, ends the serving and the election, discards what is left in scratch files and closes the
// destinations. It must be called once Run or Once has returned.
func (a *Agent) Close() error {
	grace := hooksGrace
	if a.config.Elector == nil {
		grace = oneShotGrace // nobody else tells of its run
	}
	a.alarm.Close(grace)
	var errs []error
	if a.debt.taken != nil {
		errs = append(errs, a.debt.taken.file.Discard())
	}
	if a.server != nil {
		errs = append(errs, a.server.close())
	}
	if a.config.Elector != nil {
		errs = append(errs, a.config.Elector.Close())
	}
	for _, d := range a.opened {
		errs = append(errs, d.Store.Close())
	}
	return errors.Join(errs...)
}

// Status is how the agent is doing.
func (a *Agent) Status() Status {
	s := a.board.read()
	if a.config.Elector != nil {
		if err := a.config.Elector.Trouble(); err != nil {
			s.Trouble = err.Error()
		}
	}
	return s
}

func (a *Agent) now() time.Time { return a.clock.Now().Wall }

// Once takes one backup, and rotates.
func (a *Agent) Once(ctx context.Context) error {
	a.look(ctx)
	a.warnOfOthers(ctx)
	return a.run(ctx, nil)
}

// Run takes backups until ctx ends: whenever it leads.
func (a *Agent) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	watching.Go(func() { a.watch(ctx) })
	watching.Go(func() { a.vigil(ctx) })
	if a.config.Registrar != nil {
		watching.Go(func() {
			if err := a.config.Registrar.Run(ctx); err != nil && ctx.Err() == nil {
				a.log.Error("the agent is not registered any more", "error", err)
			}
		})
	}
	for ctx.Err() == nil {
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
	return nil
}

// pauseAfterResigning keeps an agent that keeps failing from being the first at the lock again.
const pauseAfterResigning = 30 * time.Second

// lead takes backups while the term lasts.
func (a *Agent) lead(ctx context.Context, term Term) {
	a.setLeading(true)
	defer a.setLeading(false)
	defer a.forgive()
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
	a.look(ctx) // what the leader before has left: its clock may be ahead, and IDs grow
	if last := a.failedRun; last != nil && a.clock.Now().Since(*last) < a.current.Load().Interval {
		a.rest(ctx, term, *last) // it is not tried more often because the lock has changed hands
	}
	for failures := 0; ctx.Err() == nil; {
		began := a.clock.Now()
		err := a.run(ctx, term)
		if failures++; err == nil {
			failures, a.failedRun = 0, nil
		} else if ctx.Err() == nil {
			a.failedRun = &began
		}
		if a.givesUp(failures) {
			a.log.Error("giving up leadership after too many failures in a row", "failures", failures)
			a.resign(outer, term)
			_ = clock.Sleep(outer, a.clock, pauseAfterResigning) // only its end matters
			return
		}
		a.rest(ctx, term, began)
	}
	if outer.Err() != nil {
		a.tidy(context.WithoutCancel(outer), term)
		a.resign(context.WithoutCancel(outer), term)
		return
	}
	a.log.Warn("Lost leadership")
}

// tidy deletes what a run that was cut short has uploaded.
func (a *Agent) tidy(ctx context.Context, term Term) {
	ctx, cancel := context.WithTimeout(ctx, resignTimeout)
	defer cancel()
	for _, d := range a.current.Load().destinations {
		if err := d.clear(ctx, guard(d.Store, term)); err != nil {
			a.log.Warn("an archive without an entry stays behind", "destination", d.name, "error", err)
		}
	}
}

// givesUp tells whether so many runs of a term have failed that another agent should try.
func (a *Agent) givesUp(failures int) bool {
	most := a.current.Load().MaxFailures
	return most > 0 && failures >= most
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
	switch r := a.config.Registrar; {
	case r == nil:
	case leading:
		r.Lead()
	default:
		r.Follow()
	}
}

// delay is the time to the next run, jitter included: up to a twentieth, at most half a minute, is added.
func (a *Agent) delay() time.Duration {
	interval := a.current.Load().Interval
	return interval + rand.N(min(interval/20, 30*time.Second)+1)
}

// catchUpInterval is how often destinations that are behind are tried.
const catchUpInterval = 30 * time.Second

// rest waits for the next run after one that began at a moment; meanwhile it brings destinations up to date that are behind.
func (a *Agent) rest(ctx context.Context, term Term, began clock.Moment) {
	wait := a.delay()
	for {
		left := wait - a.clock.Now().Since(began)
		a.board.change(func(s *Status) { s.NextRun = a.now().Add(max(left, 0)) })
		if left <= 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-a.reloaded:
			wait = a.delay()
		case <-a.clock.After(min(left, catchUpInterval)):
			if left = wait - a.clock.Now().Since(began); left > 0 {
				a.catchUpWithin(ctx, term, left)
			}
		}
	}
}

// catchUpWithin is catchUp until the next run is due.
func (a *Agent) catchUpWithin(ctx context.Context, term Term, left time.Duration) {
	ctx, cancel := clock.WithTimeout(ctx, a.clock, left)
	defer cancel()
	a.catchUp(ctx, term)
}

// watch looks at the destinations now and then, so that an agent that does not lead knows whether backups are made.
func (a *Agent) watch(ctx context.Context) {
	for {
		a.look(ctx)
		a.judgeAges() // what is found damaged may be replaced soon, and is to be told all the same
		if clock.Sleep(ctx, a.clock, max(10*time.Second, min(a.current.Load().Interval/2, time.Minute))) != nil {
			return
		}
	}
}

// failed is an error with the stage that it happened at.
type failed struct {
	stage   Stage
	err     error
	counted bool
}

func (f *failed) Error() string { return fmt.Sprintf("%s: %v", f.stage, f.err) }
func (f *failed) Unwrap() error { return f.err }

// at puts a stage to an error.
func at(stage Stage, err error) error {
	var f *failed
	if err == nil || errors.As(err, &f) {
		return err
	}
	return &failed{stage: stage, err: err}
}

// count counts a failure by its stage, once.
func (a *Agent) count(err error) {
	var f *failed
	if errors.As(err, &f) && !f.counted {
		f.counted = true
		a.board.change(func(s *Status) { s.Failures[f.stage]++ })
	}
}
