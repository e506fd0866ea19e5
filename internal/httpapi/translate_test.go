package httpapi

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

var shownAddress = regexp.MustCompile(`"(?:Service)?(?:Address|Port)":("[^"]*"|\d+)`)

// Who asks for it sees another datacenter under the addresses by which it is reached from outside, its own under the usual ones, and knows
// by a header that this is so.
func TestWANAddresses(t *testing.T) {
	on, off := federation(t, Config{HoldTimeout: time.Second, TranslateWANAddrs: true}), federation(t, Config{HoldTimeout: time.Second})
	for _, f := range []*federated{&on, &off} {
		f.knowing("dc2")
		offer(t, "web", "dc2", "a=passing", f.leader2, f.follower2)
		offer(t, "own", "dc1", "b=passing", f.leader1, f.follower1)
		applyAll(t, fsm.Register(&state.Registration{Node: &record.Register{Node: "plain", Address: "10.9.9.9", Datacenter: "dc2"},
			Service: &record.NodeService{ID: "p", Service: "plain", Port: 1}}), f.leader2, f.follower2)
		f.store(t, "", record.QueryService{Service: "web", Failover: record.QueryFailover{Datacenters: []string{"dc2"}}})
	}
	const lan, wan = `"10.2.0.1"`, `"192.0.2.1"`
	const usual, fromOutside = `"" ` + lan + ` "198.51.100.1" 80 8080`, wan + ` "198.51.100.1" "198.51.100.1" 8080 8080` // the tagged ones among them
	for _, c := range []struct {
		name, target string
		without      string // the addresses and ports in the answer, sorted
		with         string
	}{
		{"nodes", "/v1/catalog/nodes?dc=dc2&filter=Node==a", lan, wan},
		{"a filter knows the address itself", "/v1/catalog/nodes?dc=dc2&filter=Address==%2210.2.0.1%22", lan, wan},
		{"a node", "/v1/catalog/node/a?dc=dc2", usual, fromOutside},
		{"a node's services", "/v1/catalog/node-services/a?dc=dc2", usual, fromOutside},
		{"a service", "/v1/catalog/service/web?dc=dc2", usual, fromOutside},
		{"health", "/v1/health/service/web?dc=dc2", usual, fromOutside},
		{"stale health", "/v1/health/service/web?dc=dc2&stale", usual, fromOutside},
		{"a prepared query", "/v1/query/q/execute", usual, fromOutside},
		{"nothing tagged", "/v1/catalog/service/plain?dc=dc2", `"" "10.9.9.9" 1`, `"" "10.9.9.9" 1`},
		{"the own datacenter", "/v1/catalog/service/own", usual, usual},
		{"the own datacenter's health", "/v1/health/service/own?dc=dc1", usual, usual},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, x := range []struct {
				f            *federated
				want, header string
			}{{&off, c.without, ""}, {&on, c.with, "true"}} {
				for _, m := range []*fakeMember{x.f.client, x.f.follower1, x.f.leader1} {
					w := ask(m.handler, "GET", c.target, "")
					var got []string
					for _, match := range shownAddress.FindAllStringSubmatch(w.Body.String(), -1) {
						got = append(got, match[1])
					}
					slices.Sort(got)
					if w.Code != 200 || strings.Join(got, " ") != x.want {
						t.Errorf("%s: %d %s; want %s: %s", m.name, w.Code, got, x.want, w.Body)
					}
					if h := w.Header().Values("X-Consul-Translate-Addresses"); strings.Join(h, ",") != x.header {
						t.Errorf("%s: the header is %q", m.name, h)
					}
				}
			}
		})
	}
	// What counts is the agent that was asked: not that of the datacenter that answers, and not what it would want itself.
	if w := ask(off.leader2.handler, "GET", "/v1/catalog/service/web", ""); strings.Contains(w.Body.String(), `"Address":`+wan) {
		t.Errorf("%s", w.Body)
	}
}
