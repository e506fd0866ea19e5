//go:build heavy && linux

package chaos

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// How long nobody can write once the leader is killed.
func TestFailoverTime(t *testing.T) {
	rounds := 20
	if spell < time.Minute {
		rounds = 5
	}
	c := launch(t, 3)
	var times []time.Duration
	for range rounds {
		leader := c.leader()
		if leader == nil {
			t.Fatal("there is no leader in a cluster that takes writes")
		}
		killed := time.Now()
		leader.kill()
		c.firstWrite(t, c.others(leader))
		times = append(times, time.Since(killed))
		leader.start(t)
		if err := c.ready(); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(times)
	t.Logf("summary: from the leader's kill to the first write through another server: median %v, at most %v, of %d: %v",
		times[len(times)/2].Round(time.Millisecond), times[len(times)-1].Round(time.Millisecond), len(times), times)
}

// firstWrite returns when one of the servers has acknowledged a write.
func (c *cluster) firstWrite(t *testing.T, servers []*server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readyLimit)
	defer cancel()
	var running sync.WaitGroup
	acknowledged := make(chan struct{}, len(servers))
	for _, s := range servers {
		running.Go(func() {
			for ctx.Err() == nil {
				if put(ctx, s) {
					acknowledged <- struct{}{}
					cancel()
				}
				pause(ctx.Done(), 5*time.Millisecond)
			}
		})
	}
	running.Wait()
	if len(acknowledged) == 0 {
		t.Fatalf("no write was acknowledged within %v", readyLimit)
	}
}

// put tells whether a write is acknowledged soon.
func put(ctx context.Context, s *server) bool {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, s.URL+"/v1/kv/failover", strings.NewReader(s.Name))
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
