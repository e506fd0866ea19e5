//go:build heavy && linux

package chaos

import (
	"os"
	"testing"

	"github.com/lictor-dr/lictor/internal/history"
)

// endure lets a cluster of so many servers suffer from faults.
func endure(t *testing.T, servers int, faults ...fault) {
	t.Helper()
	newTrial(t, launch(t, servers), lockers).suffer(faults...)
}

// cutOff is endure, for faults that need a network that can be cut.
func cutOff(t *testing.T, servers int, faults ...fault) {
	t.Helper()
	n := namespaced(t, servers)
	newTrial(t, started(t, n, n.directories(t)...), lockers).suffer(faults...)
}

func TestOneServer(t *testing.T) { endure(t, 1, killAll, holdLeader, pulse) }

func TestLeaderKilled(t *testing.T)    { endure(t, 3, killLeader) }
func TestFollowersKilled(t *testing.T) { endure(t, 3, killFollower, killSome) }
func TestAllKilled(t *testing.T)       { endure(t, 3, killAll) }
func TestLeaderHeld(t *testing.T)      { endure(t, 3, holdLeader) }
func TestSlowServers(t *testing.T)     { endure(t, 3, pulse) }
func TestRollingRestart(t *testing.T)  { endure(t, 3, rolling) }
func TestLeaderCutOff(t *testing.T)    { cutOff(t, 3, isolateLeader) }
func TestOneWayCuts(t *testing.T)      { cutOff(t, 3, muteLeader, deafenLeader) }
func TestNetworkDivided(t *testing.T)  { cutOff(t, 5, bipartition, bridge, slowNetwork) }

func TestFiveServers(t *testing.T) {
	cutOff(t, 5, killLeader, killSome, killAll, holdLeader, pulse, isolateLeader, muteLeader, deafenLeader, bipartition, bridge, double)
}

// A history that a failed test has kept is judged again.
func TestReplay(t *testing.T) {
	path := os.Getenv("LICTOR_CHAOS_HISTORY")
	if path == "" {
		t.Skip("LICTOR_CHAOS_HISTORY names no history")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ops, err := history.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	report := history.Check(ops, judgeLimit)
	for _, v := range report.Violations {
		t.Errorf("VIOLATION at %s: %s", v.Key, v.Text)
	}
	t.Logf("%d operations, %d failed, %d unknown, %d stale default reads, undecided: %q", report.Operations, report.Failed, report.Unknown,
		len(report.Stale), report.Undecided)
}
