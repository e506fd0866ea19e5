//go:build clients && unix

package interop

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hashicorp/consul/api"
)

// management is the token that may do everything, on agents with ACLs.
const management = "6b2e7f0c-3c61-4f0a-9d56-1f5c7d0a9e21"

// An agent is a server with Consul's API and a data directory of its own, Consul or Lictor, and a client of it.
type agent struct {
	*process
	address string
	client  *api.Client
}

// startAgent starts a server, and waits until it takes writes.
func startAgent(t testing.TB, binary string, acls bool) *agent {
	t.Helper()
	settings := configuration(t, acls)
	b, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "agent.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	a := &agent{address: fmt.Sprint("127.0.0.1:", settings["ports"].(map[string]int)["http"])}
	// The transport is the agent's own: with a shared one, a connection could outlive the agent and meet the next on its port.
	config := &api.Config{Address: a.address, Transport: &http.Transport{}}
	if acls {
		config.Token = management
	}
	if a.client, err = api.NewClient(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(config.Transport.CloseIdleConnections)
	a.process = start(t, exec.Command(binary, "agent", "-config-file="+path))
	if err := a.await(a.serves); err != nil {
		t.Fatalf("the agent does not serve: %v", err)
	}
	return a
}

// serves tells whether the agent leads and takes writes.
func (a *agent) serves() error {
	kv := a.client.KV()
	if _, err := kv.Put(&api.KVPair{Key: "ready"}, nil); err != nil {
		return err
	}
	_, err := kv.Delete("ready", nil)
	return err
}

// configuration is what Consul and Lictor both take.
func configuration(t testing.TB, acls bool) map[string]any {
	t.Helper()
	ports := freePorts(t, 4)
	settings := map[string]any{
		"server": true, "bootstrap_expect": 1, "bind_addr": "127.0.0.1", "data_dir": t.TempDir(),
		// An archive carries the node of the agent that saved it, and a name is taken that another node has.
		"node_name":   fmt.Sprint("server-", ports[1]),
		"performance": map[string]int{"raft_multiplier": 1},
		"ports": map[string]int{
			"http": ports[0], "server": ports[1], "serf_lan": ports[2], "serf_wan": ports[3],
			"dns": -1, "grpc": -1, "grpc_tls": -1,
		},
	}
	if acls {
		settings["acl"] = map[string]any{
			"enabled": true, "default_policy": "deny",
			"tokens": map[string]string{"initial_management": management, "agent": management},
		}
	}
	return settings
}

// freePorts finds ports of the loopback interface, below those that the system hands out to clients.
func freePorts(t testing.TB, n int) (ports []int) {
	t.Helper()
	for tries := 0; len(ports) < n; tries++ {
		if tries == 200 {
			t.Fatal("no free ports found")
		}
		port := 10000 + rand.IntN(10000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // none is found twice
		ports = append(ports, port)
	}
	return ports
}
