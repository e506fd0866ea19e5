package registration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/clock"
)

// The names of the checks, as the Enterprise agent's users know them.
const (
	AliveCheck  = "Consul Snapshot Agent Alive"
	SavingCheck = "Consul Snapshot Agent Saving Snapshots"
)

const (
	aliveTTL     = 30 * time.Second
	period       = aliveTTL / 3    // between two comparisons
	patience     = aliveTTL / 3    // with one request
	farewellTime = 5 * time.Second // for deregistering
)

// Config is what is registered.
type Config struct {
	Service         string        // its name
	SavingTTL       time.Duration // for how long a saved snapshot is fresh: the interval and a margin
	DeregisterAfter time.Duration // Consul forgets a service whose process has been dead for so long; 0 never
	Clock           clock.Clock   // default the machine's
	Logger          hclog.Logger  // default none
}

// A Registration is one instance of the service. It is safe for concurrent use.
type Registration struct {
	client *api.Client
	config Config
	id     string
	poked  chan struct{} // something is to be told at once

	mu      sync.Mutex
	leading bool
	fresh   clock.Moment // the last snapshot that was saved, or the beginning of leadership
	status  string       // of the saving check, while the snapshot is fresh
	note    string       // its output
	missed  string       // why backups cannot be relied on; empty if they can
	words   int          // how often there was something new to tell
	trouble error

	sent sent // of Run alone
}

// sent is what the agent was told last of the saving check.
type sent struct {
	status, output string
	words          int
}

// New returns a registration, which does nothing until it is run. Errors are those of the configuration.
func New(client *api.Client, config Config) (*Registration, error) {
	if config.Service == "" {
		return nil, errors.New("registration: the service has no name")
	}
	if config.SavingTTL <= 0 {
		return nil, fmt.Errorf("registration: a snapshot cannot be fresh for %s", config.SavingTTL)
	}
	if config.DeregisterAfter < 0 {
		return nil, fmt.Errorf("registration: the service cannot be deregistered after %s: use 0 for never", config.DeregisterAfter)
	}
	if config.Clock == nil {
		config.Clock = clock.Real{}
	}
	if config.Logger == nil {
		config.Logger = hclog.NewNullLogger()
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return nil, fmt.Errorf("registration: making an ID: %w", err)
	}
	return &Registration{client: client, config: config, id: config.Service + ":" + id.String(), poked: make(chan struct{}, 1)}, nil
}

// ID is the service's ID, "<service>:<random UUID>".
func (r *Registration) ID() string { return r.id }

// AliveID is the ID of the check that every instance has.
func (r *Registration) AliveID() string { return r.id + ":alive" }

// SavingID is the ID of the check that a leader has.
func (r *Registration) SavingID() string { return r.id + ":saving" }

// Lead says that this instance leads now: it gets the saving check, which passes until a first snapshot is overdue.
func (r *Registration) Lead() {
	r.change(func() {
		r.leading, r.fresh = true, r.config.Clock.Now()
		r.status, r.note = api.HealthPassing, "Became leader: the first snapshot is to be taken."
	})
}

// Follow says that this instance does not lead, or no longer: the saving check is removed.
func (r *Registration) Follow() { r.change(func() { r.leading = false }) }

// Saved says that a snapshot was saved, or that a fresh one made it unnecessary. The note is shown to people.
func (r *Registration) Saved(note string) {
	r.change(func() { r.fresh, r.status, r.note = r.config.Clock.Now(), api.HealthPassing, Presentable(note) })
}

// Failed says that a snapshot was not saved, and why. The check warns, and turns critical when the last one saved is no longer fresh.
func (r *Registration) Failed(err error) {
	r.change(func() { r.status, r.note = api.HealthWarning, Presentable(err.Error()) })
}

// Missed says why backups cannot be relied on, as when an objective is missed: the saving check is critical for as long, also on an instance
// that does not lead. An empty text says that they can.
func (r *Registration) Missed(reason string) {
	reason = Presentable(reason)
	r.mu.Lock()
	same := (r.missed == "") == (reason == "")
	r.mu.Unlock()
	if !same { // an age that grows is no news
		r.change(func() { r.missed = reason })
	}
}

// change changes what is to be told, and has it told at once.
func (r *Registration) change(change func()) {
	r.mu.Lock()
	change()
	r.words++
	r.mu.Unlock()
	select {
	case r.poked <- struct{}{}:
	default:
	}
}

// saving is what the saving check is to be now, and whether there is to be one.
func (r *Registration) saving() (want sent, there bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch there = r.leading || r.missed != ""; {
	case r.missed != "":
		return sent{api.HealthCritical, Presentable(strings.TrimSuffix(r.missed+". "+r.note, " ")), r.words}, there
	case r.config.Clock.Now().Since(r.fresh) >= r.config.SavingTTL:
		return sent{api.HealthCritical, fmt.Sprintf("No snapshot was saved within %s. %s", r.config.SavingTTL, r.note), r.words}, there
	}
	return sent{r.status, r.note, r.words}, there
}

// untilStale is how long the last snapshot stays fresh, or a long time if that does not matter.
func (r *Registration) untilStale() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := r.config.SavingTTL - r.config.Clock.Now().Since(r.fresh)
	if !r.leading || left <= 0 {
		return period
	}
	return left
}

// Trouble is what keeps the instance from being registered at the moment, or nil.
func (r *Registration) Trouble() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trouble
}

// report takes note of trouble, and logs it if it is new. Nil ends it.
func (r *Registration) report(err error) {
	r.mu.Lock()
	before := r.trouble
	r.trouble = err
	r.mu.Unlock()
	switch {
	case err == nil && before != nil:
		r.config.Logger.Info("registered with the Consul agent again", "service", r.id)
	case err != nil && (before == nil || before.Error() != err.Error()):
		r.config.Logger.Warn("trouble with the registration, will try again", "service", r.id, "error", err)
	}
}

// Run registers the service and keeps it registered, until the context ends; then it deregisters it. Its error is that of the
// deregistration; all else it sits out, see [Registration.Trouble]. It is to be called once.
func (r *Registration) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wait := min(period, r.untilStale())
		if err := r.compare(ctx); ctx.Err() == nil {
			if r.report(err); err != nil {
				wait = time.Second
			}
		}
		select {
		case <-ctx.Done():
		case <-r.poked:
		case <-r.config.Clock.After(wait):
		}
	}
	return r.farewell()
}
