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

// A killPlan is one round of a server's life under load.
type killPlan struct {
	settings  string
	compacts  bool
	sizes     sizes
	killStart moment // of an additional start that is killed before it serves; nil: none
	kill      moment
}

func drawKillPlan(rng *rand.Rand) killPlan {
	p := killPlan{sizes: sizes{0, 300}, kill: after(between(rng, time.Millisecond, 300*time.Millisecond))}
	if rng.IntN(2) == 0 {
		p.compacts = true
		p.settings = fmt.Sprintf("raft_snapshot_threshold = %d raft_snapshot_interval = \"%dms\" raft_trailing_logs = %d",
			10+rng.IntN(200), 5+rng.IntN(50), 1+rng.IntN(100))
	}
	if rng.IntN(4) == 0 { // fills a segment of the log within a few rounds
		p.sizes = sizes{64 << 10, 500 << 10}
	}
	if rng.IntN(5) == 0 {
		p.killStart = after(between(rng, time.Millisecond, 100*time.Millisecond))
	}
	return p
}

func TestKillUnderWriteLoad(t *testing.T) {
	rng := dice(t)
	s := newSite(t, t.TempDir())
	l := newLoad(8, 4)
	rounds, kills, compacted := size.rounds(200, 15), 0, 0
	segments := map[string]bool{}
	ctx := context.Background()
	for round := range rounds {
		plan := drawKillPlan(rng)
		if plan.killStart != nil {
			p := s.start(t, plan.settings)
			plan.killStart(p.Done())
			p.kill()
			kills++
		}
		p := s.start(t, plan.settings).ready(t)
		if err := l.verify(ctx, p.client); err != nil {
			t.Fatalf("round %d, after the kill: %v", round, err)
		}
		ending := l.run(p.client, rng, plan.sizes)
		plan.kill(p.Done())
		wait := ending()
		p.kill()
		kills++
		if err := wait(); err != nil {
			t.Fatalf("round %d, under load: %v", round, err)
		}
		if strings.Contains(p.Said(), "compacting logs") {
			compacted++
		}
		for _, name := range names(s.wal()) {
			segments[name] = true
		}
	}
	p := s.start(t).ready(t)
	if err := l.verify(ctx, p.client); err != nil {
		t.Fatalf("after the last kill: %v", err)
	}
	p.takesWrite(t, "probe", "v")
	p.stop(t, syscall.SIGTERM)
	if l.acked.Load() == 0 || compacted == 0 {
		t.Errorf("%d writes acknowledged, %d rounds with compaction: the test tests nothing", l.acked.Load(), compacted)
	}
	t.Logf("%d rounds, %d kills, %d writes acknowledged, log compacted in %d rounds, highest index %d, %d files of the log seen",
		rounds, kills, l.acked.Load(), compacted, l.index, len(segments)-1)
}

// A server that is killed while it starts for the first time starts the second time.
func TestKillDuringFirstStart(t *testing.T) {
	rng := dice(t)
	rounds := size.rounds(600, 60)
	for round := range rounds {
		s := newSite(t, t.TempDir())
		p := s.start(t)
		firstStartMoment(rng, s)(p.Done())
		p.kill()
		left := files(s.dir)
		p = s.start(t)
		err := p.Await(readyLimit, func() error {
			_, err := p.get(context.Background(), "/v1/status/leader")
			return err
		})
		if err != nil || !p.Running() {
			t.Fatalf("round %d: killed with %q in the data directory, then: %v\n%s", round, left, err, p.Tail(10))
		}
		if round%20 == 0 && p.Running() {
			p.ready(t).takesWrite(t, "probe", "v")
		}
		p.kill()
	}
	t.Logf("%d rounds", rounds)
}

func firstStartMoment(rng *rand.Rand, s *site) moment {
	if rng.IntN(3) == 0 {
		return after(between(rng, time.Millisecond, 60*time.Millisecond))
	}
	firstLog := func(name string) bool { return strings.HasSuffix(name, ".wal") }
	return appears(s.wal(), firstLog).then(between(rng, 0, 3*time.Millisecond))
}
