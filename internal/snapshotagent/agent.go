package snapshotagent

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/alarm"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/diskspace"
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
	a.takeAsTold()
	a.warnOfOthers(ctx)
	return a.run(ctx, nil)
}
