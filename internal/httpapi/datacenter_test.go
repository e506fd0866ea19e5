package httpapi

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/forward"
)

// A federated is a leader and a follower of dc1, a client agent there, and the same in dc2 without the client.
type federated struct{ client, leader1, follower1, leader2, follower2 *fakeMember }

func federation(t *testing.T, cfg Config) federated {
	f := federated{client: newMember(t, "client", cfg)}
	f.leader1, f.follower1 = pair(t, cfg)
	f.leader2, f.follower2 = pair(t, cfg)
	f.client.client, f.client.fakeBackend.peers = true, []string{f.follower1.address}
	f.leader2.name, f.follower2.name = "leader2", "follower2"
	for _, m := range []*fakeMember{f.leader1, f.follower1} {
		m.abroad = map[string][]string{"dc2": {f.follower2.address, f.leader2.address}}
	}
	for _, m := range []*fakeMember{f.leader2, f.follower2} {
		m.datacenter, m.abroad = "dc2", map[string][]string{"dc1": {f.follower1.address}}
	}
	return f
}

// count is how many requests have arrived at a member since it was last asked.
func (m *fakeMember) count() (n int) {
	for {
		select {
		case <-m.arrived:
			n++
		default:
			return n
		}
	}
}

// A request for another datacenter takes one hop inside its own, one between them, and one inside the other, at most; it is answered as
// that datacenter answers it.
func TestAnswersFromAnotherDatacenter(t *testing.T) {
	f := federation(t, Config{HoldTimeout: time.Second})
	register := `{"Datacenter":"DC2","Node":"n2","Address":"10.0.0.2"}`
	for _, c := range []struct {
		name, method, target, body string
		asked                      *fakeMember
		status                     int
		want                       string
		hops                       [4]int // follower1, leader1, follower2, leader2
	}{
		{"write through a client agent", "PUT", "/v1/kv/a?dc=dc2", "1", f.client, 200, "true", [4]int{1, 0, 1, 1}},
		{"write through a leader", "PUT", "/v1/kv/b?dc=dc2", "2", f.leader1, 200, "true", [4]int{0, 0, 1, 1}},
		{"default read", "GET", "/v1/kv/a?raw&dc=dc2", "", f.follower1, 200, "1", [4]int{0, 0, 1, 1}},
		{"stale read", "GET", "/v1/kv/a?raw&stale&dc=dc2", "", f.leader1, 404, "", [4]int{0, 0, 1, 0}},
		{"the longer name wins", "GET", "/v1/kv/a?raw&dc=dc9&datacenter=dc2", "", f.leader1, 200, "1", [4]int{0, 0, 1, 1}},
		{"by the body", "PUT", "/v1/catalog/register", register, f.leader1, 200, "true", [4]int{0, 0, 1, 1}},
		{"the query beats the body", "PUT", "/v1/catalog/register?dc=dc1", register, f.leader1, 200, "true", [4]int{}},
		{"by the body, removed", "PUT", "/v1/catalog/deregister", `{"Datacenter":"dc2","Node":"n9"}`, f.client, 200, "true", [4]int{1, 0, 1, 1}},
		{"a session of a node there", "PUT", "/v1/session/create", `{"Datacenter":"dc2","Node":"n2","Checks":[]}`, f.leader1, 200, "ID", [4]int{0, 0, 1, 1}},
		{"a session of this agent there", "PUT", "/v1/session/create?dc=dc2", "", f.leader1, 500, "Missing node registration", [4]int{0, 0, 1, 1}},
		{"its own name", "GET", "/v1/kv/a?raw&dc=dc1", "", f.leader1, 404, "", [4]int{}},
		{"nobody's name", "GET", "/v1/kv/a?dc=dc9", "", f.leader1, 500, "No path to datacenter", [4]int{}},
		{"nobody's name, through a client agent", "PUT", "/v1/kv/a?dc=dc9", "x", f.client, 500, "No path to datacenter", [4]int{1, 0, 0, 0}},
		{"nobody's name, in a body", "PUT", "/v1/catalog/register", `{"Datacenter":"dc9","Node":"n"}`, f.leader1, 500, "No path to datacenter", [4]int{}},
		{"status", "GET", "/v1/status/leader?dc=dc2", "", f.leader1, 200, "8300", [4]int{0, 0, 1, 0}},
		{"a snapshot", "GET", "/v1/snapshot?dc=dc2", "", f.leader1, 200, "an archive", [4]int{0, 0, 1, 1}},
		{"the agent's own", "GET", "/v1/agent/self?dc=dc2", "", f.leader1, 200, `"NodeName":"leader"`, [4]int{}},
		{"the list of all", "GET", "/v1/catalog/datacenters?dc=dc9", "", f.leader1, 200, `["dc1"]`, [4]int{}},
		{"the list of all, through a client agent", "GET", "/v1/catalog/datacenters", "", f.client, 200, `["dc1"]`, [4]int{1, 0, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(c.asked.handler, c.method, c.target, c.body)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if got := [4]int{f.follower1.count(), f.leader1.count(), f.follower2.count(), f.leader2.count()}; got != c.hops {
				t.Errorf("requests forwarded to follower1, leader1, follower2, leader2: %v, want %v", got, c.hops)
			}
		})
	}
	if value(f.leader2, "a") != "1" || value(f.leader2, "b") != "2" || value(f.leader1, "a")+value(f.follower2, "a") != "" {
		t.Error("the writes are not where they belong")
	}
	if _, node, _ := f.leader2.store.Node(nil, "n2"); node == nil || node.Datacenter != "dc2" {
		t.Errorf("the node is %+v", node)
	}
	w := ask(f.client.handler, "PUT", "/v1/snapshot?dc=dc2", "an archive")
	if got := [4]int{f.follower1.count(), f.leader1.count(), f.follower2.count(), f.leader2.count()}; w.Code != 200 || got != [4]int{1, 0, 1, 1} {
		t.Errorf("a restore: %d %s, requests forwarded %v", w.Code, w.Body, got)
	}
}

// Two datacenters that disagree about their names do not send a request to and fro.
func TestNoWayBack(t *testing.T) {
	f := federation(t, Config{})
	f.follower2.datacenter = "dc3"
	f.follower2.abroad = map[string][]string{"dc2": {f.follower1.address}}
	if w := ask(f.leader1.handler, "GET", "/v1/kv/a?dc=dc2", ""); w.Code != 500 || w.Body.String() != "No path to datacenter" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := f.follower1.count(); n != 0 {
		t.Errorf("it came back %d times", n)
	}
	resp, err := f.leader1.transport.Send(httptest.NewRequest("GET", "/v1/agent/self", nil), f.leader2.address, forward.Mark{Between: true})
	if err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("what is an agent's own, for another datacenter: %v, %v", resp, err)
	}
}

// The mark tells the other datacenter who asks, through all hops, and the token is the one of the agent that was asked.
func TestMarkCrosses(t *testing.T) {
	f := federation(t, Config{TranslateWANAddrs: true})
	f.client.tokens = map[agenttoken.Kind]string{agenttoken.Default: "of-the-client"}
	f.leader1.tokens = map[agenttoken.Kind]string{agenttoken.Default: "of-the-leader"}
	for _, c := range []struct {
		name, target string
		headers      []string
		token        string
	}{
		{"the agent's", "/v1/kv/a?dc=dc2", nil, "of-the-client"},
		{"in the URL", "/v1/kv/a?dc=dc2&token=s3cret", nil, "s3cret"},
		{"in the header", "/v1/kv/a?dc=dc2", []string{"X-Consul-Token: s3cret"}, "s3cret"},
		{"nobody's", "/v1/kv/a?dc=dc2", []string{"Lictor-Between: 1", "Lictor-Datacenter: dc2"}, acl.AnonymousSecretID},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.token == acl.AnonymousSecretID {
				f.client.tokens = nil
			}
			ask(f.client.handler, "GET", c.target, "", c.headers...)
			for _, hop := range []struct {
				at      *fakeMember
				between bool
			}{{f.follower1, false}, {f.follower2, true}, {f.leader2, false}} {
				req := <-hop.at.arrived
				want := forward.Mark{Node: "client", Datacenter: "dc1", Client: "192.0.2.1:1234", Between: hop.between, TranslateAddrs: true}
				if m := forward.Of(req.Context()); *m != want || req.Header.Get("X-Consul-Token") != c.token {
					t.Errorf("at %s: %+v, token %q", hop.at.name, *m, req.Header.Get("X-Consul-Token"))
				}
				if strings.Contains(req.URL.RawQuery, "token") {
					t.Errorf("the token travels in the URL: %s", req.URL)
				}
			}
		})
	}
}

// A server that cannot be reached is passed over; a write that may have been done is not sent to the next one.
func TestServersOfAnotherDatacenterFail(t *testing.T) {
	for _, c := range []struct {
		name, method string
		dead, cut    bool
		status       int
		want         string
		done         bool // by the second server
	}{
		{"a read", "GET", true, false, 200, "old", false},
		{"a write", "PUT", true, false, 200, "true", true},
		{"a read whose answer is lost", "GET", false, true, 200, "old", false},
		{"a write whose answer is lost", "PUT", false, true, 500, "may have been done or not", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := federation(t, Config{HoldTimeout: time.Second})
			f.leader2.put(t, "a=old")
			if c.dead {
				f.leader1.abroad["dc2"][0] = "127.0.0.1:1"
			}
			if c.cut {
				f.follower2.intercept = func(*http.Request) error { return errors.New("cut") }
			}
			w := ask(f.leader1.handler, c.method, "/v1/kv/a?raw&dc=dc2", "new")
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if got := value(f.leader2, "a") == "new"; got != c.done {
				t.Errorf("the value is %q", value(f.leader2, "a"))
			}
		})
	}
	f := federation(t, Config{HoldTimeout: 10 * time.Second})
	f.leader1.abroad["dc2"] = []string{"127.0.0.1:1", "127.0.0.1:2"}
	began := time.Now()
	w := ask(f.leader1.handler, "PUT", "/v1/snapshot?dc=dc2", "an archive")
	if w.Code != 500 || !strings.HasPrefix(w.Body.String(), "No path to datacenter (reach server 127.0.0.1:2: ") || time.Since(began) > 5*time.Second {
		t.Errorf("nobody can be reached: %d %s after %s", w.Code, w.Body, time.Since(began))
	}
}

// The leader of the other datacenter changes while it is asked: its own servers wait for the next one.
func TestLeaderOfAnotherDatacenterChanges(t *testing.T) {
	f := federation(t, Config{HoldTimeout: 5 * time.Second})
	f.leader2.follow(nil)
	f.follower2.follow(f.leader2)
	f.leader2.intercept = func(*http.Request) error {
		f.follower2.follow(f.follower2)
		return nil
	}
	if w := ask(f.leader1.handler, "PUT", "/v1/kv/a?dc=dc2", "1"); w.Code != 200 || value(f.follower2, "a") != "1" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
