package consulsnapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/election"
)

// A Term is one tenure of the lock: see election.Term.
type Term interface {
	Check(ctx context.Context) error
	Lost() <-chan struct{}
	Resign(ctx context.Context) error
}

// An Elector decides which daemon makes the backups: see election.Candidate.
type Elector interface {
	Campaign(ctx context.Context) (Term, error)
	Trouble() error
	Close() error
}

// A Daemon makes backups by an interval while it holds the lock, and serves /health and /metrics.
type Daemon struct {
	*Backups
	Elector Elector

	board  board
	lonely bool // backups are made without the lock
}

// NewDaemon makes a daemon that contends for LockKey.
func NewDaemon(b *Backups) (*Daemon, error) {
	if err := b.complete(); err != nil {
		return nil, err
	}
	candidate, err := election.New(b.Client, election.Config{
		Key: LockKey, Value: []byte("consul-snapshot on " + b.Host + ", pid " + strconv.Itoa(os.Getpid())), SessionName: "consul-snapshot",
		Clock: b.Clock, Logger: b.Log.Named("election"),
	})
	if err != nil {
		return nil, err
	}
	return &Daemon{Backups: b, Elector: elector{candidate}}, nil
}

// elector is an election as the daemon sees it.
type elector struct{ *election.Candidate }

// Campaign waits for the lock.
func (e elector) Campaign(ctx context.Context) (Term, error) {
	term, err := e.Candidate.Campaign(ctx)
	if err != nil {
		return nil, err
	}
	return term, nil
}

// Run makes backups until ctx ends. It survives every failure; a backup that ctx cuts short leaves nothing.
func (d *Daemon) Run(ctx context.Context) (err error) {
	var serving sync.WaitGroup
	serving.Go(func() { d.serve(ctx) })
	defer serving.Wait()
	defer func() { err = errors.Join(err, d.Elector.Close()) }()
	d.Log.Info("Backups every %s, the first one now, unless another daemon holds the lock %s", d.Config.Interval, LockKey)
	for ctx.Err() == nil {
		term, err := d.obtain(ctx)
		if ctx.Err() != nil {
			d.resign(ctx, term)
			return nil
		}
		if err != nil {
			return fmt.Errorf("contend for the lock %s: %w", LockKey, err)
		}
		d.lead(ctx, term)
	}
	return nil
}

// glance is how often trouble with the lock is looked for.
const glance = 250 * time.Millisecond

// obtain waits for the lock. Where there can be none, because the token may not hold it or the key is something else's, there is no term,
// and no error either.
func (d *Daemon) obtain(ctx context.Context) (Term, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var term Term
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		term, err = d.Elector.Campaign(ctx)
	}()
	for {
		select {
		case <-done:
			if term != nil {
				d.lonely = false
			}
			return term, err
		case <-d.Clock.After(glance):
		}
		trouble := d.Elector.Trouble()
		if !errors.Is(trouble, election.ErrDenied) && !errors.Is(trouble, election.ErrConflict) {
			continue
		}
		cancel()
		if <-done; term != nil {
			return term, nil
		}
		if !d.lonely {
			d.Log.Warn("%s; backups are made without the lock: run one daemon only, or each of them will make all", trouble)
			d.lonely = true
		}
		return nil, nil
	}
}

// lead makes backups while the term lasts; without one, a single backup.
func (d *Daemon) lead(ctx context.Context, term Term) {
	outer := ctx
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var guard func(context.Context) error
	if term != nil {
		d.Log.Info("This daemon makes the backups: it holds the lock %s", LockKey)
		guard = term.Check
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-term.Lost():
				end(errors.New("the lock is lost"))
			case <-stop:
			}
		}()
	}
	d.board.lead(true)
	defer d.board.lead(false)
	for ctx.Err() == nil {
		began := d.Clock.Now()
		wait := d.Config.Interval
		if !d.once(ctx, guard) {
			wait = min(wait, retryAfter)
		}
		if left := wait - d.Clock.Now().Since(began); left > 0 {
			_ = clock.Sleep(ctx, d.Clock, left) // only its end matters
		}
		if term == nil {
			return
		}
	}
	if outer.Err() == nil {
		d.Log.Warn("The lock %s is lost: another daemon makes the backups", LockKey)
	}
	d.resign(outer, term)
}

// retryAfter is how long after its beginning a backup that failed is tried again at the latest.
const retryAfter = time.Minute

// once makes one backup, and tells how it went.
func (d *Daemon) once(ctx context.Context, guard func(context.Context) error) bool {
	r, err := d.Take(ctx, guard)
	switch {
	case err != nil && ctx.Err() != nil:
		d.Log.Warn("The backup was cut short, nothing of it counts: %s", err)
		return false
	case err != nil:
		d.board.failed()
		d.Log.Err("Backup failed: %s", err)
		return false
	}
	d.board.took(r, d.Clock.Now().Wall)
	d.Log.Info("Backup completed successfully: %s", r)
	return true
}

// resignTimeout bounds how long a lock that is given up is waited for.
const resignTimeout = 10 * time.Second

// resign gives the lock back.
func (d *Daemon) resign(ctx context.Context, term Term) {
	if term == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resignTimeout)
	defer cancel()
	if err := term.Resign(ctx); err != nil {
		d.Log.Warn("the lock could not be released; it ends with its session: %s", err)
	}
}

// age is how old the last backup of any daemon is.
func (b *Backups) age(ctx context.Context) (time.Duration, error) {
	pair, _, err := b.Client.KV().Get(MarkerKey, new(api.QueryOptions).WithContext(ctx))
	switch {
	case err != nil:
		return 0, fmt.Errorf("%w: %w", errNoMarker, err)
	case pair == nil:
		return 0, errNoMarker
	}
	seconds, err := strconv.ParseInt(string(pair.Value), 10, 64)
	if err != nil || seconds < 0 || seconds > maxSeconds {
		return 0, errBadMarker
	}
	return b.Clock.Now().Wall.Sub(time.Unix(seconds, 0)), nil
}

// maxSeconds is what is taken for a time: until the year 9999.
const maxSeconds = 253402300799

// The texts of /health.
var (
	errNoMarker  = errors.New("No previous backup detected or unable to get backup key!")
	errBadMarker = errors.New("[ERR] Unable to convert last timestamp to int")
)
