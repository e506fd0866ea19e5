package retryjoin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/clock"
)

// watched is a fake clock that tells for how long it is waited for.
type watched struct {
	*clock.Fake
	waits chan time.Duration
}

func newWatched() watched { return watched{clock.NewFake(), make(chan time.Duration, 100)} }

func (w watched) After(d time.Duration) <-chan time.Time {
	c := w.Fake.After(d)
	w.waits <- d
	return c
}

// await waits until somebody waits for d.
func (w watched) await(t *testing.T, d time.Duration) {
	t.Helper()
	for {
		select {
		case got := <-w.waits:
			if got == d {
				return
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("nobody waits for %s", d)
		}
	}
}

// logbook is a log that can be read while it is written.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logbook) logger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: "agent", Level: hclog.Trace, Output: l, DisableTime: true})
}

// start runs a configuration, and returns what waits for its end.
func start(t *testing.T, ctx context.Context, c Config) func() error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, c) }()
	return func() error {
		t.Helper()
		select {
		case err := <-ended:
			return err
		case <-time.After(10 * time.Second):
			t.Fatal("it goes on")
			return nil
		}
	}
}

func requireLines(t *testing.T, log *logbook, lines ...string) {
	t.Helper()
	rest := log.String()
	for _, line := range lines {
		_, after, found := strings.Cut(rest, line)
		if !found {
			t.Fatalf("no line %q at its place in\n%s", line, log)
		}
		rest = after
	}
}

func TestTriesUntilItSucceeds(t *testing.T) {
	for _, c := range []struct {
		name     string
		interval time.Duration
		cluster  string
		want     time.Duration
		lines    []string
	}{
		{"LAN", 0, "", 30 * time.Second, []string{
			`[INFO]  agent: Retry join is supported for the following discovery methods: cluster=LAN discovery_methods="aws azure gce mdns"`,
			`[INFO]  agent: Joining cluster...: cluster=LAN`,
			`[INFO]  agent: (LAN) joining: lan_addresses=["10.0.0.1", "[2001:db8::1]:8301"]`,
			`[WARN]  agent: (LAN) couldn't join: number_of_nodes=0 error="nobody there 1"`,
			`[WARN]  agent: Join cluster failed, will retry: cluster=LAN retry_interval=30s error="nobody there 1"`,
			`error="nobody there 2"`,
			`[INFO]  agent: (LAN) joined: number_of_nodes=2`,
			`[INFO]  agent: Join cluster completed. Synced with initial agents: cluster=LAN num_agents=2`,
		}},
		{"WAN", 5 * time.Second, "WAN", 5 * time.Second, []string{
			`(WAN) joining: wan_addresses=`, `cluster=WAN retry_interval=5s`, `(WAN) joined: number_of_nodes=2`, `cluster=WAN num_agents=2`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log logbook
			fake := newWatched()
			attempts := 0
			wait := start(t, t.Context(), Config{
				Addresses: []string{"10.0.0.1", "[2001:db8::1]:8301", "10.0.0.1"}, Interval: c.interval, Cluster: c.cluster,
				Logger: log.logger(), Clock: fake,
				Join: func(addresses []string) (int, error) {
					if !slices.Equal(addresses, []string{"10.0.0.1", "[2001:db8::1]:8301"}) {
						t.Errorf("joins %q", addresses)
					}
					if attempts++; attempts < 3 {
						return 0, fmt.Errorf("nobody there %d", attempts)
					}
					return 2, nil
				},
			})
			for range 2 {
				fake.await(t, c.want)
				fake.Advance(c.want)
			}
			if err := wait(); err != nil || attempts != 3 {
				t.Errorf("%v after %d attempts", err, attempts)
			}
			requireLines(t, &log, c.lines...)
		})
	}
}

func TestAttemptsAreUsedUp(t *testing.T) {
	for _, c := range []struct {
		name, cluster, want string
		attempts            int
	}{
		{"one", "", "agent: max join LAN retry exhausted, exiting", 1},
		{"three", "LAN", "agent: max join LAN retry exhausted, exiting", 3},
		{"WAN", "WAN", "agent: max join WAN retry exhausted, exiting", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log logbook
			fake := newWatched()
			attempts := 0
			wait := start(t, t.Context(), Config{
				Addresses: []string{"10.0.0.1"}, Cluster: c.cluster, MaxAttempts: c.attempts, Logger: log.logger(), Clock: fake,
				Join: func([]string) (int, error) { attempts++; return 0, errors.New("nobody there") },
			})
			for range c.attempts - 1 {
				fake.await(t, DefaultInterval)
				fake.Advance(DefaultInterval)
			}
			if err := wait(); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if retries := strings.Count(log.String(), "will retry"); attempts != c.attempts || retries != c.attempts-1 {
				t.Errorf("%d attempts, %d announced:\n%s", attempts, retries, &log)
			}
			requireLines(t, &log, `[WARN]  agent: Join cluster failed: `)
		})
	}
}

func TestEndOfTheContextIsNoError(t *testing.T) {
	forever := make(chan struct{})
	t.Cleanup(func() { close(forever) })
	for _, c := range []struct {
		name  string
		entry string
		join  func(reached chan<- struct{}) (int, error)
	}{
		{"between attempts", "10.0.0.1", func(chan<- struct{}) (int, error) { return 0, errors.New("nobody there") }},
		{"in a join", "10.0.0.1", func(reached chan<- struct{}) (int, error) { close(reached); <-forever; return 0, nil }},
		{"in a question", "provider=aws tag_key=a tag_value=b", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			fake, reached := newWatched(), make(chan struct{})
			wait := start(t, ctx, Config{
				Addresses: []string{c.entry}, MaxAttempts: 2, Clock: fake,
				Join: func([]string) (int, error) { return c.join(reached) },
				Discover: func(string, hclog.Logger) ([]string, error) {
					close(reached)
					<-forever
					return nil, nil
				},
			})
			if c.name == "between attempts" {
				fake.await(t, DefaultInterval)
			} else {
				<-reached
			}
			cancel()
			if err := wait(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("before the first attempt", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := Run(ctx, Config{Addresses: []string{"10.0.0.1"}, Join: func([]string) (int, error) { t.Error("joins"); return 0, nil }})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutEntriesNothingIsJoined(t *testing.T) {
	if err := Run(t.Context(), Config{}); err != nil {
		t.Error(err)
	}
}

func TestOneEntryStopsNoOther(t *testing.T) {
	for _, c := range []struct {
		name, entry string
		discover    func(string, hclog.Logger) ([]string, error)
		why         string
	}{
		{"unknown provider", "provider=xyz secret=hunter2", nil,
			`address=provider=hidden error="cloud auto-join with provider \"xyz\" is not served: the providers are aws, azure, gce, mdns"`},
		{"cloud fails", "provider=gce tag_value=hunter2", func(string, hclog.Logger) ([]string, error) {
			return nil, errors.New("no such project")
		}, `address="provider=gce tag_value=hidden" error="no such project"`},
		{"cloud knows nobody", "provider=gce tag_value=hunter2", func(string, hclog.Logger) ([]string, error) {
			return nil, nil
		}, `error="the cloud knows no machine that matches"`},
		{"provider panics", "provider=gce tag_value=hunter2", func(string, hclog.Logger) ([]string, error) {
			panic("hunter2")
		}, `error="the provider cannot make sense of what the cloud answered"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log logbook
			var joined []string
			err := Run(t.Context(), Config{
				Addresses: []string{c.entry, "server.example:8301"}, MaxAttempts: 1, Logger: log.logger(), Discover: c.discover,
				Join: func(addresses []string) (int, error) { joined = addresses; return 1, nil },
			})
			if err != nil || !slices.Equal(joined, []string{"server.example:8301"}) {
				t.Errorf("%v, joined %q", err, joined)
			}
			requireLines(t, &log, "[WARN]  agent: Cannot discover addresses: cluster=LAN", c.why)
			if strings.Contains(log.String(), "hunter2") {
				t.Errorf("a value is in the log:\n%s", &log)
			}
		})
	}
}

func TestCloudIsAskedAnewByEachAttempt(t *testing.T) {
	var log logbook
	fake := newWatched()
	questions := 0
	var joined []string
	wait := start(t, t.Context(), Config{
		Addresses: []string{"provider=aws tag_key=a tag_value=b"}, Logger: log.logger(), Clock: fake,
		Discover: func(string, hclog.Logger) ([]string, error) {
			if questions++; questions == 1 {
				return nil, errors.New("throttled")
			}
			return []string{"10.0.0.7", "10.0.0.8"}, nil
		},
		Join: func(addresses []string) (int, error) { joined = addresses; return 2, nil },
	})
	fake.await(t, DefaultInterval)
	fake.Advance(DefaultInterval)
	if err := wait(); err != nil || questions != 2 || !slices.Equal(joined, []string{"10.0.0.7", "10.0.0.8"}) {
		t.Errorf("%v, %d questions, joined %q", err, questions, joined)
	}
	requireLines(t, &log, `error=throttled`, `will retry: cluster=LAN retry_interval=30s error="No servers to join"`)
}

func TestSlowCloudHoldsUpNobodyAndIsNotAskedTwice(t *testing.T) {
	var log logbook
	fake := newWatched()
	slow := make(chan struct{})
	var questions int
	attempts := make(chan []string)
	wait := start(t, t.Context(), Config{
		Addresses: []string{"provider=mdns service=x", "10.0.0.1"}, Logger: log.logger(), Clock: fake,
		Discover: func(string, hclog.Logger) ([]string, error) {
			questions++
			<-slow
			return []string{"10.0.0.2"}, nil
		},
		Join: func(addresses []string) (int, error) {
			attempts <- addresses
			if len(addresses) == 1 {
				return 0, errors.New("nobody there")
			}
			return 2, nil
		},
	})
	fake.await(t, questionTime)
	fake.Advance(questionTime)
	if got := <-attempts; !slices.Equal(got, []string{"10.0.0.1"}) {
		t.Errorf("joins %q without an answer", got)
	}
	fake.await(t, DefaultInterval)
	fake.Advance(DefaultInterval)
	close(slow)
	if got := <-attempts; !slices.Equal(got, []string{"10.0.0.2", "10.0.0.1"}) {
		t.Errorf("joins %q with an answer", got)
	}
	if err := wait(); err != nil || questions != 1 {
		t.Errorf("%v, %d questions", err, questions)
	}
	requireLines(t, &log, `address="provider=mdns service=hidden" error="the cloud has not answered within 1m0s, and is still being asked"`)
}
