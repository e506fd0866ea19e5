package agent

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// save returns the archive that an agent answers with.
func (n *node) save(query string) string {
	n.cluster.t.Helper()
	return n.must("", http.MethodGet, "/v1/snapshot"+query, "")
}

// An archive comes out through any agent and goes in through any other, while others write; all servers end with the same.
func TestSnapshotsThroughAnyAgent(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 1)
	leader, follower, client := c.leader(), c.followers()[0], c.named("c1")
	follower.must("", "PUT", "/v1/kv/kept", "in the archive")
	archives := map[string]string{"leader": leader.save(""), "follower": follower.save(""), "client": client.save("")}
	follower.sees("/v1/kv/kept?raw&stale", "in the archive")
	archives["stale follower"] = follower.save("?stale")
	client.must("", "PUT", "/v1/kv/gone", "after the archive")
	for _, through := range []*node{leader, follower, client} {
		for of, archive := range archives {
			t.Run(of+"'s through "+through.name, func(t *testing.T) {
				n := c.named(through.name)
				n.must("", "PUT", "/v1/kv/gone", "x")
				w := follower.write("during")
				a := n.put("/v1/snapshot", archive)
				if a.status != 200 || a.body != "" {
					t.Errorf("restore: %s", a)
				}
				w.end()
				for _, failed := range w.failures {
					if failed.err != nil || failed.status != 500 {
						t.Errorf("a write in the meantime: %s", failed)
					}
				}
				for _, x := range c.nodes {
					if a := x.get("/v1/kv/kept?raw"); !a.ok("in the archive") {
						t.Errorf("%s: %s", x.name, a)
					}
					if a := x.get("/v1/kv/gone"); a.status != 404 {
						t.Errorf("%s: not in the archive: %s", x.name, a)
					}
				}
				c.equal()
			})
		}
	}
	for _, n := range []*node{leader, follower, client} {
		damaged := []byte(archives["leader"])
		damaged[len(damaged)/2] ^= 1
		if a := n.put("/v1/snapshot", string(damaged)); a.status != 500 || strings.Contains(a.body, "rpc error") {
			t.Errorf("%s: a damaged archive: %s", n.name, a)
		}
		if a := n.put("/v1/snapshot?stale", archives["leader"]); a.status != 500 || !strings.Contains(a.body, "stale not allowed for restore") {
			t.Errorf("%s: %s", n.name, a)
		}
		n.sees("/v1/kv/kept?raw", "in the archive")
	}
	restoreIsCutOff(t, c)
	c.settled() // the registrations come back by themselves
}

// restoreIsCutOff checks that a client that goes away in the middle of a restore changes nothing, whoever it asked.
func restoreIsCutOff(t *testing.T, c *cluster) {
	c.leader().must("", "PUT", "/v1/kv/x", "before")
	archive := c.leader().save("")
	c.leader().must("", "PUT", "/v1/kv/x", "after")
	for _, n := range []*node{c.leader(), c.followers()[0], c.named("c1")} {
		ctx, cancel := context.WithCancel(t.Context())
		r, w := io.Pipe()
		done := make(chan answer, 1)
		go func() { done <- n.send(ctx, "", "PUT", "/v1/snapshot", r) }()
		if _, err := w.Write([]byte(archive[:len(archive)/2])); err != nil {
			t.Error(err)
		}
		cancel()
		w.CloseWithError(context.Canceled)
		<-done
		if a := n.get("/v1/kv/x?raw"); !a.ok("after") {
			t.Errorf("%s: %s", n.name, a)
		}
	}
}

// A server that was away longer than the leader keeps its log gets the leader's snapshot.
func TestServerCatchesUpBySnapshot(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 0, `raft_trailing_logs = 4 raft_snapshot_threshold = 8 raft_snapshot_interval = "5ms" autopilot { cleanup_dead_servers = false }`)
	away := c.followers()[0]
	away.stop()
	leader := c.leader()
	for i := range 100 {
		leader.must("", "PUT", fmt.Sprintf("/v1/kv/many/%03d", i), "x")
	}
	leader.save("") // makes a snapshot of Raft, whatever the interval
	leader.must("", "PUT", "/v1/kv/last", "x")
	eventually(t, "the leader has compacted its log", func() (bool, any) {
		stats := leader.server.RaftStats()
		return stats["last_snapshot_index"] != "0", stats["last_snapshot_index"]
	})
	away.start()
	away.sees("/v1/kv/last?stale", `"last"`)
	c.settled()
	c.equal()
}
