package election

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// campaign runs one in the background; the channel gets its term, or is closed on an error.
func campaign(ctx context.Context, t *testing.T, c *Candidate) <-chan *Term {
	t.Helper()
	got := make(chan *Term, 1)
	go func() {
		defer close(got)
		if term, err := c.Campaign(ctx); err == nil {
			got <- term
		}
	}()
	return got
}

func pending(got <-chan *Term) bool { return len(got) == 0 }

// What keeps a candidate from the lock, it sits out, tells, and is over when the obstacle is.
func TestCampaignSitsOut(t *testing.T) {
	on := func(method, prefix string, fault func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == method && strings.HasPrefix(r.URL.Path, prefix) && fault(w, r)
		}
	}
	denied := status(403, "Permission denied: x")
	for _, c := range []struct {
		name  string
		fault func(http.ResponseWriter, *http.Request) bool
		want  string
		is    error
	}{
		{"no leader", status(500, "No cluster leader"), "creating a session: Unexpected response code: 500 (No cluster leader)", nil},
		{"session creation hangs", on("PUT", "/v1/session/create", hang), "creating a session: no answer in time", context.DeadlineExceeded},
		{"session denied", on("PUT", "/v1/session/create", denied),
			`needs the rule session "<node name of the Consul agent>" { policy = "write" }`, ErrDenied},
		{"no node yet", on("PUT", "/v1/session/create", status(500, "apply failed: Missing node registration")),
			"Missing node registration", nil},
		{"read hangs", on("GET", "/v1/kv/", hang), "reading lock: no answer in time", context.DeadlineExceeded},
		{"read denied", on("GET", "/v1/kv/", denied), `needs the rule key "lock" { policy = "write" }`, ErrDenied},
		{"acquisition denied", on("PUT", "/v1/kv/", denied), `acquiring lock: Consul denies it: the token needs the rule key "lock"`, ErrDenied},
		{"acquisition hangs", on("PUT", "/v1/kv/", hang), "acquiring lock: no answer in time", context.DeadlineExceeded},
		{"stale reads", on("GET", "/v1/kv/", func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("X-Consul-LastContact", "1")
			return false
		}), "from a copy", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, client := newConsul(t)
			candidate, fake := candidate(t, client)
			f.fail(c.fault)
			got := campaign(t.Context(), t, candidate)
			until(t, fake, "trouble", func() bool { return candidate.Trouble() != nil })
			err := candidate.Trouble()
			if !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("trouble %v, want %q", err, c.want)
			}
			f.fail(nil)
			until(t, fake, "leadership", func() bool { return !pending(got) })
			if term := <-got; term == nil || term.Check(t.Context()) != nil || candidate.Trouble() != nil {
				t.Errorf("term %v, trouble %v", term, candidate.Trouble())
			}
		})
	}
}

func TestCampaignWaitsForTheHolder(t *testing.T) {
	f, client := newConsul(t)
	c, fake := candidate(t, client)
	f.take("other", api.LockFlagValue)
	got := campaign(t.Context(), t, c)
	start := fake.Now()
	until(t, fake, "four minutes", func() bool { return fake.Now().Since(start).Minutes() > 4 })
	if !pending(got) || f.holder() != "other" {
		t.Fatal("it took a lock that another held")
	}
	if _, err := c.Campaign(t.Context()); err != ErrBusy {
		t.Errorf("a second campaign: %v", err)
	}
	f.free()
	until(t, fake, "leadership", func() bool { return !pending(got) })
	if term := <-got; term.LockIndex() != 8 {
		t.Errorf("lock index %d", term.LockIndex())
	}
}

func TestCampaignWaitsForTheLockDelay(t *testing.T) {
	f, client := newConsul(t)
	c, fake := candidate(t, client)
	f.do(func() { f.delayed = true })
	got := campaign(t.Context(), t, c)
	start := fake.Now()
	until(t, fake, "20 seconds", func() bool { return fake.Now().Since(start).Seconds() > 20 })
	if index := see(f, func() uint64 { return f.index }); !pending(got) || index > 20 {
		t.Errorf("pending %v, %d writes in 20 seconds", pending(got), index-10)
	}
	if err := c.Trouble(); err != nil {
		t.Errorf("a lock-delay is no trouble: %v", err)
	}
	f.do(func() { f.delayed = false })
	until(t, fake, "leadership", func() bool { return !pending(got) })
}

func TestCampaignRefusesOtherFlags(t *testing.T) {
	f, client := newConsul(t)
	c, fake := candidate(t, client)
	f.take("", 42)
	got := campaign(t.Context(), t, c)
	until(t, fake, "trouble", func() bool { return c.Trouble() != nil })
	const want = "lock has flags 42: Existing key does not match lock use"
	if err := c.Trouble(); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), want) {
		t.Errorf("trouble %v", err)
	}
	if !pending(got) || see(f, func() uint64 { return f.pair.Flags }) != 42 {
		t.Fatal("it took a key that is something else's")
	}
	f.do(func() { f.pair = nil })
	until(t, fake, "leadership", func() bool { return !pending(got) })
}

// A session that vanishes while the candidate waits, by a restore or by an operator, is replaced.
func TestCampaignReplacesItsSession(t *testing.T) {
	f, client := newConsul(t)
	c, fake := candidate(t, client)
	f.take("other", api.LockFlagValue)
	got := campaign(t.Context(), t, c)
	until(t, fake, "session", func() bool { return see(f, func() int { return f.created }) == 1 })
	f.do(func() { f.index = 3; f.sessions = map[string]bool{"other": true} })
	until(t, fake, "new session", func() bool { return see(f, func() bool { return f.sessions["session-2"] }) })
	f.do(func() { f.sessions = map[string]bool{} }) // unnoticed until the acquisition
	f.free()
	until(t, fake, "leadership", func() bool { return !pending(got) })
	if term := <-got; term.Check(t.Context()) != nil || term.Session() == "session-1" {
		t.Errorf("session %s", term.Session())
	}
}

// An acquisition whose answer was lost is found by the next read.
func TestCampaignFindsItsOwnLock(t *testing.T) {
	f, client := newConsul(t)
	c, fake := candidate(t, client)
	f.after = func(r *http.Request) {
		f.mu.Lock()
		f.after = nil
		f.mu.Unlock()
		<-r.Context().Done()
	}
	got := campaign(t.Context(), t, c)
	until(t, fake, "leadership", func() bool { return !pending(got) })
	if term := <-got; term.Check(t.Context()) != nil || term.Session() != "session-1" || term.LockIndex() != 1 {
		t.Errorf("session %s, lock index %d", term.Session(), term.LockIndex())
	}
}

// A campaign that is called off leaves neither a session nor a lock that it may have got.
func TestCampaignCalledOff(t *testing.T) {
	f, client := newConsul(t)
	c, fake := candidate(t, client)
	ctx, cancel := context.WithCancel(t.Context())
	f.after = func(r *http.Request) {
		f.mu.Lock()
		f.after = nil
		f.mu.Unlock()
		cancel()
		<-r.Context().Done()
	}
	var err error
	finish(t, fake, func() { _, err = c.Campaign(ctx) })
	if !errors.Is(err, context.Canceled) || f.holder() != "" || see(f, func() int { return len(f.sessions) }) != 0 {
		t.Errorf("campaign: %v, holder %q", err, f.holder())
	}
}

// The key of a session that does not exist is freed; that of a session that merely cannot be seen is not.
func TestCampaignFreesTheKeyOfNobody(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(w http.ResponseWriter, r *http.Request) bool
		gone  bool
		freed bool
	}{
		{"gone", nil, true, true},
		{"alive", nil, false, false},
		{"unseen by this token", func(w http.ResponseWriter, r *http.Request) bool {
			switch r.URL.Path {
			case "/v1/session/info/other":
				_, _ = w.Write([]byte("[]"))
				return true
			case "/v1/session/renew/other":
				return status(403, "Permission denied")(w, r)
			}
			return false
		}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, client := newConsul(t)
			candidate, fake := candidate(t, client)
			f.take("other", api.LockFlagValue)
			f.do(func() {
				if f.fault = c.fault; c.gone {
					delete(f.sessions, "other")
				}
			})
			got := campaign(t.Context(), t, candidate)
			start := fake.Now()
			until(t, fake, "the end of patience", func() bool { return fake.Now().Since(start).Minutes() > 3 || !pending(got) })
			if pending(got) == c.freed {
				t.Errorf("freed: %v, holder %s", !pending(got), f.holder())
			}
		})
	}
}
