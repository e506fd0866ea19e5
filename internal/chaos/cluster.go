//go:build heavy && linux

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/history"
	"github.com/lictor-dr/lictor/internal/testproc"
)

const (
	readyLimit = 60 * time.Second // for a leader, and a write through every server, once nothing is broken
	askLimit   = 2 * time.Second
)

// A cluster is servers on a network.
type cluster struct {
	network *network
	servers []*server
	gates   []*server // of another datacenter: clients ask them for this one; with them, every request names it
	http    *http.Client
}

// settings keep elections, and waiting for them, short. Logs are compacted often, so that servers that come back need a snapshot.
var settings = map[string]any{
	"performance":             map[string]any{"raft_multiplier": 1, "rpc_hold_timeout": "2s"},
	"gossip_lan":              map[string]any{"gossip_interval": "100ms", "probe_interval": "500ms", "probe_timeout": "250ms"},
	"retry_interval":          "1s",
	"raft_snapshot_threshold": 1000,
	"raft_snapshot_interval":  "2s",
	"raft_trailing_logs":      200,
}

// newCluster makes servers with empty data directories in dirs, and starts none.
func newCluster(t testing.TB, n *network, dirs ...string) *cluster {
	t.Helper()
	c := &cluster{network: n, http: &http.Client{Timeout: askLimit, Transport: &http.Transport{DisableKeepAlives: true}}}
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "cluster.json")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, dir := range dirs {
		c.servers = append(c.servers, c.server(i+1, len(dirs), dir, config))
	}
	return c
}

func (c *cluster) server(i, of int, dir, config string) *server {
	address := c.network.address(i)
	s := &server{
		Server: history.Server{Name: fmt.Sprint("s", i), URL: "http://" + address + ":8500"},
		n:      i, address: address, dir: dir, network: c.network,
	}
	s.args = []string{"agent", "-server", fmt.Sprint("-bootstrap-expect=", of), "-node=" + s.Name, "-data-dir=" + dir,
		"-bind=" + address, "-client=" + address, "-config-file=" + config}
	for other := 1; other <= of && of > 1; other++ {
		if other != i {
			s.args = append(s.args, "-retry-join="+c.network.address(other))
		}
	}
	return s
}

// launch makes a network and a cluster on it that takes writes.
func launch(t testing.TB, servers int) *cluster {
	t.Helper()
	n := newNetwork(t, servers)
	return started(t, n, n.directories(t)...)
}

// started makes a cluster that takes writes.
func started(t testing.TB, n *network, dirs ...string) *cluster {
	t.Helper()
	c := newCluster(t, n, dirs...)
	for _, s := range c.servers {
		s.start(t)
	}
	if err := c.ready(); err != nil {
		t.Fatalf("the cluster does not come up: %v", err)
	}
	return c
}

// ready waits until each server takes a write, which a leader has to acknowledge. It does not wait for one that has ended.
func (c *cluster) ready() error {
	var dead error
	err := testproc.Eventually(readyLimit, func() error {
		if dead = c.died(); dead != nil {
			return nil
		}
		if c.leader() == nil {
			return errors.New("there is no leader")
		}
		for _, s := range c.all() {
			if _, err := c.ask(s, http.MethodPut, "/v1/kv/probe/"+s.Name, strings.NewReader(time.Now().String())); err != nil {
				return fmt.Errorf("a write through %s: %w", s.Name, err)
			}
		}
		return nil
	})
	return errors.Join(dead, err)
}

// transport makes what carries the requests of a client.
func (c *cluster) transport() http.RoundTripper {
	if len(c.gates) == 0 {
		return &http.Transport{}
	}
	return &meaning{new(http.Transport), "dc1"}
}

// meaning is a way to a server that says which datacenter is meant.
type meaning struct {
	*http.Transport
	datacenter string
}

func (m *meaning) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	query := out.URL.Query()
	query.Set("dc", m.datacenter)
	out.URL.RawQuery = query.Encode()
	return m.Transport.RoundTrip(out)
}

// died tells which programs have ended.
func (c *cluster) died() error {
	var dead []error
	for _, s := range c.all() {
		dead = append(dead, s.died())
	}
	return errors.Join(dead...)
}

// leader is the server that most servers say leads, nil if most agree on none.
func (c *cluster) leader() *server {
	votes := map[string]int{}
	for _, s := range c.servers {
		if !s.up() {
			continue
		}
		var address string
		a, err := c.ask(s, http.MethodGet, "/v1/status/leader", nil)
		if err == nil && json.Unmarshal(a.body, &address) == nil {
			votes[address]++
		}
	}
	for _, s := range c.servers {
		if votes[s.address+":8300"] > len(c.servers)/2 {
			return s
		}
	}
	return nil
}

// all are the servers that clients ask.
func (c *cluster) all() []*server { return slices.Concat(c.servers, c.gates) }

// others are the servers that are not s.
func (c *cluster) others(s *server) (list []*server) {
	for _, o := range c.servers {
		if o != s {
			list = append(list, o)
		}
	}
	return list
}

// An answer is what a server has answered, with status 200.
type answer struct {
	header http.Header
	body   []byte
}

// ask sends a request that is not part of the history.
func (c *cluster) ask(s *server, method, path string, body io.Reader) (answer, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, s.URL+path, body)
	if err != nil {
		return answer{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.300s", resp.StatusCode, b)
	}
	return answer{resp.Header, b}, err
}

// mend undoes every fault: the network is whole, what is held goes on, and what does not run is started.
func (c *cluster) mend(t testing.TB) error {
	faults := []error{c.network.heal()}
	for _, s := range c.all() {
		switch {
		case !s.running():
			s.start(t)
		case !s.up():
			faults = append(faults, s.hold(false))
		}
	}
	return errors.Join(faults...)
}

// keepLogs writes what all servers have said into a directory of its own, and returns its path.
func (c *cluster) keepLogs() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "lictor-chaos-failed-*"); err != nil {
		return "", err
	}
	for _, s := range c.all() {
		err = errors.Join(err, s.keepLogs(dir))
	}
	return dir, err
}
