package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agent"
	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/testproc"
)

// running is an agent's process that runs in this one.
type running struct {
	client  *api.Client
	file    string // its configuration
	signals chan os.Signal
	code    chan int // gets the exit code
	log     *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// runAgent runs an agent until the test ends it.
func runAgent(t *testing.T) *running {
	t.Helper()
	file := filepath.Join(t.TempDir(), "agent.hcl")
	r := &running{file: file, signals: make(chan os.Signal), code: make(chan int, 1), log: &lockedBuffer{}}
	r.configure(t, "")
	ports := []string{fmt.Sprint("-http-port=", testproc.FreePort(t)), fmt.Sprint("-server-port=", testproc.FreePort(t)), fmt.Sprint("-serf-lan-port=", testproc.FreePort(t)), "-serf-wan-port=-1"}
	flags, err := agentconfig.ParseFlags(append(ports, "-dev", "-node=srv", "-config-file="+file), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	config, _, err := agentconfig.Load(flags)
	if err != nil {
		t.Fatal(err)
	}
	a, err := agent.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	root := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: r.log, Level: hclog.Info})
	p := &process{agent: a, config: config, log: root.Named("agent"), root: root, signals: r.signals}
	go func() { r.code <- p.run(nil) }()
	if r.client, err = api.NewClient(&api.Config{Address: config.HTTPListeners[0].Address}); err != nil {
		t.Fatal(err)
	}
	for _, err := r.client.Agent().Self(); err != nil; _, err = r.client.Agent().Self() {
		select {
		case code := <-r.code:
			t.Fatalf("the agent did not start: exit code %d\n%s", code, r.log)
		default:
		}
	}
	return r
}

func (r *running) configure(t *testing.T, hcl string) {
	t.Helper()
	if err := os.WriteFile(r.file, []byte(hcl), 0o600); err != nil {
		t.Fatal(err)
	}
}

// stop ends the agent with a signal.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.signals <- syscall.SIGTERM
	if code := <-r.code; code != 1 {
		t.Errorf("exit code %d\n%s", code, r.log)
	}
}

func TestLeaveOverTheAPIEndsTheProcess(t *testing.T) {
	r := runAgent(t)
	if err := r.client.Agent().Leave(); err != nil {
		t.Error(err)
	}
	if code := <-r.code; code != 0 || !strings.Contains(r.log.String(), "Gracefully shutting down agent...") {
		t.Errorf("exit code %d\n%s", code, r.log)
	}
}

func TestReloadOverTheAPI(t *testing.T) {
	r := runAgent(t)
	defer r.stop(t)
	reload := r.client.Agent().Reload
	port := func() int {
		services, err := r.client.Agent().Services()
		if err != nil {
			t.Fatal(err)
		}
		if services["web"] == nil {
			return 0
		}
		return services["web"].Port
	}
	waitReady(t, reload)
	for _, c := range []struct {
		name, hcl string
		err       string
		port      int // of the service web after it; 0 for no such service
	}{
		{"a service", `service { name = "web" port = 80 }`, "", 80},
		{"another port", `service { name = "web" port = 81 }`, "", 81},
		{"a mistake changes nothing", `service { name = "web" port = 82 } nope = 1`, "invalid config key nope", 81},
		{"a level that does not exist", `service { name = "web" port = 83 } log_level = "zz"`, "", 83},
		{"no service", ``, "", 0},
	} {
		r.configure(t, c.hcl)
		err := reload()
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := port(); got != c.port {
			t.Errorf("%s: port %d, want %d", c.name, got, c.port)
		}
	}
	if want := "[WARN]  agent: Invalid log level in new configuration: level=zz"; !strings.Contains(r.log.String(), want) {
		t.Errorf("%s\nlacks %s", r.log, want)
	}
}

// waitReady reloads until the start is complete: the API answers before.
func waitReady(t *testing.T, reload func() error) {
	t.Helper()
	for err := reload(); err != nil; err = reload() {
		if !strings.Contains(err.Error(), "cannot reload before agent started") {
			t.Fatal(err)
		}
	}
}
