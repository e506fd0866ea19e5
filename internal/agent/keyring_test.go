package agent

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/serf/serf"

	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/httpapi"
)

// gossipKey is a key that consists of one letter.
func gossipKey(letter string) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(letter, 32)))
}

// openPool makes the n-th member of a pool on the loopback.
func openPool(t *testing.T, n int, key string) *gossip.Pool {
	t.Helper()
	p, err := gossip.Open(gossip.Config{
		Name: fmt.Sprintf("n%d", n), NodeID: fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", n), Datacenter: "dc1",
		Bind: netip.MustParseAddrPort("127.0.0.1:0"), ServerPort: 8300, Key: key, VerifyIncoming: true, VerifyOutgoing: true,
		Timing: gossip.DefaultTiming(), Logger: hclog.NewNullLogger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// seesTwo waits until a pool has two members.
func seesTwo(t *testing.T, p *gossip.Pool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for len(p.Members()) < 2 {
		select {
		case <-p.Changed():
		case <-deadline:
			t.Fatalf("%s is alone", p.Self().Name)
		}
	}
}

func keyringOf(p *gossip.Pool) httpapi.Keyring {
	return (&backend{&Agent{config: &agentconfig.Config{Datacenter: "dc1"}, pool: p}}).Keyring()
}

// A key reaches all members, whoever is told to install it; the one in use cannot be removed, only the others.
func TestKeyring(t *testing.T) {
	first, second, unknown := gossipKey("a"), gossipKey("b"), gossipKey("c")
	a, b := openPool(t, 1, first), openPool(t, 2, first)
	if _, err := b.Join([]string{a.Self().Addr.String()}); err != nil {
		t.Fatal(err)
	}
	seesTwo(t, a)
	seesTwo(t, b)
	atA, atB := keyringOf(a), keyringOf(b)
	const primary, missing = "removing the primary key is not allowed", "requested key is not in the keyring"
	for _, step := range []struct {
		name    string
		do      func() error
		err     string
		keys    string // afterwards, with the number of members
		primary string
	}{
		{"at first", func() error { return nil }, "", "a2", "a2"},
		{"install", func() error { return atA.Install(second, 0, false) }, "", "a2 b2", "a2"},
		{"install again", func() error { return atB.Install(second, 1, false) }, "", "a2 b2", "a2"},
		{"remove the one in use", func() error { return atA.Remove(first, 0, false) },
			"2/2 nodes reported failure: n1: " + primary + "; n2: " + primary, "a2 b2", "a2"},
		{"use what nobody has", func() error { return atA.Use(unknown, 0, false) },
			"2/2 nodes reported failure: n1: " + missing + "; n2: " + missing, "a2 b2", "a2"},
		{"use", func() error { return atB.Use(second, 0, false) }, "", "a2 b2", "b2"},
		{"remove", func() error { return atA.Remove(first, 0, false) }, "", "b2", "b2"},
	} {
		if err := step.do(); (err != nil || step.err != "") && (err == nil || err.Error() != step.err) {
			t.Fatalf("%s: %v; want %q", step.name, err, step.err)
		}
		for _, k := range []httpapi.Keyring{atA, atB} {
			list, err := k.List(0, false)
			if err != nil || len(list) != 1 {
				t.Fatalf("%s: %+v, %v", step.name, list, err)
			}
			l := list[0]
			if l.Datacenter != "dc1" || l.WAN || l.NumNodes != 2 || len(l.Messages) != 0 || letters(t, l.Keys) != step.keys || letters(t, l.PrimaryKeys) != step.primary {
				t.Errorf("%s: %+v", step.name, l)
			}
		}
	}
}

// letters shows keys made by gossipKey, each with its count.
func letters(t *testing.T, keys map[string]int) string {
	t.Helper()
	var all []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		b, err := gossip.DecodeKey(key)
		if err != nil {
			t.Fatalf("%q: %v", key, err)
		}
		all = append(all, fmt.Sprint(string(b[:1]), keys[key]))
	}
	return strings.Join(all, " ")
}

// A server changes the keys of both of its pools, and tells them apart.
func TestKeyringOfBothPools(t *testing.T) {
	first, second := gossipKey("a"), gossipKey("b")
	k := keyring{lan: openPool(t, 1, first), wan: openPool(t, 2, first), datacenter: "dc1"}
	if err := errors.Join(k.Install(second, 0, false), k.Use(second, 0, false), k.Remove(first, 0, false)); err != nil {
		t.Fatal(err)
	}
	list, err := k.List(0, false)
	if err != nil || len(list) != 2 || !list[0].WAN || list[1].WAN || letters(t, list[0].Keys) != "b1" || letters(t, list[1].Keys) != "b1" {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err = k.List(0, true); err != nil || len(list) != 1 || list[0].WAN {
		t.Errorf("of this datacenter alone: %+v, %v", list, err)
	}
}

// What is not a key is the client's mistake, and not repeated.
func TestKeyringRefusesWhatIsNoKey(t *testing.T) {
	k := keyringOf(openPool(t, 1, gossipKey("a")))
	for _, key := range []string{"", "c2hvcnQ=", "not base64!"} {
		err := k.Install(key, 0, false)
		var status interface{ HTTPStatus() int }
		if !errors.As(err, &status) || status.HTTPStatus() != 400 || !strings.HasPrefix(err.Error(), "Invalid key: ") || key != "" && strings.Contains(err.Error(), key) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// Without encryption there is no keyring, in a pool and outside of one.
func TestKeyringWithoutEncryption(t *testing.T) {
	for name, pool := range map[string]*gossip.Pool{"no pool": nil, "no key": openPool(t, 1, "")} {
		k := keyringOf(pool)
		if _, err := k.List(0, false); err == nil || err.Error() != "Keyring is empty (encryption not enabled)" {
			t.Errorf("%s: list: %v", name, err)
		}
		for _, change := range []func(string, uint8, bool) error{k.Install, k.Use, k.Remove} {
			if err := change(gossipKey("a"), 0, false); err == nil || err.Error() != "No keyring to modify (encryption not enabled)" {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// A failure tells what each member said, and never what may be a key.
func TestKeyFailure(t *testing.T) {
	counted := errors.New("1/3 nodes reported failure")
	for _, c := range []struct {
		name     string
		response serf.KeyResponse
		err      error
		want     string
	}{
		{"none", serf.KeyResponse{}, nil, ""},
		{"before anybody was asked", serf.KeyResponse{}, errors.New("illegal"), "illegal"},
		{"two members", serf.KeyResponse{NumNodes: 3, NumResp: 3, NumErr: 2, Messages: map[string]string{"n2": "no", "n1": "never"}}, counted,
			"1/3 nodes reported failure: n1: never; n2: no"},
		{"an answer that cannot be read", serf.KeyResponse{NumErr: 1, Messages: map[string]string{"n1": "Failed to decode key query response: [115 101]"}}, counted,
			"1/3 nodes reported failure: n1: Failed to decode key query response"},
		{"no answer", serf.KeyResponse{NumNodes: 2, NumResp: 1}, errors.New("1/2 nodes reported success"),
			"1/2 nodes reported success: the others did not answer in time; repeat this once all members are alive"},
	} {
		got := ""
		if err := keyFailure(&c.response, c.err); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
