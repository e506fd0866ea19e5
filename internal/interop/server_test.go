//go:build unix

package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/testproc"
)

// patience bounds every wait for something that takes less than a second on an idle machine.
const patience = 30 * time.Second

// management is the token that may do everything, on servers with ACLs.
const management = "6b2e7f0c-3c61-4f0a-9d56-1f5c7d0a9e21"

// A server has Consul's API and a data directory of its own.
type server struct {
	*testproc.Process
	program program
	port    int // of the API
	client  *api.Client
}

func (s *server) address() string { return fmt.Sprint("127.0.0.1:", s.port) }

// serve starts a server, and waits until it takes writes.
func serve(t testing.TB, p program, acls bool) *server {
	t.Helper()
	ports := testproc.FreePorts(t, 4)
	s := &server{program: p, port: ports[0]}
	config, err := json.Marshal(configuration(t, ports, acls))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "server.json")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		t.Fatal(err)
	}
	// With a transport that all servers share, a connection could outlive a server and meet the next one on its port.
	settings := &api.Config{Address: s.address(), Transport: &http.Transport{}}
	if acls {
		settings.Token = management
	}
	if s.client, err = api.NewClient(settings); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(settings.Transport.CloseIdleConnections)
	s.Process = testproc.Start(t, exec.Command(p.path, "agent", "-config-file="+path))
	if err := s.Await(patience, s.takesWrites); err != nil {
		t.Fatalf("%s does not serve: %v", p.name, err)
	}
	return s
}

// takesWrites returns nil if the server leads, and its token may write.
func (s *server) takesWrites() error {
	const probe = "ready"
	if _, err := s.client.KV().Put(&api.KVPair{Key: probe}, nil); err != nil {
		return err
	}
	_, err := s.client.KV().Delete(probe, nil)
	return err
}

// configuration is one that Consul and Lictor both take, with the API on the first of four ports.
func configuration(t testing.TB, ports []int, acls bool) map[string]any {
	t.Helper()
	settings := map[string]any{
		"server": true, "bootstrap_expect": 1, "bind_addr": "127.0.0.1", "data_dir": t.TempDir(), "disable_update_check": true,
		// An archive carries the node of the server that saved it, and a name is taken that another node has.
		"node_name":   fmt.Sprint("server-", ports[0]),
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
