package gossip

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// testConfig is the n-th member: a server with fast timings.
func testConfig(n int) Config {
	c := Config{
		Name: fmt.Sprintf("n%d", n), NodeID: fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", n), Datacenter: "dc1", Bind: loopback, ServerPort: 8300,
		VerifyIncoming: true, VerifyOutgoing: true, Timing: DefaultTiming(), Logger: hclog.NewNullLogger(),
	}
	c.Timing.GossipInterval, c.Timing.ProbeInterval, c.Timing.ProbeTimeout = 10*time.Millisecond, 50*time.Millisecond, 25*time.Millisecond
	c.Timing.SuspicionMult, c.Timing.LeaveDelay = 2, 50*time.Millisecond
	c.Timing.ReclaimDelay = 1
	return c
}

func open(t *testing.T, c Config) *Pool {
	t.Helper()
	p, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() }) // tests may have closed it
	return p
}

// join makes b a member of a's pool, and returns what it was told.
func join(a, b *Pool) error {
	_, err := b.Join([]string{a.Self().Addr.String()})
	return err
}

// sees waits until a pool has the members "name=status …".
func sees(t *testing.T, p *Pool, want string) {
	t.Helper()
	show := func() string {
		var all []string
		for _, m := range p.Members() {
			all = append(all, m.Name+"="+m.Status.String())
		}
		return strings.Join(all, " ")
	}
	deadline := time.After(30 * time.Second)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for show() != want {
		select {
		case <-p.Changed():
		case <-poll.C:
		case <-deadline:
			t.Fatalf("%s sees %q, want %q", p.Self().Name, show(), want)
		}
	}
}

// Members find each other, and know what each is; one that dies has failed, one that leaves has left, and can be forgotten.
func TestMembers(t *testing.T) {
	c := testConfig(3)
	c.ServerPort, c.Tags = 0, map[string]string{"build": "1.2.3", "role": "consul"}
	a, b, client := open(t, testConfig(1)), open(t, testConfig(2)), open(t, c)
	for _, other := range []*Pool{b, client} {
		if err := join(a, other); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []*Pool{a, b, client} {
		sees(t, p, "n1=alive n2=alive n3=alive")
	}
	m := a.Members()
	if !m[1].Server || m[1].ServerAddr().String() != "127.0.0.1:8300" || m[1].ID != "aaaaaaaa-0000-4000-8000-000000000002" || m[1].Tags["role"] != "lictor" {
		t.Errorf("the server: %+v", m[1])
	}
	if m[2].Server || m[2].ServerPort != 0 || m[2].Tags["build"] != "1.2.3" || m[2].Tags["role"] != roleClient || m[2].Addr != client.Self().Addr {
		t.Errorf("the client: %+v", m[2])
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	sees(t, a, "n1=alive n2=failed n3=alive")
	if err := a.ForceLeave("nobody", false); err == nil || err.Error() != "agent: No node found with name 'nobody'" {
		t.Errorf("nobody: %v", err)
	}
	if err := a.ForceLeave("n2", false); err != nil {
		t.Fatal(err)
	}
	sees(t, client, "n1=alive n2=left n3=alive")
	if err := client.Leave(); err != nil {
		t.Fatal(err)
	}
	sees(t, a, "n1=alive n2=left n3=left")
	if err := a.ForceLeave("n2", true); err != nil {
		t.Fatal(err)
	}
	sees(t, a, "n1=alive n3=left")
}

// What servers tell about how the cluster begins arrives with the others.
func TestBeginningOfTheCluster(t *testing.T) {
	c := testConfig(2)
	c.Expect = 3
	a, b := open(t, testConfig(1)), open(t, c)
	c = testConfig(3)
	c.Bootstrap = true
	third := open(t, c)
	for _, other := range []*Pool{b, third} {
		if err := join(a, other); err != nil {
			t.Fatal(err)
		}
	}
	sees(t, a, "n1=alive n2=alive n3=alive")
	for i, want := range []struct {
		expect    int
		bootstrap bool
	}{{0, false}, {3, false}, {0, true}} {
		if m := a.Members()[i]; m.Expect != want.expect || m.Bootstrap != want.bootstrap {
			t.Errorf("%+v, want %+v", m, want)
		}
	}
}

// Who does not belong here does not get in, and nobody loses anything by the attempt.
func TestStrangersAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"another datacenter": {func(c *Config) { c.Datacenter = "dc2" }, `of datacenter "dc1", and this pool of "dc2"`},
		"the same node ID":   {func(c *Config) { c.NodeID = testConfig(1).NodeID }, "has the node ID of this agent"},
		"no encryption":      {func(c *Config) { c.Key = key(1) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, conf := open(t, testConfig(1)), testConfig(2)
			c.change(&conf)
			b, err := Open(conf)
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Error(err)
				}
				return
			}
			defer b.Close()
			err = join(a, b)
			if err == nil {
				t.Fatalf("it got in: %+v", a.Members())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			sees(t, a, "n1=alive")
		})
	}
}

// Members from other networks than those allowed are not taken in; the agent itself must be in one.
func TestForeignNetwork(t *testing.T) {
	allowed := func(n int, address string) Config {
		c := testConfig(n)
		c.Bind, c.Allowed = netip.MustParseAddrPort(address), []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.2/31")}
		return c
	}
	a, b, third := open(t, testConfig(1)), open(t, allowed(2, "127.0.0.2:0")), open(t, allowed(3, "127.0.0.3:0"))
	if err := join(b, third); err != nil {
		t.Fatal(err)
	}
	join(b, a) // whether this is an error depends on who speaks first
	sees(t, b, "n2=alive n3=alive")
	if p, err := Open(allowed(4, "127.0.0.1:0")); err == nil || !strings.Contains(err.Error(), "add it to serf_lan_allowed_cidrs") {
		t.Errorf("%v, %v", p, err)
	}
}

// A Consul server that joins is refused by its first word, and so is a Lictor that joins Consul's pool.
func TestConsulIsRefused(t *testing.T) {
	conf := serf.DefaultConfig()
	conf.NodeName, conf.Tags = "consul", map[string]string{"role": "consul", "dc": "dc1", "id": "aaaaaaaa-0000-4000-8000-000000000009"}
	conf.MemberlistConfig = memberlist.DefaultLANConfig()
	conf.MemberlistConfig.BindAddr, conf.MemberlistConfig.BindPort = "127.0.0.1", 0
	conf.Logger = hclog.NewNullLogger().StandardLogger(nil)
	conf.MemberlistConfig.Logger = conf.Logger
	consul, err := serf.Create(conf)
	if err != nil {
		t.Fatal(err)
	}
	defer consul.Shutdown()
	p := open(t, testConfig(1))
	self := consul.LocalMember()
	if _, err := p.Join([]string{fmt.Sprintf("127.0.0.1:%d", self.Port)}); err == nil || !strings.Contains(err.Error(), `"consul" (127.0.0.1:`) ||
		!strings.Contains(err.Error(), "Lictor and Consul do not share a pool") {
		t.Errorf("Lictor joins Consul: %v", err)
	}
	consul.Join([]string{p.Self().Addr.String()}, true) // its side of it is Consul's business
	sees(t, p, "n1=alive")
}

// A restarted member finds the pool again by its snapshot, under another address too; one that has left does not, unless it is told to.
func TestRejoin(t *testing.T) {
	a := open(t, testConfig(1))
	c := testConfig(2)
	c.Snapshot = filepath.Join(t.TempDir(), "serf", "local.snapshot")
	b := open(t, c)
	if err := join(a, b); err != nil {
		t.Fatal(err)
	}
	sees(t, a, "n1=alive n2=alive")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	sees(t, a, "n1=alive n2=failed")
	b = open(t, c)
	sees(t, a, "n1=alive n2=alive")
	sees(t, b, "n1=alive n2=alive")
	if err := b.Leave(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	sees(t, a, "n1=alive n2=left")
	b = open(t, c)
	sees(t, b, "n2=alive")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func key(n byte) string {
	b := make([]byte, 32)
	b[0] = n
	return base64.StdEncoding.EncodeToString(b)
}

// Keys are changed under way; the file has them afterwards, and comes before the configuration.
func TestKeyring(t *testing.T) {
	dir := t.TempDir()
	var pools []*Pool
	var files []string
	for n := 1; n <= 2; n++ {
		c := testConfig(n)
		c.Key, c.KeyringFile = key(1), filepath.Join(dir, c.Name, "local.keyring")
		files, pools = append(files, c.KeyringFile), append(pools, open(t, c))
	}
	if err := join(pools[0], pools[1]); err != nil {
		t.Fatal(err)
	}
	sees(t, pools[0], "n1=alive n2=alive")
	if !pools[0].Encrypted() {
		t.Error("not encrypted")
	}
	keys := pools[0].Keys()
	for _, step := range []func(string) (*serf.KeyResponse, error){keys.InstallKey, keys.UseKey} {
		if r, err := step(key(2)); err != nil || r.NumResp != 2 || r.NumErr != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if _, err := keys.RemoveKey(key(1)); err != nil {
		t.Fatal(err)
	}
	r, err := keys.ListKeys()
	if err != nil || len(r.Keys) != 1 || r.Keys[key(2)] != 2 || r.PrimaryKeys[key(2)] != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		got, err := readKeyring(path)
		if err != nil || len(got) != 1 || base64.StdEncoding.EncodeToString(got[0]) != key(2) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := pools[1].Close(); err != nil {
		t.Fatal(err)
	}
	c := testConfig(2)
	c.Key, c.KeyringFile = key(1), files[1] // the old one
	b := open(t, c)
	if err := join(pools[0], b); err != nil {
		t.Fatal(err)
	}
	sees(t, b, "n1=alive n2=alive")
}

// A bad key is refused in Consul's words; a damaged keyring is not overwritten, and no error shows a key.
func TestBadKeys(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ key, file, want string }{
		"short":      {base64.StdEncoding.EncodeToString([]byte("secretsecret")), "", "Failed to configure keyring: Invalid key: key size must be 16, 24 or 32 bytes"},
		"no base64":  {"secret!", "", "Failed to configure keyring: Invalid key: illegal base64 data at input byte 6"},
		"no JSON":    {key(1), `["c2VjcmV0`, "is damaged: it is no JSON array of keys"},
		"no array":   {key(1), `{"secret": 1}`, "is damaged: it is no JSON array of keys"},
		"empty":      {key(1), `[]`, "is damaged: it has no key"},
		"bad key":    {key(1), `["secret"]`, "is damaged: Invalid key"},
		"no content": {key(1), ` `, "is damaged: it is no JSON array of keys"},
	} {
		t.Run(name, func(t *testing.T) {
			conf := testConfig(1)
			conf.Key = c.key
			if c.file != "" {
				conf.KeyringFile = filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
				if err := os.WriteFile(conf.KeyringFile, []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p, err := Open(conf)
			if err == nil {
				p.Close()
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "c2Vj") {
				t.Errorf("%v, want %q", err, c.want)
			}
			if c.file != "" {
				if b, err := os.ReadFile(conf.KeyringFile); err != nil || string(b) != c.file {
					t.Errorf("the keyring is now %q, %v", b, err)
				}
			}
		})
	}
}
