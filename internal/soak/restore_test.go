//go:build heavy && unix

package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A restorePlan is one restore that is killed.
type restorePlan struct {
	from, to *population
	when     string
	kill     moment
}

func drawRestorePlan(rng *rand.Rand, as, bs []*population) *restorePlan {
	if rng.IntN(2) == 0 {
		as, bs = bs, as
	}
	return &restorePlan{from: as[rng.IntN(len(as))], to: bs[rng.IntN(len(bs))]}
}

// arm chooses the moment of the kill once the server holds the first state. More often than not it is towards the end of the restore,
// where Raft takes the new state over: a directory is renamed, and the log is emptied.
func (p *restorePlan) arm(rng *rand.Rand, s *site) {
	d := between(rng, 0, 10*time.Millisecond)
	switch share := rng.Float64(); rng.IntN(5) {
	case 0:
		p.share(share)
	case 1:
		p.share(0.7 + share/2)
	case 2:
		p.when = fmt.Sprintf("%v after the new snapshot was begun", d)
		p.kill = appears(s.snapshots(), unfinished).then(d)
	default:
		d /= time.Duration(1 + rng.IntN(10))
		p.when = fmt.Sprintf("%v after the new snapshot was in place", d)
		p.kill = appears(s.snapshots(), finished).then(d)
	}
}

func (p *restorePlan) share(share float64) {
	p.when = fmt.Sprintf("after %.2f of the usual time", share)
	p.kill = after(time.Duration(share * float64(p.to.usual)))
}

func (p *restorePlan) String() string {
	return fmt.Sprintf("%v to %v, killed %s", p.from, p.to, p.when)
}

// outcomes counts what has become of the restores.
type outcomes struct{ before, after, answered, emptied int }

func TestKillDuringRestore(t *testing.T) {
	rng := dice(t)
	s := newSite(t, t.TempDir())
	as := []*population{populate(t, "a-large", 15000, 2000), populate(t, "a-small", 200, 200)}
	bs := []*population{populate(t, "b-large", 12000, 2500), populate(t, "b-small", 300, 150)}
	p := s.start(t).ready(t)
	for _, each := range append(as, bs...) {
		each.learn(t, p)
		t.Logf("%v: archive of %d bytes, restored in %v", each, len(each.archive), each.usual)
	}
	var o outcomes
	rounds := size.rounds(100, 10)
	for round := range rounds {
		p = o.round(t, round, p, rng, as, bs)
	}
	p.stop(t, syscall.SIGTERM)
	t.Logf("%d rounds, %d kills; the state before was there after %d, the new one after %d (%d of which had been answered); "+
		"%d starts had to empty the log", rounds, 2*rounds, o.before, o.after, o.answered, o.emptied)
}

// round kills one restore and checks what is left of it; it returns the server that runs at the end.
func (o *outcomes) round(t *testing.T, round int, p *process, rng *rand.Rand, as, bs []*population) *process {
	t.Helper()
	s := p.site
	plan := drawRestorePlan(rng, as, bs)
	if _, err := p.restore(context.Background(), plan.from.archive); err != nil {
		t.Fatalf("round %d: restore %v: %v", round, plan.from, err)
	}
	plan.arm(rng, s)
	answered := killDuringRestore(t, p, plan)

	p = s.start(t).ready(t)
	if strings.Contains(p.Said(), "emptying a log") {
		o.emptied++
	}
	s.clean(t)
	now := plan.from
	switch p.fingerprint(t) {
	case plan.from.is:
		o.before++
		if answered {
			t.Fatalf("round %d: %v: LOST: the restore was acknowledged, and the state before it is back", round, plan)
		}
	case plan.to.is:
		o.after++
		now = plan.to
	default:
		t.Fatalf("round %d: %v: the state is neither that before nor the new one: %s", round, plan, mixture(p, plan.from, plan.to))
	}
	if answered {
		o.answered++
	}
	return takesLastingWrite(t, p, now)
}

// killDuringRestore tells whether the restore was acknowledged before the kill.
func killDuringRestore(t *testing.T, p *process, plan *restorePlan) bool {
	t.Helper()
	result, returned := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(returned)
		_, err := p.restore(context.Background(), plan.to.archive)
		result <- err
	}()
	plan.kill(returned)
	p.kill()
	err := <-result
	if r := refused(err); r != nil {
		t.Fatalf("%v: refused: %v", plan, r)
	}
	return err == nil
}

// takesLastingWrite checks that a write survives another kill, beside everything else.
func takesLastingWrite(t *testing.T, p *process, now *population) *process {
	t.Helper()
	p.takesWrite(t, "probe", now.name)
	p.kill()
	p = p.site.start(t).ready(t)
	p.holds(t, "probe", now.name)
	if _, err := p.do(context.Background(), "DELETE", "/v1/kv/probe", nil); err != nil {
		t.Fatalf("delete: %v", err)
	}
	if got := p.fingerprint(t); got.listing != now.is.listing {
		t.Fatalf("after another restart the state is no longer %v: %s", now, mixture(p, now))
	}
	return p
}
