//go:build heavy && linux

package chaos

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/history"
)

// restoreUnderWrites saves a snapshot, and restores it a little later; both through any server.
var restoreUnderWrites = fault{"a snapshot is restored", func(tr *trial) (func() error, error) {
	w := tr.load.client(other, split(tr.rng))
	w.HTTP.Timeout = readyLimit
	archive, saved := w.Save(tr.t.Context(), w.server())
	if saved.Outcome != history.OK {
		return nil, errors.New("save: " + saved.Error)
	}
	pause(nil, between(tr.rng, 100*time.Millisecond, 2*time.Second))
	restored := w.Restore(tr.t.Context(), w.server(), archive)
	if restored.Outcome != history.OK {
		return nil, errors.New("restore: " + restored.Error)
	}
	return nothing, nil
}}

func TestRestoreUnderWrites(t *testing.T) {
	c := launch(t, 3)
	tr := newTrial(t, c, 0)
	tr.indexesGoBack = true
	tr.suffer(restoreUnderWrites)
}

// A population is a state of many keys, each of which tells which state it belongs to.
type population struct {
	name    string
	archive []byte
}

const (
	populous = 9000 // keys
	perTxn   = 60
)

// populate writes a population and saves it.
func (c *cluster) populate(t *testing.T, name string) population {
	t.Helper()
	value := base64.StdEncoding.EncodeToString(append([]byte(name), bytes.Repeat([]byte("."), 2000)...))
	for first := 0; first < populous; first += perTxn {
		var ops []map[string]any
		for i := first; i < first+perTxn; i++ {
			ops = append(ops, map[string]any{"KV": map[string]any{"Verb": "set", "Key": fmt.Sprint("people/", i), "Value": value}})
		}
		body, err := json.Marshal(ops)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ask(c.servers[0], http.MethodPut, "/v1/txn", bytes.NewReader(body)); err != nil {
			t.Fatalf("populate with %s: %v", name, err)
		}
	}
	a, err := c.ask(c.servers[0], http.MethodGet, "/v1/snapshot", nil)
	if err != nil {
		t.Fatalf("save %s: %v", name, err)
	}
	return population{name, a.body}
}

// population is the name of the one that a server has; it must have it as a whole.
func (c *cluster) population(s *server) (string, error) {
	a, err := c.ask(s, http.MethodGet, "/v1/kv/people/?recurse&stale", nil)
	if err != nil {
		return "", err
	}
	var entries []struct{ Value []byte }
	if err := json.Unmarshal(a.body, &entries); err != nil {
		return "", err
	}
	found := map[string]int{}
	for _, e := range entries {
		name, _, _ := bytes.Cut(e.Value, []byte("."))
		found[string(name)]++
	}
	if len(found) != 1 || len(entries) != populous {
		return "", fmt.Errorf("MIXED: %s has %v of %d keys", s.Name, found, populous)
	}
	for name := range found {
		return name, nil
	}
	return "", nil
}

// A restore whose leader is killed happens on all servers, or on none.
func TestLeaderKilledDuringRestore(t *testing.T) {
	rng := dice(t)
	c := launch(t, 3)
	c.http.Timeout = readyLimit
	was, next := c.populate(t, "old"), c.populate(t, "new")
	usual := readyLimit
	for range 2 {
		was, next = next, was
		began := time.Now()
		if _, err := c.ask(c.leader(), http.MethodPut, "/v1/snapshot", bytes.NewReader(was.archive)); err != nil {
			t.Fatal(err)
		}
		usual = min(usual, time.Since(began))
	}
	rounds, answered, changed := 0, 0, 0
	for over := time.Now().Add(spell); time.Now().Before(over) || rounds < 3; rounds++ {
		leader := c.leader()
		result := make(chan error, 1)
		via := c.servers[rng.IntN(len(c.servers))]
		go func() {
			_, err := c.ask(via, http.MethodPut, "/v1/snapshot", bytes.NewReader(next.archive))
			result <- err
		}()
		pause(nil, between(rng, 0, usual*11/10))
		leader.kill()
		err := <-result
		pause(nil, between(rng, 0, time.Second))
		leader.start(t)
		now := c.settled(t, round{rounds, err})
		if err == nil {
			answered++
			if now != next.name {
				t.Fatalf("round %d: LOST: the restore of %s was acknowledged, and the state is %s", rounds, next.name, now)
			}
		}
		if now == next.name {
			changed++
			was, next = next, was
		}
	}
	t.Logf("summary: %d restores with the leader killed, usual time %v: %d answered, %d happened, each on all servers or on none",
		rounds, usual.Round(time.Millisecond), answered, changed)
}

type round struct {
	n      int
	result error
}

// settled waits until the cluster is well, and returns the population that all servers have.
func (c *cluster) settled(t *testing.T, r round) string {
	t.Helper()
	err := c.ready()
	if err == nil {
		err = c.equal()
	}
	var name string
	if err == nil {
		name, err = c.population(c.servers[0])
	}
	if err != nil {
		dir, _ := c.keepLogs()
		t.Fatalf("round %d, the restore's answer was %v: %v; what the servers said is in %s", r.n, r.result, err, dir)
	}
	return name
}
