package retryjoin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/clock"
)

// DefaultInterval is the time between two attempts where none is configured.
const DefaultInterval = 30 * time.Second

// questionTime is how long an attempt waits for the answers of clouds.
const questionTime = time.Minute

// Config is which pool to join, and how.
type Config struct {
	// Addresses are the entries of retry_join: addresses, and questions to clouds. With none there is nothing to join.
	Addresses   []string
	Interval    time.Duration // between two attempts; 0: [DefaultInterval]
	MaxAttempts int           // how many attempts there are at most; 0: no limit
	Cluster     string        // the pool's name in log lines and errors, LAN or WAN; empty: LAN

	// Join joins the pools that the agents at some addresses are in. It returns how many it reached, and an error if there was none.
	Join func(addresses []string) (int, error)
	// Discover asks the cloud that an entry names for addresses; nil: over the network. It may take its time, and its errors are logged:
	// they must hold no secret.
	Discover func(entry string, logger hclog.Logger) ([]string, error)

	Logger hclog.Logger
	Clock  clock.Clock // nil: the machine's
}

// Run tries to join until an attempt succeeds, and returns nil then, as it does once ctx ends. Its only error is that all attempts have
// failed; what each failed of is in the log.
//
// At the end of ctx it returns at once: neither a Join nor a question to a cloud that is under way can be cut short, and they end by
// themselves later, without anybody who looks at the outcome.
func Run(ctx context.Context, c Config) error {
	if len(c.Addresses) == 0 {
		return nil
	}
	r := newRetry(c)
	r.Logger.Info("Retry join is supported for the following discovery methods", "cluster", r.Cluster,
		"discovery_methods", strings.Join(providerNames(), " "))
	r.Logger.Info("Joining cluster...", "cluster", r.Cluster)
	for attempt := 1; ; attempt++ {
		n, err := r.attempt(ctx)
		switch {
		case err == nil:
			r.Logger.Info("Join cluster completed. Synced with initial agents", "cluster", r.Cluster, "num_agents", n)
			return nil
		case ctx.Err() != nil:
			return nil
		case attempt == r.MaxAttempts:
			r.Logger.Warn("Join cluster failed", "cluster", r.Cluster, "error", err)
			return fmt.Errorf("agent: max join %s retry exhausted, exiting", r.Cluster)
		}
		r.Logger.Warn("Join cluster failed, will retry", "cluster", r.Cluster, "retry_interval", r.Interval, "error", err)
		if clock.Sleep(ctx, r.Clock, r.Interval) != nil {
			return nil
		}
	}
}

// retry is a configuration without gaps, and what is open from one attempt to the next.
type retry struct {
	Config
	questions []chan answer // to clouds, by the index of the entry; nil where none is open
}

// answer is what a cloud said.
type answer struct {
	addresses []string
	err       error
}

func newRetry(c Config) *retry {
	c.Interval = cmp.Or(max(c.Interval, 0), DefaultInterval)
	c.Cluster = cmp.Or(c.Cluster, "LAN")
	if c.Discover == nil {
		c.Discover = discover
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	if c.Clock == nil {
		c.Clock = clock.Real{}
	}
	return &retry{Config: c, questions: make([]chan answer, len(c.Addresses))}
}

// attempt joins whoever the entries stand for at this moment.
func (r *retry) attempt(ctx context.Context) (int, error) {
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	addresses := r.addresses(ctx)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if len(addresses) == 0 {
		return 0, errors.New("No servers to join")
	}
	r.Logger.Info("("+r.Cluster+") joining", strings.ToLower(r.Cluster)+"_addresses", addresses)
	n, err := r.join(ctx, addresses)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		r.Logger.Warn("("+r.Cluster+") couldn't join", "number_of_nodes", n, "error", err)
	default:
		r.Logger.Info("("+r.Cluster+") joined", "number_of_nodes", n)
	}
	return n, err
}

// join calls Join, and leaves it alone at the end of ctx.
func (r *retry) join(ctx context.Context, addresses []string) (int, error) {
	type outcome struct {
		n   int
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		n, err := r.Join(addresses)
		done <- outcome{n, err}
	}()
	select {
	case o := <-done:
		return o.n, o.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// addresses are those that the entries stand for, each once. Clouds are asked at the same time.
func (r *retry) addresses(ctx context.Context) []string {
	for i, entry := range r.Addresses {
		if IsCloud(entry) && r.questions[i] == nil {
			r.questions[i] = r.ask(entry)
		}
	}
	limited, cancel := clock.WithTimeout(ctx, r.Clock, questionTime)
	defer cancel()
	var all []string
	seen := map[string]bool{}
	for i, entry := range r.Addresses {
		found, err := []string{strings.TrimSpace(entry)}, error(nil)
		if r.questions[i] != nil {
			found, err = r.answer(limited, i)
		}
		if err != nil && ctx.Err() == nil {
			r.Logger.Warn("Cannot discover addresses", "cluster", r.Cluster, "address", Redact(entry), "error", err)
		}
		for _, address := range found {
			if address != "" && !seen[address] {
				seen[address] = true
				all = append(all, address)
			}
		}
	}
	return all
}

// ask asks a cloud. The channel receives what it says, or is told of a provider that stumbles over it.
func (r *retry) ask(entry string) chan answer {
	said := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if fault := recover(); fault != nil { // providers follow pointers in answers without looking
				a = answer{err: errors.New("the provider cannot make sense of what the cloud answered")}
				if e, ok := fault.(runtime.Error); ok { // anything else might quote a secret
					a.err = fmt.Errorf("%w: %w", a.err, e)
				}
			}
			said <- a
		}()
		a.addresses, a.err = r.Discover(entry, r.Logger)
	}()
	return said
}

// answer waits for what a cloud says. A question that is open at the end of ctx is not asked again: the next attempt waits for its answer.
func (r *retry) answer(ctx context.Context, i int) ([]string, error) {
	select {
	case a := <-r.questions[i]:
		r.questions[i] = nil
		if a.err == nil && len(a.addresses) == 0 {
			a.err = errors.New("the cloud knows no machine that matches")
		}
		return a.addresses, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("the cloud has not answered within %s, and is still being asked", questionTime)
	}
}
