//go:build heavy && unix

package tlsmatrix

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/testproc"
	"github.com/lictor-dr/lictor/internal/tlstest"
)

// Every command that asks an agent does so over HTTPS with a client's certificate, told by flags or by the environment.
func TestCommands(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	members := found(t, ca, verifyAll)
	dir := t.TempDir()
	trust(t, dir, ca)
	issue(t, ca, dir, "operator")
	archive := filepath.Join(dir, "x.snap")
	addr := fmt.Sprint("https://127.0.0.1:", members[1].https)
	for _, c := range []struct{ words, want string }{
		{"info", "raft:"},
		{"members", "s3"},
		{"members -detailed", "port="},
		{"operator raft list-peers", "leader"},
		{"operator autopilot state", "Healthy"},
		{"operator autopilot get-config", "CleanupDeadServers"},
		{"kv put a 1", "Success"},
		{"kv get a", "1"},
		{"kv export", `"key"`},
		{"snapshot save " + archive, "Saved and verified snapshot"},
		{"snapshot restore " + archive, "Restored snapshot"},
		{"reload", "Configuration reload triggered"},
		{"operator raft transfer-leader", "Success"},
	} {
		for way, cmd := range map[string]*exec.Cmd{"flags": byFlags(c.words, addr, dir), "environment": byEnvironment(c.words, addr, dir)} {
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), c.want) {
				t.Errorf("%s, with %s: %v: %s", c.words, way, err, out)
			}
			if strings.Contains(c.words, "transfer-leader") {
				for _, m := range members {
					m.leads(t)
				}
			}
		}
	}
}

func byFlags(words, addr, dir string) *exec.Cmd {
	all := strings.Fields(words)
	at := 0 // flags come after the names of commands, and before arguments
	for at < len(all) && at < map[string]int{"info": 1, "members": 1, "reload": 1, "kv": 2, "snapshot": 2, "operator": 3}[all[0]] {
		at++
	}
	args := append([]string{}, all[:at]...)
	args = append(args, "-http-addr="+addr, "-ca-file="+filepath.Join(dir, "ca.pem"),
		"-client-cert="+filepath.Join(dir, "cert.pem"), "-client-key="+filepath.Join(dir, "key.pem"))
	return exec.Command(program, append(args, all[at:]...)...)
}

func byEnvironment(words, addr, dir string) *exec.Cmd {
	cmd := exec.Command(program, strings.Fields(words)...)
	cmd.Env = append(os.Environ(), "CONSUL_HTTP_ADDR="+addr, "CONSUL_CACERT="+filepath.Join(dir, "ca.pem"),
		"CONSUL_CLIENT_CERT="+filepath.Join(dir, "cert.pem"), "CONSUL_CLIENT_KEY="+filepath.Join(dir, "key.pem"))
	return cmd
}

// The snapshot agent saves from servers that verify it, and goes on when its certificate, and then the authority, are replaced on disk.
func TestSnapshotAgent(t *testing.T) {
	t.Parallel()
	old, next := tlstest.NewCA(t), tlstest.NewCA(t)
	members := found(t, old, verifyAll)
	dir, archives := t.TempDir(), t.TempDir()
	trust(t, dir, old)
	issue(t, old, dir, "backup")
	config := filepath.Join(dir, "agent.json")
	put(t, dir, map[string][]byte{"agent.json": fmt.Appendf(nil, `{"snapshot_agent": {"http_addr": "https://127.0.0.1:%d",
		"ca_file": %q, "cert_file": %q, "key_file": %q, "listen": "127.0.0.1:0", "snapshot": {"interval": "1s", "retain": 1000},
		"local_storage": {"path": %q}}}`,
		members[0].https, filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), archives)})
	a := testproc.Start(t, exec.Command(program, "snapshot", "agent", "-config-file="+config))
	saves := func() {
		t.Helper()
		before := countArchives(archives)
		if err := a.Await(patience, func() error {
			if n := countArchives(archives); n < before+2 {
				return fmt.Errorf("%d archives", n)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	everywhere := func(change func(m *member)) {
		for _, m := range members {
			change(m)
			m.reload(t)
		}
	}
	saves()
	everywhere(func(m *member) { trust(t, m.dir, old, next) })
	trust(t, dir, old, next)
	saves()
	everywhere(func(m *member) { issue(t, next, m.dir, "server") })
	issue(t, next, dir, "backup")
	saves()
	everywhere(func(m *member) { trust(t, m.dir, next) })
	trust(t, dir, next)
	m := members[0] // its connections end with it
	m.Kill()
	if err := testproc.Eventually(patience, func() error {
		if !strings.Contains(a.Said(), "connection refused") {
			return errors.New("it has not noticed")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	m.again(t)
	saves()
}

func countArchives(dir string) int {
	all, _ := filepath.Glob(filepath.Join(dir, "*.snap"))
	return len(all)
}
