//go:build heavy && unix

package tlsmatrix

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/testproc"
	"github.com/lictor-dr/lictor/internal/tlstest"
)

const patience = 60 * time.Second

// An agent is a lictor process.
type agent struct {
	*testproc.Process
	name                      string
	http, https, server, serf int // ports
}

var ports = struct {
	sync.Mutex
	taken map[int]bool
}{taken: map[int]bool{}}

// takePorts takes ports that no other agent of the tests has.
func takePorts(t testing.TB, n int) (all []int) {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	for len(all) < n {
		if p := testproc.FreePorts(t, 1)[0]; !ports.taken[p] {
			ports.taken[p] = true
			all = append(all, p)
		}
	}
	return all
}

// common keeps tests short: elections, and waiting for them. Nobody becomes a voter: servers come and go.
const common = `performance { raft_multiplier = 1 rpc_hold_timeout = "1s" leave_drain_time = "10ms" }
gossip_lan { gossip_interval = "50ms" probe_interval = "500ms" probe_timeout = "250ms" }
retry_interval = "200ms" `

const noVoters = `autopilot { server_stabilization_time = "1h" cleanup_dead_servers = false }`

// launch starts an agent, on other ports if somebody has been faster on those it was to have.
func launch(t testing.TB, name, hcl string, args ...string) *agent {
	t.Helper()
	for {
		p := takePorts(t, 4)
		a := &agent{name: name, http: p[0], https: p[1], server: p[2], serf: p[3]}
		a.start(t, hcl, args...)
		err := a.Await(patience, func() error {
			if !strings.Contains(a.Said(), "Consul agent running!") {
				return errors.New("it does not run yet")
			}
			return nil
		})
		if err == nil || !strings.Contains(a.Said(), "address already in use") {
			return a // who asks it something sees what is wrong
		}
		a.Kill()
	}
}

func (a *agent) start(t testing.TB, hcl string, args ...string) {
	t.Helper()
	all := []string{"agent", "-bind=127.0.0.1", "-node=" + a.name, "-hcl=" + common, "-hcl=" + hcl,
		fmt.Sprint("-http-port=", a.http), fmt.Sprint("-server-port=", a.server), fmt.Sprint("-serf-lan-port=", a.serf), "-serf-wan-port=-1"}
	if strings.Contains(hcl, "https {") {
		all = append(all, fmt.Sprint("-https-port=", a.https))
	}
	a.Process = testproc.Start(t, exec.Command(program, append(all, args...)...))
}

func (a *agent) gossip() string { return fmt.Sprint("127.0.0.1:", a.serf) }
func (a *agent) port() string   { return fmt.Sprint("127.0.0.1:", a.server) }

// get asks over plain HTTP.
func (a *agent) get(path string) (status int, body string, err error) {
	resp, err := http.Get(fmt.Sprint("http://127.0.0.1:", a.http, path))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// leads waits until the server takes a write, and writes the key that others read.
func (a *agent) leads(t testing.TB) {
	t.Helper()
	err := a.Await(patience, func() error {
		req, err := http.NewRequest(http.MethodPut, fmt.Sprint("http://127.0.0.1:", a.http, "/v1/kv/probe"), strings.NewReader("there"))
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s does not lead: %v", a.name, err)
	}
}

// says waits for a text in what the agent prints.
func (a *agent) says(text string) error {
	return testproc.Eventually(patience, func() error {
		if !strings.Contains(a.Said(), text) {
			return fmt.Errorf("%s does not say: %s", a.name, text)
		}
		return nil
	})
}

// A kind of certificate.
type kind string

const (
	right     kind = "right"
	wrongCA   kind = "another authority"
	expired   kind = "expired"
	missing   kind = "none"
	wrongName kind = "of the other role"
)

// certificates are those of one set of tests.
type certificates struct{ ca, other *tlstest.CA }

func newCertificates(t testing.TB) certificates {
	return certificates{tlstest.NewCA(t), tlstest.NewCA(t)}
}

// of is a certificate of a kind for an agent of a role, nil for missing.
func (c certificates) of(t testing.TB, k kind, role string) *tlstest.Certificate {
	t.Helper()
	o := tlstest.Options{DNSNames: []string{role + ".dc1.consul", "localhost"}}
	switch k {
	case missing:
		return nil
	case wrongCA:
		return c.other.Issue(t, o)
	case expired:
		o.NotBefore, o.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	case wrongName:
		o.DNSNames[0] = map[string]string{"server": "client", "client": "server"}[role] + ".dc1.consul"
	}
	return c.ca.Issue(t, o)
}
