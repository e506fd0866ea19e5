package election

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/clock"
)

// The bounds that Consul sets for the TTL of a session.
const (
	minTTL = 10 * time.Second
	maxTTL = 24 * time.Hour
)

// Config is what an election is about.
type Config struct {
	Key         string        // the exact key; all candidates must agree
	Value       []byte        // what the holder writes there: who it is, for people. No secrets
	SessionName string        // default "Consul API Lock"
	TTL         time.Duration // of the session: 10s to 24h, default 15s
	LockDelay   time.Duration // after a session ended without a release; default 15s, in milliseconds
	Clock       clock.Clock   // default the machine's
	Logger      hclog.Logger  // default none
}

// A Candidate stands for election to one key. It is safe for concurrent use.
type Candidate struct {
	client *api.Client
	config Config
	ctx    context.Context // ends with Close
	stop   context.CancelFunc
	all    sync.WaitGroup // goroutines

	mu      sync.Mutex
	busy    bool // a campaign runs
	closed  bool
	term    *Term // the last one
	trouble error
}

// New returns a candidate, which does nothing until its first campaign. Errors are those of the configuration.
func New(client *api.Client, config Config) (*Candidate, error) {
	if config.Key == "" {
		return nil, errors.New("election: no lock key is configured")
	}
	if strings.HasPrefix(config.Key, "/") {
		return nil, fmt.Errorf("election: lock key %q begins with a slash, which Consul's clients cannot write: leave it out", config.Key)
	}
	setDefaults(&config)
	if config.TTL < minTTL || config.TTL > maxTTL {
		return nil, fmt.Errorf("election: session TTL %s is not between %s and %s", config.TTL, minTTL, maxTTL)
	}
	if config.LockDelay < time.Millisecond {
		return nil, fmt.Errorf("election: lock-delay %s is below a millisecond", config.LockDelay)
	}
	c := &Candidate{client: client, config: config}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c, nil
}

func setDefaults(config *Config) {
	if config.SessionName == "" {
		config.SessionName = api.DefaultLockSessionName
	}
	if config.TTL == 0 {
		config.TTL = 15 * time.Second
	}
	if config.LockDelay == 0 {
		config.LockDelay = 15 * time.Second
	}
	if config.Clock == nil {
		config.Clock = clock.Real{}
	}
	if config.Logger == nil {
		config.Logger = hclog.NewNullLogger()
	}
}

// Campaign waits for leadership. Its errors are the context's, [ErrClosed], [ErrBusy] and [ErrHeld]; every other trouble it sits out,
// see [Candidate.Trouble].
func (c *Candidate) Campaign(ctx context.Context) (*Term, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer c.all.Done()
	defer c.end()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	var wait backoff
	for {
		term, err := c.attempt(ctx)
		if err == nil {
			return term, nil
		}
		if c.ctx.Err() != nil {
			return nil, ErrClosed
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("election: waiting for leadership by %s: %w", c.config.Key, context.Cause(ctx))
		}
		c.report(err)
		_ = clock.Sleep(ctx, c.config.Clock, wait.next()) // the next attempt tells of an end
	}
}

// attempt contends with one session, as long as it lives.
func (c *Candidate) attempt(ctx context.Context) (*Term, error) {
	s, err := c.openSession(ctx)
	if err != nil {
		return nil, err
	}
	term, err := c.contend(ctx, s)
	if err != nil {
		s.discard()
		return nil, err
	}
	return term, nil
}

// begin admits one campaign at a time.
func (c *Candidate) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.busy:
		return ErrBusy
	case c.term != nil && c.term.Err() == nil:
		return ErrHeld
	}
	c.busy = true
	c.all.Add(1)
	return nil
}

func (c *Candidate) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = false
}

// Trouble is what keeps the candidate from Consul or from the key at the moment, or nil. That another holds the key is no trouble.
func (c *Candidate) Trouble() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trouble
}

// report takes note of trouble, and logs it if it is new. Nil ends it.
func (c *Candidate) report(err error) {
	if c.ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return
	}
	c.mu.Lock()
	before := c.trouble
	c.trouble = err
	c.mu.Unlock()
	switch {
	case err == nil && before != nil:
		c.config.Logger.Info("the lock can be read again", "key", c.config.Key)
	case err != nil && (before == nil || before.Error() != err.Error()):
		c.config.Logger.Warn("trouble with the lock, will try again", "key", c.config.Key, "error", err)
	}
}

// Close resigns unless that has been tried, ends a campaign that runs, and waits for all that was started: at most about one TTL if Consul does not answer, then
// the lock is left to the session's end. Its error is that of the resignation. Closing twice does nothing.
func (c *Candidate) Close() error {
	c.mu.Lock()
	c.closed = true
	term := c.term
	c.mu.Unlock()
	c.stop()
	var err error
	if term != nil {
		ctx, cancel := clock.WithTimeout(context.Background(), c.config.Clock, c.config.TTL)
		defer cancel()
		err = term.Resign(ctx)
	}
	c.all.Wait()
	return err
}
