package election

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/clock"
)

// candidate returns one with a fake clock.
func candidate(t *testing.T, client *api.Client) (*Candidate, *clock.Fake) {
	t.Helper()
	fake := clock.NewFake()
	c, err := New(client, Config{Key: "lock", Value: []byte("host"), Clock: fake})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { finish(t, fake, func() { _ = c.Close() }) })
	return c, fake
}

// finish runs what may need time to pass.
func finish(t *testing.T, fake *clock.Fake, do func()) {
	t.Helper()
	var over atomic.Bool
	go func() {
		do()
		over.Store(true)
	}()
	until(t, fake, "the end", over.Load)
}

// elect campaigns while time passes.
func elect(t *testing.T, c *Candidate, fake *clock.Fake) *Term {
	t.Helper()
	var term *Term
	var err error
	finish(t, fake, func() { term, err = c.Campaign(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	return term
}

func TestConfigurationIsChecked(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"no key", Config{}, "no lock key"},
		{"slash", Config{Key: "/a"}, "begins with a slash"},
		{"short TTL", Config{Key: "a", TTL: 9 * time.Second}, "not between 10s and 24h0m0s"},
		{"long TTL", Config{Key: "a", TTL: 25 * time.Hour}, "not between"},
		{"lock-delay", Config{Key: "a", LockDelay: time.Microsecond}, "below a millisecond"},
		{"defaults", Config{Key: "a"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := New(nil, c.config)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestTermBeginsAndEnds(t *testing.T) {
	f, client := newConsul(t)
	c, fake := candidate(t, client)
	term := elect(t, c, fake)
	if err := term.Check(t.Context()); err != nil || !term.Held() || term.LockIndex() != 1 || term.Session() != f.holder() {
		t.Errorf("check %v, held %v, lock index %d, session %s of %s", err, term.Held(), term.LockIndex(), term.Session(), f.holder())
	}
	if flags := see(f, func() uint64 { return f.pair.Flags }); flags != 3304740253564472344 {
		t.Errorf("flags %d", flags)
	}
	if _, err := c.Campaign(t.Context()); err != ErrHeld {
		t.Errorf("a second campaign: %v", err)
	}
	if err := term.Resign(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-term.Lost()
	if err := term.Check(t.Context()); !errors.Is(err, ErrLost) || !errors.Is(err, ErrResigned) || term.Held() {
		t.Errorf("after resigning: %v, held %v", err, term.Held())
	}
	if f.holder() != "" || see(f, func() int { return len(f.sessions) }) != 0 {
		t.Error("the lock or the session was left")
	}
	if err := term.Resign(t.Context()); err != nil {
		t.Errorf("resigning twice: %v", err)
	}
	second := elect(t, c, fake)
	if second.Session() == term.Session() || second.LockIndex() != 2 || term.Check(t.Context()) == nil {
		t.Error("two terms are not told apart")
	}
}

// A lock that could not be given up is left to its session's end: Close neither asks again nor complains of it.
func TestCloseAfterFailedResignation(t *testing.T) {
	f, client := newConsul(t)
	c, fake := candidate(t, client)
	term := elect(t, c, fake)
	var releases atomic.Int32
	f.do(func() {
		f.fault = func(w http.ResponseWriter, r *http.Request) bool {
			if !r.URL.Query().Has("release") {
				return false
			}
			releases.Add(1)
			return status(500, "No cluster leader")(w, r)
		}
	})
	if err := term.Resign(t.Context()); err == nil {
		t.Error("the resignation did not fail")
	}
	before := releases.Load()
	if err := c.Close(); err != nil || before == 0 || releases.Load() != before {
		t.Errorf("%v; %d and then %d releases", err, before, releases.Load())
	}
}

// Whatever takes the lock away ends the term, for good.
func TestTermIsLost(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(f *consul)
		want string // an expression: where two things are lost at once, it depends on which is looked at first
	}{
		{"session destroyed", func(f *consul) { f.destroy("session-1") }, "released or its session ended|session-1 no longer exists"},
		{"released by another", func(f *consul) { f.free() }, "released or its session ended"},
		{"key deleted", func(f *consul) { f.do(func() { f.pair = nil }) }, "was deleted"},
		{"taken", func(f *consul) { f.take("other", api.LockFlagValue) }, "session other holds lock"},
		{"restore: indexes go back", func(f *consul) {
			f.do(func() { f.index, f.pair, f.sessions = 2, nil, map[string]bool{} })
		}, "was deleted|session-1 no longer exists"},
		{"session gone, key unreadable", func(f *consul) {
			f.do(func() {
				delete(f.sessions, "session-1")
				f.fault = func(w http.ResponseWriter, r *http.Request) bool {
					return strings.HasPrefix(r.URL.Path, "/v1/kv/") && status(500, "No cluster leader")(w, r)
				}
			})
		}, "session session-1 no longer exists"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, client := newConsul(t)
			candidate, fake := candidate(t, client)
			term := elect(t, candidate, fake)
			c.do(f)
			until(t, fake, "loss", lost(term))
			if err := term.Check(t.Context()); !errors.Is(err, ErrLost) || !regexp.MustCompile(c.want).MatchString(err.Error()) {
				t.Errorf("check: %v, want %q", err, c.want)
			}
			f.do(func() { // what comes back is another's
				f.fault = nil
				f.pair, f.sessions["session-1"] = &api.KVPair{Key: "lock", Session: "session-1", Flags: api.LockFlagValue}, true
			})
			if err := term.Check(t.Context()); !errors.Is(err, ErrLost) || term.Held() {
				t.Errorf("a lost term came back: %v", err)
			}
		})
	}
}

// A check that comes before the watch has noticed tells the loss itself.
func TestCheckReadsTheLock(t *testing.T) {
	f, client := newConsul(t)
	c, fake := candidate(t, client)
	term := elect(t, c, fake)
	f.fail(func(w http.ResponseWriter, r *http.Request) bool { return r.URL.Query().Has("index") && hang(w, r) })
	f.mu.Lock()
	f.pair.Session = "other" // nobody is woken
	f.mu.Unlock()
	if err := term.Check(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("check: %v", err)
	}
	if !lost(term)() {
		t.Error("the loss was not told")
	}
}

// Nothing that keeps Consul from answering lets a check pass, or ends the term.
func TestCheckInDoubt(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(w http.ResponseWriter, r *http.Request) bool
		want  string
	}{
		{"no leader", status(500, "No cluster leader"), "No cluster leader"},
		{"hangs", hang, "no answer in time"},
		{"denied", status(403, "Permission denied: token with AccessorID 'x' lacks permission 'key:read' on \"lock\""),
			`needs the rule key "lock" { policy = "write" }`},
		{"unknown token", status(403, "ACL not found"), "does not know the token"},
		{"no known leader", func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("X-Consul-KnownLeader", "false")
			return false
		}, "without a leader, or from a copy"},
		{"a copy", func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("X-Consul-LastContact", "20")
			return false
		}, "without a leader, or from a copy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, client := newConsul(t)
			candidate, fake := candidate(t, client)
			term := elect(t, candidate, fake)
			f.fail(c.fault)
			var err error
			finish(t, fake, func() { err = term.Check(t.Context()) })
			if err == nil || errors.Is(err, ErrLost) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("check: %v, want %q", err, c.want)
			}
			f.fail(nil)
			finish(t, fake, func() { err = term.Check(t.Context()) })
			if err != nil || lost(term)() {
				t.Errorf("after the trouble: %v", err)
			}
			until(t, fake, "end of trouble", func() bool { return candidate.Trouble() == nil && term.Held() })
		})
	}
}

// A pause of any kind puts the term in doubt at once, before anything was asked.
func TestPausePutsInDoubt(t *testing.T) {
	for _, c := range []struct {
		name  string
		pause func(fake *clock.Fake)
		held  bool
	}{
		{"short", func(fake *clock.Fake) { fake.Suspend(14 * time.Second) }, true},
		{"machine suspended", func(fake *clock.Fake) { fake.Suspend(15 * time.Second) }, false},
		{"process stopped", func(fake *clock.Fake) { fake.Advance(time.Minute) }, false},
		{"process stopped, wall clock set back", func(fake *clock.Fake) {
			fake.Suspend(-2 * time.Hour)
			fake.Advance(time.Minute)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, client := newConsul(t)
			candidate, fake := candidate(t, client)
			term := elect(t, candidate, fake)
			f.fail(hang)
			c.pause(fake)
			if term.Held() != c.held {
				t.Errorf("held: %v", !c.held)
			}
			if lost(term)() {
				t.Error("doubt is not loss")
			}
			f.fail(nil)
			until(t, fake, "renewal", term.Held)
		})
	}
}

// An answer that was read before a pause is not relied on after it.
func TestCheckThatWasPausedAsksAgain(t *testing.T) {
	f, client := newConsul(t)
	c, fake := candidate(t, client)
	term := elect(t, c, fake)
	asked := 0
	f.fail(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "GET" && !r.URL.Query().Has("index") {
			if asked++; asked == 1 {
				fake.Suspend(time.Hour)
			}
		}
		return false
	})
	if err := term.Check(t.Context()); err != nil || asked < 2 {
		t.Errorf("check: %v after %d reads", err, asked)
	}
	f.fail(func(w http.ResponseWriter, r *http.Request) bool {
		fake.Suspend(time.Hour)
		return false
	})
	if err := term.Check(t.Context()); err == nil || errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "come too late") {
		t.Errorf("check: %v", err)
	}
}

func TestSessionIsRenewed(t *testing.T) {
	f, client := newConsul(t)
	c, fake := candidate(t, client)
	term := elect(t, c, fake)
	for before := 0; before < 3; before++ {
		until(t, fake, "renewal", func() bool { return see(f, func() int { return f.renewals }) > before })
	}
	if !term.Held() || see(f, func() int { return f.created }) != 1 {
		t.Error("the session was not kept")
	}
}

func TestCloseWhileConsulHangs(t *testing.T) {
	f, client := newConsul(t)
	c, fake := candidate(t, client)
	term := elect(t, c, fake)
	f.fail(hang)
	var err error
	finish(t, fake, func() { err = c.Close() })
	if err == nil || !lost(term)() {
		t.Errorf("close: %v", err)
	}
	if _, err := c.Campaign(context.Background()); err != ErrClosed {
		t.Errorf("campaign: %v", err)
	}
}

// A plain write by somebody else takes the key's flags; the holder gives them back.
func TestPlainWriteIsMended(t *testing.T) {
	f, client := newConsul(t)
	c, fake := candidate(t, client)
	term := elect(t, c, fake)
	f.do(func() { f.pair.Flags, f.pair.LockIndex = 0, 0 })
	until(t, fake, "mended", func() bool { return see(f, func() uint64 { return f.pair.Flags }) == api.LockFlagValue })
	if err := term.Check(t.Context()); err != nil || term.LockIndex() != 0 {
		t.Errorf("check: %v, lock index %d", err, term.LockIndex())
	}
}
