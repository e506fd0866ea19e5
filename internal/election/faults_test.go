package election

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// A witness sees every term that begins and every check that succeeds, and knows what must not be: since a term never gets back what
// another has had, no check of a term that begins after the beginning of another may succeed once that other has passed one.
type witness struct {
	mu     sync.Mutex
	terms  map[*Term]*testimony
	checks int
	epoch  int // a restore rewinds the cluster's history
	faults []string
}

// testimony is the time between which a term surely had the lock: after begin, before end of its checks.
type testimony struct{ firstEnd, lastBegin time.Time }

// passed records a check that succeeded between begin and end, in an epoch that was not over.
func (w *witness) passed(term *Term, begin, end time.Time, epoch int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if epoch != w.epoch {
		return
	}
	w.checks++
	mine := w.terms[term]
	if mine == nil {
		mine = &testimony{firstEnd: end}
		w.terms[term] = mine
	}
	if begin.After(mine.lastBegin) {
		mine.lastBegin = begin
	}
	for other, its := range w.terms { // each of two terms held it at a time after the other had held it
		if other != term && its.lastBegin.After(mine.firstEnd) && mine.lastBegin.After(its.firstEnd) {
			w.faults = append(w.faults, fmt.Sprintf("terms %s and %s had the lock in turns", term.Session(), other.Session()))
		}
	}
}

func (w *witness) restored(restore func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	restore()
	w.epoch++
	w.terms = map[*Term]*testimony{}
}

func (w *witness) now() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.epoch
}

// live campaigns and checks, until the context ends.
func (w *witness) live(ctx context.Context, c *Candidate) {
	for ctx.Err() == nil {
		term, err := c.Campaign(ctx)
		if err != nil {
			return
		}
		for ctx.Err() == nil && term.Err() == nil {
			epoch, begin := w.now(), time.Now()
			if term.Check(ctx) == nil {
				w.passed(term, begin, time.Now(), epoch)
			}
		}
	}
}

func TestWitnessSeesTwoHolders(t *testing.T) {
	w := witness{terms: map[*Term]*testimony{}}
	a, b := &Term{s: &session{id: "a"}}, &Term{s: &session{id: "b"}}
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	w.passed(a, at(1), at(2), 0)
	w.passed(b, at(3), at(4), 0)
	w.passed(b, at(5), at(6), 0)
	if len(w.faults) > 0 {
		t.Errorf("a handover is no fault: %s", w.faults)
	}
	w.passed(a, at(7), at(8), 0)
	if len(w.faults) != 1 {
		t.Errorf("faults %s", w.faults)
	}
}

// Under random faults there is never more than one holder, and when they end there is one again.
func TestRandomFaults(t *testing.T) {
	for _, candidates := range []int{2, 3} {
		t.Run(fmt.Sprint(candidates, " candidates"), func(t *testing.T) {
			s := newServer(t)
			direct := newClient(t, s.address)
			w := &witness{terms: map[*Term]*testimony{}}
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			var proxies []*proxy
			for range candidates {
				p := newProxy(t, s.address)
				proxies = append(proxies, p)
				c := hasty(t, newClient(t, p.listener.Addr().String()))
				all.Go(func() { w.live(ctx, c) })
			}
			held := w.seen
			until(t, nil, "a holder", func() bool { return held() > 0 })
			archive := save(t, direct)
			random := rand.New(rand.NewPCG(uint64(candidates), 1))
			for round := range 60 {
				fault(t, random, direct, proxies, w, archive)
				if round%4 == 3 {
					before := held()
					heal(proxies)
					until(t, nil, "a holder after the fault", func() bool { return held() > before })
				}
			}
			before := held()
			heal(proxies)
			until(t, nil, "a holder after all faults", func() bool { return held() > before+10 })
			cancel()
			all.Wait()
			w.verdict(t)
		})
	}
}

// seen is how many checks have succeeded.
func (w *witness) seen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.checks
}

func (w *witness) verdict(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	t.Logf("%d checks succeeded, %d restores", w.checks, w.epoch)
	for _, fault := range w.faults {
		t.Error(fault)
	}
}

func heal(proxies []*proxy) {
	for _, p := range proxies {
		p.set("")
	}
}

// fault does one thing that happens to locks.
func fault(t *testing.T, random *rand.Rand, client *api.Client, proxies []*proxy, w *witness, archive []byte) {
	t.Helper()
	p := proxies[random.IntN(len(proxies))]
	pair, _, err := client.KV().Get("consul-snapshot/lock", nil)
	if err != nil {
		t.Fatal(err)
	}
	switch kind := random.IntN(16); {
	case kind < 3:
		p.set("refuse")
	case kind < 5:
		p.set("swallow")
	case kind < 8:
		heal(proxies)
	case kind == 10:
		w.restored(func() { restore(t, client, archive) })
		releaseAll(t, client)
	case pair == nil || pair.Session == "":
	case kind < 13:
		_, err = client.Session().Destroy(pair.Session, nil)
	case kind == 13:
		_, _, err = client.KV().Release(pair, nil)
	case kind == 14:
		_, err = client.KV().Delete(pair.Key, nil)
	default: // sets LockIndex back; without the flags, nobody would take the key after its holder
		_, err = client.KV().Put(&api.KVPair{Key: pair.Key, Flags: api.LockFlagValue, Value: []byte("mine")}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// releaseAll ends the sessions that a restore has brought back, as their TTL would.
func releaseAll(t *testing.T, client *api.Client) {
	t.Helper()
	sessions, _, err := client.Session().List(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sessions {
		if _, err := client.Session().Destroy(s.ID, nil); err != nil {
			t.Fatal(err)
		}
	}
}
