package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	uuid "github.com/hashicorp/go-uuid"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/digest"
)

const (
	consulStart   = time.Minute      // until there is a leader
	consulRestore = 30 * time.Minute // for everything
	// consulSettled is how long after a restore a server shows what was restored. Later sessions end, and nodes that are no members of the
	// cluster are removed.
	consulSettled = 15 * time.Second
)

// ProveWithConsul carries out a drill with the consul program at path: it starts a server in a private directory and on the loopback
// interface alone, restores the archive that open opens into it, compares what its API answers with what the archive says, stops the
// server and removes the directory. What a server has of its own is no difference. The error is that of ctx.
func ProveWithConsul(ctx context.Context, path string, open Open) (*Report, error) {
	bounded, cancel := context.WithTimeout(ctx, consulRestore)
	defer cancel()
	report := &Report{Engine: filepath.Base(path), Proof: Proven}
	began := time.Now()
	err := proveWith(bounded, path, withContext(bounded, open), report)
	report.Duration = time.Since(began)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	report.conclude(err)
	return report, nil
}

func proveWith(ctx context.Context, path string, open Open, report *Report) (err error) {
	expected := tally{}
	if err := expectedOf(open)(expected.add); err != nil {
		return err
	}
	c, err := startConsul(ctx, path)
	if err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	report.Engine = c.version(ctx)
	if err := c.restore(ctx, open); err != nil {
		return fmt.Errorf("restore into %s: %w", path, err)
	}
	restored := time.Now()
	err = compareAnswers(open, expected, c.answers(ctx, expected[familyAutopilot] != nil), builtin, report)
	if took := time.Since(restored); err == nil && len(report.Answers) > 0 && took > consulSettled {
		a := report.Answers[0]
		report.Answers = nil
		return fmt.Errorf("the server's state had %v to change by itself while it was compared, and has: %s %s is %s", took.Round(time.Second), a.Family, a.Name, a.What)
	}
	return err
}

// builtin tells whether a difference is in what each version of Consul writes anew: its own policies, and the anonymous token.
func builtin(m Mismatch) bool {
	switch {
	case m.What == digest.Missing:
		return false
	case m.Family == familyPolicy:
		return m.Name == acl.GlobalManagementID || m.Name == acl.GlobalReadOnlyID
	}
	return m.Family == familyToken && m.Name == acl.AnonymousAccessorID && m.What == digest.Added
}

// A consul is a server that a drill has started.
type consul struct {
	dir    string // private, removed in the end
	node   string // its name
	secret string // of the token that may do everything
	url    string
	cmd    *exec.Cmd
	said   *clipped
	client http.Client
	done   chan struct{} // closed when it has ended
}

// startConsul starts a server and waits until it leads itself.
func startConsul(ctx context.Context, path string) (_ *consul, err error) {
	c := &consul{said: &clipped{}, done: make(chan struct{})}
	if c.secret, err = uuid.GenerateUUID(); err != nil {
		return nil, err
	}
	c.node = "drill-" + c.secret[:8]
	if c.dir, err = os.MkdirTemp("", "lictor-drill-*"); err != nil { // mode 0700
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.stop())
		}
	}()
	config, err := c.configure()
	if err != nil {
		return nil, err
	}
	c.cmd = exec.Command(path, "agent", "-config-file="+config)
	c.cmd.Dir, c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr, c.cmd.SysProcAttr = c.dir, append(environment(), "TMPDIR="+c.dir), c.said, c.said, childAttr()
	started := make(chan error, 1)
	go c.follow(started)
	if err := <-started; err != nil {
		c.cmd = nil
		return nil, err
	}
	return c, c.await(ctx)
}

// follow starts the process and waits for its end, on the thread that it dies with.
func (c *consul) follow(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err == nil {
		_ = c.cmd.Wait() // the state tells how it ended
		close(c.done)
	}
}

// configure writes the server's configuration and returns its path.
func (c *consul) configure() (string, error) {
	ports, err := freePorts(3)
	if err != nil {
		return "", err
	}
	c.url = fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	config, err := json.Marshal(map[string]any{
		"server": true, "bootstrap_expect": 1, "node_name": c.node, "data_dir": filepath.Join(c.dir, "data"),
		"bind_addr": "127.0.0.1", "client_addr": "127.0.0.1", "disable_update_check": true, "log_level": "warn",
		"ports": map[string]int{"http": ports[0], "server": ports[1], "serf_lan": ports[2], "serf_wan": -1, "dns": -1, "grpc": -1,
			"grpc_tls": -1},
		"performance": map[string]int{"raft_multiplier": 1},
		"connect":     map[string]bool{"enabled": false}, // what is restored may name a certificate authority that is elsewhere
		"acl": map[string]any{"enabled": true, "default_policy": "deny",
			"tokens": map[string]string{"initial_management": c.secret, "agent": c.secret}},
	})
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, "drill.json")
	return path, os.WriteFile(path, config, 0o600)
}

// freePorts finds ports of the loopback interface that nobody listens on.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // none is found twice
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// await waits until the server leads and knows its token.
func (c *consul) await(ctx context.Context) error {
	timeout := time.NewTimer(consulStart)
	defer timeout.Stop()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		body, err := c.get(ctx, "/v1/acl/token/self")
		if err == nil && body != nil {
			return body.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.done:
			return fmt.Errorf("it ended (%s)%s", c.cmd.ProcessState, c.said)
		case <-timeout.C:
			return fmt.Errorf("it did not answer within %v: %w%s", consulStart, errors.Join(err, errors.New("no token")), c.said)
		case <-poll.C:
		}
	}
}

func (c *consul) request(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Consul-Token", c.secret)
	return c.client.Do(req)
}

// get is the server's API.
func (c *consul) get(ctx context.Context, path string) (io.ReadCloser, error) {
	response, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	switch response.StatusCode {
	case http.StatusOK:
		return response.Body, nil
	case http.StatusNotFound:
		return nil, response.Body.Close()
	}
	return nil, refusal("GET "+path, response)
}

// refusal is an answer that is an error.
func refusal(request string, response *http.Response) error {
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, clip))
	return fmt.Errorf("%s is answered with %s: %s", request, response.Status, bytes.TrimSpace(text))
}

// version names the server's program.
func (c *consul) version(ctx context.Context) string {
	var self struct{ Config struct{ Version string } }
	err := api(c.get).read(ctx, "/v1/agent/self", func(d *json.Decoder) error { return d.Decode(&self) })
	if err != nil {
		return filepath.Base(c.cmd.Path)
	}
	return "consul " + self.Config.Version
}

// restore replaces the server's state by that of the archive, and waits until its own token is there again.
func (c *consul) restore(ctx context.Context, open Open) error {
	src, err := open()
	if err != nil {
		return err
	}
	defer src.Close()
	response, err := c.request(ctx, http.MethodPut, "/v1/snapshot", src)
	if err != nil {
		return fmt.Errorf("%w%s", err, c.said)
	}
	if response.StatusCode != http.StatusOK {
		return refusal("PUT /v1/snapshot", response)
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	return c.await(ctx)
}

// answers is what the API shows, without what this server has of its own.
func (c *consul) answers(ctx context.Context, autopilot bool) facts {
	secret, own := []byte(c.secret), " on "+c.node
	return func(visit func(fact) error) error {
		others := func(f fact) error {
			if f.name == c.node || strings.HasSuffix(f.name, own) || f.family == familyToken && bytes.Contains(f.body, secret) {
				return nil
			}
			return visit(f)
		}
		if autopilot {
			if err := api(c.get).autopilot(ctx, others); err != nil {
				return err
			}
		}
		return api(c.get).answers(ctx, others)
	}
}

// stop ends the server and removes its directory.
func (c *consul) stop() error {
	if c.cmd != nil {
		_ = c.cmd.Process.Kill() // it may have ended by itself
		<-c.done
	}
	c.client.CloseIdleConnections()
	return os.RemoveAll(c.dir)
}
