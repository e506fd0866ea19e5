package consulsnapshot

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/election"
)

// An election that is decided by the test.
type decided struct {
	mu      sync.Mutex
	trouble error
	terms   chan *tenure
}

func (d *decided) Campaign(ctx context.Context) (Term, error) {
	select {
	case t := <-d.terms:
		return t, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *decided) Trouble() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.trouble
}

func (d *decided) Close() error { return nil }

type tenure struct {
	lost     chan struct{}
	once     sync.Once
	resigned chan struct{}
}

func newTenure() *tenure { return &tenure{lost: make(chan struct{}), resigned: make(chan struct{})} }

func (t *tenure) Lost() <-chan struct{}        { return t.lost }
func (t *tenure) Resign(context.Context) error { t.once.Do(func() { close(t.resigned) }); return nil }
func (t *tenure) Check(context.Context) error {
	select {
	case <-t.lost:
		return election.ErrLost
	default:
		return nil
	}
}

// A running is a daemon on a stage, under a clock that the test moves.
type running struct {
	*stage
	daemon *Daemon
	votes  *decided
	clock  *clock.Fake
	step   time.Duration // by which the clock moves
	end    context.CancelFunc
	ended  chan error
}

// run starts a daemon. It has ended when the test has.
func run(t *testing.T, s *stage) *running {
	t.Helper()
	r := &running{
		stage: s, votes: &decided{terms: make(chan *tenure, 1)}, clock: clock.NewFake(), step: 100 * time.Millisecond, ended: make(chan error, 1),
	}
	s.Clock = r.clock
	r.daemon = &Daemon{Backups: s.Backups, Elector: r.votes}
	must(t, s.complete())
	ctx, cancel := context.WithCancel(t.Context())
	r.end = cancel
	go func() { r.ended <- r.daemon.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := r.await(t); err != nil {
			t.Errorf("the daemon failed: %v", err)
		}
	})
	return r
}

// await waits for the end of the daemon, whose clock goes on.
func (r *running) await(t *testing.T) (err error) {
	t.Helper()
	r.until(t, "the end", func() bool {
		select {
		case err = <-r.ended:
			r.ended <- err
			return true
		default:
			return false
		}
	})
	return err
}

// until moves the clock until something is so.
func (r *running) until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
			r.clock.Advance(r.step)
		case <-limit:
			t.Fatalf("did not happen: %s; the log: %s", what, r.said)
		}
	}
}

func (r *running) backups(n int) func() bool {
	return func() bool { return r.daemon.board.now().ok >= n }
}

func TestTheFirstBackupIsMadeAtOnce(t *testing.T) {
	s := newStage(t, key("a", "1"))
	s.Config.Interval = time.Hour
	r := run(t, s)
	began := r.clock.Now()
	r.votes.terms <- newTenure()
	r.until(t, "a backup", r.backups(1))
	if waited := r.clock.Now().Since(began); waited > 10*time.Second {
		t.Errorf("after %s", waited)
	}
	r.step = 4 * time.Second
	r.until(t, "the second", r.backups(2))
	if waited := r.clock.Now().Since(began); waited < time.Hour || waited > time.Hour+30*time.Minute {
		t.Errorf("the second after %s", waited)
	}
}

// A failure ends nothing, and no backup ever holds what an earlier round has read.
func TestFailuresAreSurvived(t *testing.T) {
	s := newStage(t, key("a", "1"))
	s.Config.Interval = time.Hour
	r := run(t, s)
	r.votes.terms <- newTenure()
	r.until(t, "a backup", r.backups(1))
	first := s.bin.names()
	r.step = 4 * time.Second
	s.consul.on("GET /v1/snapshot", refuses(500, "No cluster leader"))
	began := r.clock.Now()
	r.until(t, "three failures", func() bool { return r.daemon.board.now().bad >= 3 })
	if waited := r.clock.Now().Since(began); waited > time.Hour+30*time.Minute {
		t.Errorf("it waits for the next interval to try again: %s", waited)
	}
	if names := s.bin.names(); !slices.Equal(names, first) || len(s.consul.marks()) != 1 {
		t.Errorf("kept %q, marked %q", names, s.consul.marks())
	}
	s.consul.holds(t, key("b", "2"))
	r.until(t, "a good one", r.backups(2))
	names := s.bin.names()
	if got := contents(t, s.bin.get(t, names[1])); len(names) != 2 || len(got) != 1 || got["b"] != "2" {
		t.Errorf("%q, the last with %v", names, got)
	}
	if !strings.Contains(s.said.String(), "[ERR] Backup failed: take a snapshot: Unexpected response code: 500 (No cluster leader") {
		t.Errorf("said %s", s.said)
	}
}

// Who does not hold the lock makes no backup; who cannot hold one makes backups all the same, and says so.
func TestTheLock(t *testing.T) {
	for _, trouble := range []error{election.ErrDenied, election.ErrConflict} {
		t.Run(trouble.Error(), func(t *testing.T) { testTheLock(t, trouble) })
	}
}

func testTheLock(t *testing.T, trouble error) {
	s := newStage(t, key("a", "1"))
	r := run(t, s)
	began := r.clock.Now()
	r.step = time.Second
	r.until(t, "five minutes", func() bool { return r.clock.Now().Since(began) > 5*time.Minute })
	if s.bin.opened > 0 {
		t.Fatal("a backup without the lock")
	}
	r.votes.mu.Lock()
	r.votes.trouble = fmt.Errorf("creating a session: %w", trouble)
	r.votes.mu.Unlock()
	r.until(t, "backups", r.backups(3))
	if n := strings.Count(s.said.String(), "backups are made without the lock: run one daemon only"); n != 1 {
		t.Errorf("told %d times: %s", n, s.said)
	}
	term := newTenure()
	r.votes.terms <- term
	r.until(t, "the lock", func() bool { return strings.Contains(s.said.String(), "it holds the lock") })
}

// A lock that is lost in the middle of an upload: nothing of that backup stays, and it is made again by who gets the lock.
func TestALostLock(t *testing.T) {
	s := newStage(t, key("a", "1"))
	term := newTenure()
	var once sync.Once
	s.bin.around = func(honest blobstore.Store) blobstore.Store {
		return &endsAt{honest, func(ctx context.Context) { once.Do(func() { close(term.lost); <-ctx.Done() }) }}
	}
	r := run(t, s)
	r.votes.terms <- term
	r.until(t, "the loss", func() bool { return strings.Contains(s.said.String(), "another daemon makes the backups") })
	if names, marks := s.bin.names(), s.consul.marks(); len(names)+len(marks) > 0 || r.daemon.board.now().leading {
		t.Errorf("kept %q, marked %q", names, marks)
	}
	r.votes.terms <- newTenure()
	r.until(t, "a backup", r.backups(1))
}

func TestACleanEnd(t *testing.T) {
	s := newStage(t, key("a", "1"))
	r := run(t, s)
	term := newTenure()
	s.bin.around = func(honest blobstore.Store) blobstore.Store {
		return &endsAt{honest, func(context.Context) { r.end() }}
	}
	r.votes.terms <- term
	must(t, r.await(t))
	<-term.resigned
	if names, marks := s.bin.names(), s.consul.marks(); len(names)+len(marks) > 0 {
		t.Errorf("kept %q, marked %q", names, marks)
	}
}

func get(t *testing.T, address, path string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + address + path)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(body)
}

func TestHealth(t *testing.T) {
	const now = 1795246816
	for _, c := range []struct {
		name     string
		marker   string // none: no key
		interval time.Duration
		status   int
		want     string
	}{
		{"now", "1795246816", time.Minute, 200, "Last backup 0 seconds ago"},
		{"a while ago", "1795246774", time.Minute, 200, "Last backup 42 seconds ago"},
		{"an hour ago", strconv.Itoa(now - 3600), time.Minute, 200, "Last backup 3600 seconds ago"},
		{"more than an hour ago", strconv.Itoa(now - 3601), time.Minute, 500, "[ERR] Backup older than 1 hour"},
		{"longer than two intervals", strconv.Itoa(now - 3601), 30 * time.Minute, 500, "[ERR] Backup older than 1 hour"},
		{"a long interval", strconv.Itoa(now - 7200), time.Hour, 200, "Last backup 7200 seconds ago"},
		{"longer than that", strconv.Itoa(now - 7201), time.Hour, 500, "[ERR] Backup older than 2 hours"},
		{"in minutes", strconv.Itoa(now - 7201), 45 * time.Minute, 500, "[ERR] Backup older than 90 minutes"},
		{"in seconds", strconv.Itoa(now - 7201), 1801 * time.Second, 500, "[ERR] Backup older than 3602 seconds"},
		{"a clock that is a little behind", strconv.Itoa(now + 60), time.Minute, 200, "Last backup 0 seconds ago"},
		{"a clock that is far behind", strconv.Itoa(now + 61), time.Minute, 500,
			"[ERR] Last backup is 61 seconds in the future, compare the clocks"},
		{"no marker", "", time.Minute, 500, "No previous backup detected or unable to get backup key!"},
		{"no number", "yesterday", time.Minute, 500, "[ERR] Unable to convert last timestamp to int"},
		{"a number and more", "1795246816\n", time.Minute, 500, "[ERR] Unable to convert last timestamp to int"},
		{"too large a number", "999999999999999999", time.Minute, 500, "[ERR] Unable to convert last timestamp to int"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			s.Clock, s.Config.Interval = at(now), c.interval
			if c.marker != "" {
				s.consul.on("GET /v1/kv/"+MarkerKey, func(w http.ResponseWriter, _ *http.Request) {
					fmt.Fprintf(w, `[{"Key": %q, "Value": %q}]`, MarkerKey, base64.StdEncoding.EncodeToString([]byte(c.marker)))
				})
			}
			server := httptest.NewServer((&Daemon{Backups: s.Backups}).handler())
			defer server.Close()
			if status, body := get(t, server.Listener.Addr().String(), "/health"); status != c.status || body != c.want {
				t.Errorf("%d %q, want %d %q", status, body, c.status, c.want)
			}
		})
	}
	s := newStage(t)
	s.consul.Close()
	status, body := (&Daemon{Backups: s.Backups}).health(t.Context())
	if status != 500 || body != "No previous backup detected or unable to get backup key!" {
		t.Errorf("without Consul: %d %s", status, body)
	}
}

func TestMetrics(t *testing.T) {
	s := newStage(t, key("a", "1"), key("b", "2"))
	r := run(t, s)
	r.votes.terms <- newTenure()
	r.until(t, "a backup", r.backups(1))
	r.until(t, "a listener", func() bool { return r.daemon.board.now().address != "" })
	_, body := get(t, r.daemon.board.now().address, "/metrics")
	for _, want := range []string{
		`backups_total\{outcome="ok"\} [1-9]`, `backups_total\{outcome="failed"\} 0`, `objects\{kind="keys"\} 2`, `size_bytes [1-9]`,
		`last_success_timestamp_seconds 1\.7`, `leader 1`, `one_moment 1`, `duration_seconds [0-9]`,
	} {
		if !regexp.MustCompile(`(?m)^lictor_consul_snapshot_` + want).MatchString(body) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
}

// An address that is taken is told, ends no backups, and is tried again.
func TestAHealthServerThatCannotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := newStage(t, key("a", "1"))
	s.Config.HealthAddress = taken.Addr().String()
	r := run(t, s)
	r.until(t, "an error", func() bool {
		return strings.Contains(s.said.String(), "[ERR] Nobody is told of /health and /metrics: listen tcp")
	})
	r.votes.terms <- newTenure()
	r.until(t, "a backup", r.backups(1))
	must(t, taken.Close())
	r.until(t, "a listener", func() bool { return r.daemon.board.now().address != "" })
	if status, _ := get(t, s.Config.HealthAddress, "/health"); status != 500 { // this Consul does not give the marker out
		t.Errorf("status %d", status)
	}
}
