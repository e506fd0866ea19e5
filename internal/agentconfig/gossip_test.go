package agentconfig

import (
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// testKey is a gossip key of 32 bytes.
const testKey = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="

func TestGossip(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want GossipConfig
	}{
		{"defaults", []string{"-server", "-bootstrap"}, GossipConfig{200 * time.Millisecond, 3, time.Second, 500 * time.Millisecond, 4, 4}},
		{"development", []string{"-dev"}, GossipConfig{100 * time.Millisecond, 3, 100 * time.Millisecond, 100 * time.Millisecond, 3, 4}},
		{"set", []string{"-dev", "-hcl", `gossip_lan { gossip_interval = "1s" gossip_nodes = 2 probe_interval = "3s" probe_timeout = "4s"
			suspicion_mult = 5 retransmit_mult = 6 }`}, GossipConfig{time.Second, 2, 3 * time.Second, 4 * time.Second, 5, 6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, err := client(t, "", tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			if c.Gossip != tt.want {
				t.Errorf("got %+v, want %+v", c.Gossip, tt.want)
			}
			if c.SerfLAN != netip.MustParseAddrPort("127.0.0.1:8301") || c.DisableCoordinates || c.SerfAllowed != nil {
				t.Errorf("listens on %s, allows %s, coordinates off: %t", c.SerfLAN, c.SerfAllowed, c.DisableCoordinates)
			}
		})
	}
}

func TestGossipAddress(t *testing.T) {
	for _, tt := range []struct{ name, hcl, want string }{
		{"port", `ports { serf_lan = 7 }`, "127.0.0.1:7"},
		{"address", `serf_lan = "127.0.0.9"`, "127.0.0.9:8301"},
		{"template", `serf_lan = "{{ \"127.0.0.8\" }}" disable_coordinates = true`, "127.0.0.8:8301"},
		{"any-address", `serf_lan = "[::]"`, "[::]:8301"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := mustServer(t, tt.hcl)
			if c.SerfLAN.String() != tt.want || c.AdvertiseAddr.String() != "127.0.0.1" {
				t.Errorf("listens on %s, want %s; advertises %s", c.SerfLAN, tt.want, c.AdvertiseAddr)
			}
			if c.DisableCoordinates != (tt.name == "template") {
				t.Errorf("coordinates off: %t", c.DisableCoordinates)
			}
		})
	}
	c := mustServer(t, "", "-serf-lan-bind=127.0.0.7", "-serf-lan-port=9",
		"-serf-lan-allowed-cidrs=127.0.0.0/8", "-serf-lan-allowed-cidrs=fd00::/8")
	if c.SerfLAN.String() != "127.0.0.7:9" || !slices.Equal(c.SerfAllowed, prefixes("127.0.0.0/8 fd00::/8")) {
		t.Errorf("by flags: listens on %s, allows %s", c.SerfLAN, c.SerfAllowed)
	}
}

func prefixes(text string) (all []netip.Prefix) {
	for p := range strings.FieldsSeq(text) {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

func TestAllowedNetworks(t *testing.T) {
	c := mustServer(t, `serf_lan_allowed_cidrs = ["10.1.2.3/8", "::ffff:192.168.1.1/112", "fd00::1/16"]`)
	if want := prefixes("10.0.0.0/8 192.168.0.0/16 fd00::/16"); !slices.Equal(c.SerfAllowed, want) {
		t.Errorf("allowed %s, want %s", c.SerfAllowed, want)
	}
	if c := mustServer(t, `serf_lan_allowed_cidrs = []`); c.SerfAllowed != nil {
		t.Errorf("an empty list allows all, not %q", c.SerfAllowed)
	}
}

func TestEncrypt(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "serf", "local.keyring")
	for _, tt := range []struct {
		name string
		args []string
		want EncryptConfig
		file string
	}{
		{"defaults", []string{"-server", "-bootstrap"}, EncryptConfig{"", true, true, false}, file},
		{"key", []string{"-encrypt", testKey}, EncryptConfig{testKey, true, true, false}, file},
		{"16 bytes", []string{"-encrypt", "c2VjcmV0c2VjcmV0c2Vjcg=="}, EncryptConfig{"c2VjcmV0c2VjcmV0c2Vjcg==", true, true, false}, file},
		{"24 bytes", []string{"-encrypt", strings.Repeat("c2Vj", 8)}, EncryptConfig{strings.Repeat("c2Vj", 8), true, true, false}, file},
		{"incoming", []string{"-hcl", `encrypt_verify_incoming = false`}, EncryptConfig{"", false, true, false}, file},
		{"outgoing", []string{"-hcl", `encrypt_verify_outgoing = false`}, EncryptConfig{"", true, false, false}, file},
		{"in memory", []string{"-disable-keyring-file"}, EncryptConfig{"", true, true, true}, ""},
		{"development", []string{"-dev"}, EncryptConfig{"", true, true, true}, ""},
		{"development with a file", []string{"-dev", "-disable-keyring-file=false"}, EncryptConfig{"", true, true, false}, file},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, err := client(t, "", append(tt.args, "-data-dir", dir)...)
			if err != nil {
				t.Fatal(err)
			}
			if c.Encrypt != tt.want || c.KeyringFile() != tt.file {
				t.Errorf("got %+v and %q, want %+v and %q", c.Encrypt, c.KeyringFile(), tt.want, tt.file)
			}
		})
	}
	if c, _, err := load(t, "-dev", "-node=n", "-disable-keyring-file=false"); err != nil || c.KeyringFile() != "" {
		t.Errorf("no data directory, but a keyring in %q; %v", c.KeyringFile(), err)
	}
}

func TestEncryptKeepsTheKeySecret(t *testing.T) {
	for _, key := range []string{"c2VjcmV0", testKey + "c2Vj", testKey[:40], "?" + testKey, `["c2VjcmV0"]`} {
		_, warnings, err := client(t, "", "-encrypt", key)
		if err == nil || strings.Contains(err.Error()+strings.Join(warnings, ""), "c2Vj") {
			t.Errorf("error %v, warnings %q", err, warnings)
		}
	}
	_, _, err := client(t, `encrypt = ["`+testKey+`"]`)
	if err == nil || strings.Contains(err.Error(), testKey) {
		t.Errorf("error %v", err)
	}
}

func TestTaggedAddresses(t *testing.T) {
	for _, tt := range []struct {
		name, hcl string
		want      map[string]string
	}{
		{"defaults", ``, map[string]string{"lan": "127.0.0.1", "wan": "127.0.0.1", "lan_ipv4": "127.0.0.1", "wan_ipv4": "127.0.0.1"}},
		{"IPv6", `advertise_addr = "[2600::1]"`, map[string]string{
			"lan": "2600::1", "wan": "2600::1", "lan_ipv6": "2600::1", "wan_ipv6": "2600::1"}},
		{"both families", `advertise_addr = "10.0.0.1" advertise_addr_ipv6 = "2600::1"`, map[string]string{
			"lan": "10.0.0.1", "wan": "10.0.0.1", "lan_ipv4": "10.0.0.1", "wan_ipv4": "10.0.0.1", "lan_ipv6": "2600::1"}},
		{"another IPv4", `advertise_addr_ipv4 = "{{ \"10.0.0.2\" }}"`, map[string]string{
			"lan": "127.0.0.1", "wan": "127.0.0.1", "lan_ipv4": "10.0.0.2", "wan_ipv4": "127.0.0.1"}},
		{"the operator's", `tagged_addresses { mine = "x" lan = "10.0.0.9" lan_ipv6 = "2600::2" }`, map[string]string{
			"lan": "127.0.0.1", "wan": "127.0.0.1", "lan_ipv4": "127.0.0.1", "wan_ipv4": "127.0.0.1", "lan_ipv6": "2600::2", "mine": "x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustServer(t, tt.hcl).TaggedAddresses; !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLimitsOfTheServerPort(t *testing.T) {
	c := mustServer(t, `limits { rpc_max_conns_per_client = 0 rpc_handshake_timeout = "0s" rpc_rate = 2.5 rpc_max_burst = 3
		rpc_client_timeout = "4s" } discovery_max_stale = "5s"`)
	want := defaultLimits
	want.RPCMaxConnsPerClient, want.RPCHandshakeTimeout, want.RPCRate, want.RPCMaxBurst, want.RPCClientTimeout = 0, 0, 2.5, 3, 4*time.Second
	if c.Limits != want || c.DiscoveryMaxStale != 5*time.Second {
		t.Errorf("limits %+v, stale %s", c.Limits, c.DiscoveryMaxStale)
	}
	if c := mustServer(t, `limits { rpc_rate = 7 }`); c.Limits.RPCRate != 7 || c.DiscoveryMaxStale != 0 {
		t.Errorf("rate %v, stale %s", c.Limits.RPCRate, c.DiscoveryMaxStale)
	}
}
