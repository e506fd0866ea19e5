//go:build heavy && linux

package chaos

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/history"
)

// federate starts three servers of dc1, and one of dc2, which knows the others.
func federate(t *testing.T) *cluster {
	t.Helper()
	n := namespaced(t, 4)
	dirs := n.directories(t)
	c := newCluster(t, n, dirs[:3]...)
	c.http.Transport = &meaning{&http.Transport{DisableKeepAlives: true}, "dc1"}
	config := filepath.Join(t.TempDir(), "wan.json")
	text := `{"gossip_wan": {"gossip_interval": "100ms", "probe_interval": "500ms", "probe_timeout": "250ms", "suspicion_mult": 3}}`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range c.servers {
		s.args = append(s.args, "-config-file="+config)
	}
	address := n.address(4)
	gate := &server{Server: history.Server{Name: "s4", URL: "http://" + address + ":8500"}, n: 4, address: address, dir: dirs[3], network: n}
	gate.args = []string{"agent", "-server", "-bootstrap-expect=1", "-node=s4", "-datacenter=dc2", "-data-dir=" + gate.dir, "-bind=" + address,
		"-client=" + address, "-config-file=" + config, "-retry-interval-wan=1s"}
	for _, s := range c.servers {
		gate.args = append(gate.args, "-retry-join-wan="+s.address)
	}
	c.gates = []*server{gate}
	for _, s := range c.all() {
		s.start(t)
	}
	if err := c.ready(); err != nil {
		t.Fatalf("the datacenters do not come up: %v", err)
	}
	return c
}

// gateCut cuts the way between the datacenters, in one direction or both, or to the leader alone.
var gateCut = fault{"the way between the datacenters is cut", func(tr *trial) (func() error, error) {
	here, there := tr.cluster.servers, tr.cluster.gates
	switch tr.rng.IntN(4) {
	case 0:
		leader, err := tr.leader()
		if err != nil {
			return nil, err
		}
		return tr.divide([]*server{leader}, there)
	case 1:
		return tr.cut(here, there)
	case 2:
		return tr.cut(there, here)
	}
	return tr.divide(here, there)
}}

var gateKilled = fault{"the server of the other datacenter is killed", func(tr *trial) (func() error, error) {
	return kill(tr, tr.cluster.gates...), nil
}}

var gateHeld = fault{"the server of the other datacenter is held", func(tr *trial) (func() error, error) {
	gate := tr.cluster.gates[0]
	return func() error { return gate.hold(false) }, gate.hold(true)
}}

var gateSlow = fault{"the way between the datacenters is slow", func(tr *trial) (func() error, error) {
	gate := tr.cluster.gates[0]
	return func() error { return tr.cluster.network.throttle(gate.n, 0) }, tr.cluster.network.throttle(gate.n, 100+tr.rng.IntN(400))
}}

// What clients are answered about dc1, by its own servers and by that of another datacenter, fits one order of writes.
func TestDatacenters(t *testing.T) {
	newTrial(t, federate(t), lockers).suffer(gateCut, gateCut, gateKilled, gateHeld, gateSlow, killLeader, isolateLeader)
}

const (
	stout     = 24     // keys
	stoutSize = 30_000 // bytes of each, that do not compress
)

// write writes one generation of values, all of them or none.
func (c *cluster) write(t *testing.T, rng *rand.Rand, generation int) {
	t.Helper()
	var ops []map[string]any
	for i := range stout {
		value := make([]byte, stoutSize/2)
		for at := range value {
			value[at] = byte(rng.Uint32())
		}
		text := fmt.Sprintf("%d.%s", generation, hex.EncodeToString(value))
		ops = append(ops, map[string]any{"KV": map[string]any{"Verb": "set", "Key": fmt.Sprint("stout/", i), "Value": []byte(text)}})
	}
	for _, op := range ops { // one by one: together they are too much for a transaction
		body, err := json.Marshal([]any{op})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ask(c.servers[0], http.MethodPut, "/v1/txn", bytes.NewReader(body)); err != nil {
			t.Fatalf("write generation %d: %v", generation, err)
		}
	}
}

// generation is the one that the values are of, all of them.
func (c *cluster) generation(t *testing.T) string {
	t.Helper()
	a, err := c.ask(c.servers[0], http.MethodGet, "/v1/kv/stout/?recurse&consistent", nil)
	if err != nil {
		t.Fatal(err)
	}
	var entries []struct{ Value []byte }
	if err := json.Unmarshal(a.body, &entries); err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, e := range entries {
		name, _, _ := bytes.Cut(e.Value, []byte("."))
		found[string(name)]++
	}
	for name, n := range found {
		if n == stout && len(found) == 1 {
			return name
		}
	}
	t.Fatalf("MIXED: %v", found)
	return ""
}

// A restore through another datacenter, with the way between them cut at random moments, happens or does not.
func TestRestoreAcrossDatacenters(t *testing.T) {
	c, rng := federate(t), dice(t)
	gate := c.gates[0]
	c.write(t, rng, 1)
	saved, err := c.ask(gate, http.MethodGet, "/v1/snapshot", nil)
	if err != nil {
		t.Fatal(err)
	}
	happened, not := 0, 0
	for n := 2; n < 12; n++ {
		c.write(t, rng, n)
		if err := c.network.throttle(gate.n, 10_000); err != nil { // so that the archive takes about half a second
			t.Fatal(err)
		}
		answered := make(chan error, 1)
		go func() {
			_, err := c.ask(gate, http.MethodPut, "/v1/snapshot", bytes.NewReader(saved.body))
			answered <- err
		}()
		pause(nil, between(rng, 0, time.Second))
		var faults []error
		for _, s := range c.servers {
			faults = append(faults, c.network.cut(s.n, gate.n), c.network.cut(gate.n, s.n))
		}
		failed := <-answered
		if err := errors.Join(append(faults, c.network.heal(), c.network.throttle(gate.n, 0), c.ready())...); err != nil {
			t.Fatalf("round %d: %v", n, err)
		}
		switch got := c.generation(t); {
		case got == "1":
			happened++
		case got != fmt.Sprint(n):
			t.Fatalf("round %d: generation %s is back", n, got)
		case failed == nil:
			t.Fatalf("round %d: the restore was answered, and has not happened", n)
		default:
			not++
		}
	}
	t.Logf("%d bytes: %d restores happened, %d did not, none in part", len(saved.body), happened, not)
	if err := c.equal(); err != nil {
		t.Error(err)
	}
}
