package snapshotagent

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"
	"golang.org/x/crypto/ssh"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/snapshotconfig"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// Secrets of the agent that somebody finds who looks everywhere.
const (
	victimToken  = "5f2b1c7e-0000-4000-8000-the-agents-token"
	victimS3     = "the-secret-access-key-of-the-bucket"
	victimHook   = "Bearer of-the-webhook"
	victimHookAt = "/the-path-of-the-webhook"
)

// A victim is an agent as it comes from a configuration, with all that is on its host: in a directory of its own.
type victim struct {
	*Agent
	home    string
	config  *snapshotconfig.Config
	client  *api.Client
	args    []string
	log     bytes.Buffer
	archive []byte
	hostKey string // public, of OpenSSH
}

// victimOf takes three backups of an agent with recipients, into a directory and a bucket; the bucket is down for the last one, which waits
// in the scratch directory.
func victimOf(t *testing.T, recipients func(*victim) []string) *victim {
	t.Helper()
	v := &victim{home: t.TempDir(), archive: golden.Read(t, "consul-1.21.4/full.snap")}
	v.furnish(t)
	var down atomic.Bool
	s3 := storetest.S3(t, "backups")
	s3.Refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if down.Load() && r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	}
	v.args = []string{"-config-file=" + v.configure(t, v.consul(t), s3.URL, recipients(v))}
	v.start(t)
	for n := range 3 {
		down.Store(n == 2)
		if err := v.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	v.alarm.Close(10 * time.Second)
	return v
}

// furnish makes the files that an agent's host has beside the configuration.
func (v *victim) furnish(t *testing.T) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "host key")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	v.hostKey = string(ssh.MarshalAuthorizedKey(key))
	for name, content := range map[string]string{
		"token": victimToken, "hook.secret": victimHook, "hook.url": "http://127.0.0.1:1" + victimHookAt,
		"ssh_host_ed25519_key": string(pem.EncodeToMemory(block)), "ssh_host_ed25519_key.pub": v.hostKey,
	} {
		v.write(t, name, content)
	}
	for _, dir := range []string{"scratch", "backups"} {
		if err := os.Mkdir(filepath.Join(v.home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func (v *victim) write(t *testing.T, name, content string) (path string) {
	t.Helper()
	path = filepath.Join(v.home, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// consul plays the Consul agent that the victim asks.
func (v *victim) consul(t *testing.T) (address string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Consul-Token") != victimToken:
			http.Error(w, "Permission denied", http.StatusForbidden)
		case r.URL.Path == "/v1/snapshot":
			_, _ = w.Write(v.archive)
		case r.URL.Path == "/v1/agent/self":
			fmt.Fprint(w, `{"Config": {"Datacenter": "dc1"}}`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// configure writes the configuration.
func (v *victim) configure(t *testing.T, consul, s3 string, recipients []string) (path string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(v.home, name) }
	b, err := json.Marshal(map[string]any{"snapshot_agent": map[string]any{
		"http_addr": consul, "token_file": in("token"), "encryption": map[string]any{"recipients": recipients},
		"snapshot": map[string]any{"interval": "0s", "local_scratch_path": in("scratch")},
		"hooks": map[string]any{"webhook": map[string]any{
			"url_file": in("hook.url"), "secret_header": "Authorization", "secret_file": in("hook.secret"), "on": []string{"recovery"}}},
		"backup_destinations": map[string]any{
			"local_storage": map[string]any{"path": in("backups")},
			"aws_storage": map[string]any{"s3_bucket": "backups", "s3_region": "r", "s3_endpoint": s3, "s3_force_path_style": true,
				"access_key_id": "the-id", "secret_access_key": victimS3},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return v.write(t, "agent.json", string(b))
}

// start starts the agent as the command does.
func (v *victim) start(t *testing.T) {
	t.Helper()
	flags, err := snapshotconfig.ParseFlags(v.args)
	if err == nil {
		v.config, _, err = snapshotconfig.Load(flags)
	}
	if err == nil {
		v.client, err = api.NewClient(&api.Config{Address: v.config.Connection.Address, TokenFile: v.config.Connection.TokenFile})
	}
	if err == nil {
		v.Agent, err = Open(t.Context(), v.config, v.client, hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: &v.log}))
	}
	if err != nil {
		t.Fatal(err)
	}
	v.current.Load().Prover = &judge{verdicts: []Verdict{proven}} // instead of a child process
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
}
