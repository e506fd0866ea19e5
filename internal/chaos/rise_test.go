//go:build heavy && linux

package chaos

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// keep puts a population into a directory, as a backup.
func (p *population) keep(t *testing.T, dir string) {
	t.Helper()
	store, err := blobstore.Dir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	d, err := inventory.Describe(t.Context(), bytes.NewReader(p.archive), inventory.Own{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	e := d.Entry(fmt.Sprint(now.UnixNano()), "dc1")
	e.Datacenter, e.Started, e.Saved, e.Committed, e.Proof, e.ProvenAt, e.Writer = "dc1", now, now, now, inventory.Proven, &now, "test"
	if err := store.Put(t.Context(), e.Name, bytes.NewReader(p.archive), int64(len(p.archive))); err != nil {
		t.Fatal(err)
	}
	if err := inventory.Commit(t.Context(), store, e); err != nil {
		t.Fatal(err)
	}
}

// risen starts new servers in empty directories that are to rise from a backup.
func (c *cluster) risen(t *testing.T, from string) *cluster {
	t.Helper()
	var dirs []string
	for range c.servers {
		dirs = append(dirs, t.TempDir())
	}
	next := newCluster(t, c.network, dirs...)
	next.http.Timeout = readyLimit
	for _, s := range next.servers {
		s.args = append(s.args, "-restore-from="+from)
		s.start(t)
	}
	return next
}

func (c *cluster) end() {
	for _, s := range c.servers {
		s.kill()
	}
}

// A cluster that is killed while it rises from its backup, its leader alone or all of it, at any moment, rises when it is started again: with the
// whole backup, on all servers. A server of it that is replaced with an empty disk does not roll it back.
func TestRisingClusterIsKilled(t *testing.T) {
	rng := dice(t)
	c := launch(t, 3)
	c.http.Timeout = readyLimit
	was := c.populate(t, "old")
	store := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(store, 0o700); err != nil {
		t.Fatal(err)
	}
	was.keep(t, store)
	c.end()

	began := time.Now()
	c = c.risen(t, store)
	c.settled(t, round{})
	usual := time.Since(began)
	c.end()
	rounds, early := 0, 0
	for over := time.Now().Add(spell); time.Now().Before(over) || rounds < 4; rounds++ {
		c = c.risen(t, store)
		pause(nil, between(rng, 0, usual))
		victims := c.servers
		if leader := c.leader(); leader != nil && rng.IntN(2) == 0 {
			victims = []*server{leader}
		}
		if a, err := c.ask(c.servers[0], http.MethodGet, "/v1/kv/people/0?stale", nil); err != nil || len(a.body) == 0 {
			early++
		}
		for _, s := range victims {
			s.kill()
		}
		pause(nil, between(rng, 0, time.Second))
		for _, s := range victims {
			s.start(t)
		}
		if now := c.settled(t, round{n: rounds}); now != was.name {
			t.Fatalf("round %d: LOST: the cluster has risen with %s", rounds, now)
		}
		c.replace(t, c.servers[rng.IntN(len(c.servers))])
		c.end()
	}
	t.Logf("summary: %d times a cluster was killed while it rose, usual time %v, %d times before it had its state; each rose in the end, as a whole",
		rounds, usual.Round(time.Millisecond), early)
}

// replace writes something, and gives a server an empty disk.
func (c *cluster) replace(t *testing.T, s *server) {
	t.Helper()
	stamp := time.Now().String()
	if _, err := c.ask(c.servers[0], http.MethodPut, "/v1/kv/since", strings.NewReader(stamp)); err != nil {
		t.Fatal(err)
	}
	s.kill()
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	if err := c.ready(); err != nil {
		t.Fatal(err)
	}
	if err := c.equal(); err != nil {
		t.Fatal(err)
	}
	for _, s := range c.servers {
		a, err := c.ask(s, http.MethodGet, "/v1/kv/since?raw", nil)
		if err != nil || string(a.body) != stamp {
			t.Fatalf("LOST: %s has %q of what was written before a server was replaced, %v", s.Name, a.body, err)
		}
	}
}
