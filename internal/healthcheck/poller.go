package healthcheck

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/definition"
)

// The defaults of a check.
const (
	MinInterval       = time.Second
	DefaultTimeout    = 10 * time.Second
	DefaultOutputSize = 4096 // bytes
	scriptTimeout     = 30 * time.Second
)

// Report is told the state of a check and its output. It is called from the goroutine of the check.
type Report func(status, output string)

// Options are what the agent decides about its checks.
type Options struct {
	MinInterval   time.Duration // floor of intervals; zero for MinInterval
	OutputMaxSize int           // bytes of output kept where the check does not say; zero for DefaultOutputSize
	TLS           ClientTLS     // for HTTPS, and TCP with TLS; nil trusts the system's authorities
}

// ClientTLS returns what a check's next connection goes by. serverName is what the check asks for, empty for the name of the address;
// skipVerify accepts any certificate.
type ClientTLS func(serverName string, skipVerify bool) *tls.Config

// of is what the next connection of a check goes by.
func (t ClientTLS) of(def *definition.Check) *tls.Config {
	if t == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12, ServerName: def.TLSServerName, InsecureSkipVerify: def.TLSSkipVerify}
	}
	return t(def.TLSServerName, def.TLSSkipVerify)
}

// probe carries a check out once.
type probe func(ctx context.Context) (status, output string)

// Poller runs an HTTP, TCP or script check at its interval.
type Poller struct {
	probe    probe
	interval time.Duration
	timeout  time.Duration
	filter   *thresholds

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// NewPoller prepares a check that has passed its Validate and is no TTL check.
func NewPoller(def *definition.Check, o Options, report Report) (*Poller, error) {
	timeout := DefaultTimeout
	if def.Kind() == definition.KindScript {
		timeout = scriptTimeout
	}
	if def.Timeout > 0 {
		timeout = def.Timeout
	}
	p := &Poller{
		interval: max(def.Interval, positive(o.MinInterval, MinInterval)),
		timeout:  timeout,
		filter:   newThresholds(def, report),
	}
	limit := positive(def.OutputMaxSize, positive(o.OutputMaxSize, DefaultOutputSize))
	switch def.Kind() {
	case definition.KindHTTP:
		p.probe = httpProbe(def, o.TLS, limit)
	case definition.KindTCP:
		p.probe = tcpProbe(def, o.TLS)
	case definition.KindScript:
		p.probe = scriptProbe(def, timeout, limit)
	default:
		return nil, fmt.Errorf("check %q: a %s check is not run at an interval", def.CheckID, def.Kind())
	}
	return p, nil
}

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Start begins to run the check. It is called once.
func (p *Poller) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.done.Go(func() { p.run(ctx) })
}

// Stop ends the check, one that is being carried out included, and waits.
func (p *Poller) Stop() {
	if p.cancel != nil {
		p.cancel()
	}
	p.done.Wait()
}

func (p *Poller) run(ctx context.Context) {
	timer := time.NewTimer(rand.N(p.interval))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			p.once(ctx)
			timer.Reset(p.interval)
		}
	}
}

func (p *Poller) once(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	status, output := p.probe(limited)
	if ctx.Err() == nil {
		p.filter.add(status, output)
	}
}
