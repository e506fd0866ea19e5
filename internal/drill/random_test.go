package drill

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// A maker makes states by chance.
type maker struct {
	t     testing.TB
	r     *rand.Rand
	index uint64
}

func newMaker(t testing.TB, seed uint64) *maker {
	return &maker{t: t, r: rand.New(rand.NewPCG(seed, 77)), index: 10}
}

// stream makes a state: each family with some objects or none.
func (m *maker) stream() []byte {
	b := record.AppendHeader(nil, record.Header{LastIndex: 100000})
	for _, v := range m.records() {
		var err error
		if b, err = record.Append(b, v); err != nil {
			m.t.Fatal(err)
		}
	}
	return b
}

func (m *maker) records() (all []any) {
	if m.r.IntN(4) == 0 {
		for _, v := range m.node(0) {
			imported(v.(*record.Register))
			all = append(all, v)
		}
	}
	for i := range m.r.IntN(5) {
		all = append(all, m.node(i)...)
	}
	for i := range m.r.IntN(3) {
		all = append(all, &record.Coordinates{{Node: fmt.Sprint("node-", i), Segment: m.maybe("seg"), Coord: record.Coord{
			Adjustment: m.r.NormFloat64(), Error: m.r.Float64(), Height: 1e-5, Vec: []float64{m.r.NormFloat64(), 0, -1e-9, 1e21}}}})
	}
	for range m.r.IntN(4) {
		all = append(all, &record.Session{ID: m.uuid(), Node: "node-0", Name: m.text(), Behavior: m.one("release", "delete"), TTL: m.maybe("10s"),
			LockDelay: time.Duration(m.r.Int64N(6e10) - 3e10), NodeChecks: m.list(), CreateIndex: m.next(), ModifyIndex: m.index,
			ServiceChecks: []record.SessionServiceCheck{{ID: m.text()}}})
	}
	all = append(all, m.acls()...)
	for i := range m.r.IntN(40) {
		all = append(all, &record.KVEntry{Key: fmt.Sprintf("%s/%d/%s", m.text(), i, m.text()), Value: m.bytes(), Flags: m.number(), LockIndex: m.r.Uint64N(9),
			Session: m.maybe(m.uuid()), CreateIndex: m.next(), ModifyIndex: m.next()})
	}
	for i := range m.r.IntN(4) {
		all = append(all, &record.Tombstone{Key: fmt.Sprint("gone/", i), ModifyIndex: m.next()})
	}
	for range m.r.IntN(3) {
		all = append(all, &record.PreparedQuery{ID: m.uuid(), Name: m.text(), Token: m.maybe(m.uuid()), DNS: record.QueryDNS{TTL: m.maybe("10s")},
			Service: record.QueryService{Service: "web", Tags: m.list(), NodeMeta: m.dict(), OnlyPassing: m.flip(), Near: m.maybe("_agent"),
				Failover: record.QueryFailover{NearestN: m.r.IntN(3), Datacenters: m.list(), Targets: []record.QueryTarget{{Peer: m.text()}}}},
			CreateIndex: m.next(), ModifyIndex: m.next()})
	}
	if m.flip() {
		a := record.DefaultAutopilot()
		a.CreateIndex, a.ModifyIndex, a.MinQuorum = m.next(), m.index, uint(m.r.IntN(5))
		all = append(all, &a)
	}
	for i := range m.r.IntN(3) {
		value := appendMap(nil, map[string]any{"ID": fmt.Sprint("ca-", i), "Some": m.number(), "Bytes": m.bytes()})
		all = append(all, &record.Opaque{Type: record.TypeFederationState, Value: msgpack.Raw(value)})
	}
	for i := range m.r.IntN(3) {
		all = append(all, &record.SystemMetadata{Key: fmt.Sprint("key-", i), Value: m.text(), CreateIndex: m.next(), ModifyIndex: m.index})
	}
	if m.flip() {
		all = append(all, &record.Index{Key: "kvs", Value: m.next()}, &record.Index{Key: "Nodes", Value: m.next()})
	}
	return all
}

// imported makes a registration one that came from a peer. The API does not show it among the cluster's own.
func imported(r *record.Register) {
	r.PeerName = "peer"
	if r.Service != nil {
		r.Service.PeerName = "peer"
	}
	if r.Check != nil {
		r.Check.PeerName = "peer"
	}
}

// node makes a node with services and checks. Its name is awkward now and then.
func (m *maker) node(i int) (all []any) {
	name := fmt.Sprint("node-", i)
	if m.r.IntN(6) == 0 {
		name = m.one("..", "a/b", "nöde", "%2F", "with space", "q?x=1#y", "<b>&amp;") + strings.Repeat("x", i)
	}
	n := record.Register{Node: name, ID: m.uuid(), Address: "192.0.2.7", Datacenter: "dc1", NodeMeta: m.dict(), TaggedAddresses: m.dict(),
		CreateIndex: m.next(), ModifyIndex: m.next()}
	all = append(all, &n)
	for j := range m.r.IntN(4) {
		with := n
		with.Service = &record.NodeService{ID: fmt.Sprint("s", j, m.text()), Service: m.text() + "s", Address: m.maybe("192.0.2.8"), Port: m.r.IntN(65536), Tags: m.list(),
			Meta: m.dict(), EnableTagOverride: m.flip(), Weights: &record.Weights{Passing: m.r.IntN(3), Warning: m.r.IntN(3)},
			TaggedAddresses: map[string]record.ServiceAddress{"lan": {Address: m.maybe("192.0.2.9"), Port: m.r.IntN(9)}}, CreateIndex: m.next(), ModifyIndex: m.next()}
		if m.flip() {
			with.Service.Kind, with.Service.Proxy.DestinationServiceName = "connect-proxy", m.text()
			with.Service.Proxy.Config = msgpack.Raw(appendMap(nil, map[string]any{"bind_port": m.r.IntN(9), "name": m.text(), "list": []any{m.text(), true, 1.5}}))
			with.Service.Proxy.Upstreams = []record.Upstream{{DestinationName: m.text(), LocalBindPort: m.r.IntN(9)}}
		}
		all = append(all, &with)
		for k := range m.r.IntN(3) {
			c := n
			c.Check = m.check(name, fmt.Sprint(j, "-", k))
			c.Check.ServiceID, c.Check.ServiceName, c.Check.ServiceTags = with.Service.ID, with.Service.Service, with.Service.Tags
			all = append(all, &c)
		}
	}
	if m.flip() {
		c := n
		c.Check = m.check(name, "serfHealth")
		all = append(all, &c)
	}
	return all
}

func (m *maker) check(node, id string) *record.HealthCheck {
	return &record.HealthCheck{Node: node, CheckID: id, Name: m.text(), Status: m.one("passing", "warning", "critical"), Output: m.text(), Notes: m.text(),
		Type: m.maybe("ttl"), ExposedPort: m.r.IntN(3), Definition: record.CheckDefinition{Interval: time.Duration(m.r.Int64N(1e11)), HTTP: m.maybe("http://x"),
			TTL: time.Duration(m.r.IntN(2)) * time.Second, Header: map[string][]string{"X": m.list()}}, CreateIndex: m.next(), ModifyIndex: m.next()}
}

func (m *maker) acls() (all []any) {
	for range m.r.IntN(4) {
		t := &record.ACLToken{AccessorID: m.uuid(), SecretID: m.uuid(), Description: m.text(), Hash: m.bytes(), Local: m.flip(), AuthMethod: m.maybe("jwt"),
			CreateTime: time.Unix(m.r.Int64N(2e9), m.r.Int64N(1e9)).UTC(), Policies: []record.ACLLink{{ID: m.uuid(), Name: m.text()}},
			ServiceIdentities: []record.ACLServiceIdentity{{ServiceName: m.text(), Datacenters: m.list()}}, CreateIndex: m.next(), ModifyIndex: m.next()}
		if m.flip() { // long past: the drill must not care
			ends := t.CreateTime.Add(time.Hour)
			t.ExpirationTime = &ends
			t.TemplatedPolicies = []record.ACLTemplatedPolicy{{TemplateName: "builtin/service", TemplateVariables: &record.ACLTemplateVariables{Name: m.text()}}}
		}
		all = append(all, t)
	}
	for range m.r.IntN(3) {
		all = append(all, &record.ACLPolicy{ID: m.uuid(), Name: m.text() + m.uuid(), Rules: m.text(), Description: m.text(), Datacenters: m.list(), Hash: m.bytes(),
			CreateIndex: m.next(), ModifyIndex: m.next()})
	}
	for range m.r.IntN(3) {
		all = append(all, &record.ACLRole{ID: m.uuid(), Name: m.text() + m.uuid(), NodeIdentities: []record.ACLNodeIdentity{{NodeName: m.text(), Datacenter: "dc1"}},
			Policies: []record.ACLLink{{ID: m.uuid()}}, Hash: m.bytes(), CreateIndex: m.next(), ModifyIndex: m.next()})
	}
	if m.flip() {
		config := appendMap(nil, map[string]any{"Host": m.text(), "Keys": []any{m.text()}, "Skew": 3e10, "Deep": map[string]any{"N": 7}})
		all = append(all, &record.ACLBindingRule{ID: m.uuid(), AuthMethod: "jwt", BindType: "service", BindName: m.text(), Selector: m.text(), CreateIndex: m.next()},
			&record.ACLAuthMethod{Name: m.one("jwt", "a/b", "ü"), Type: "jwt", MaxTokenTTL: time.Duration(m.r.IntN(9000)) * time.Second, Config: msgpack.Raw(config)})
	}
	return all
}

func (m *maker) next() uint64 { m.index += 1 + m.r.Uint64N(9); return m.index }
func (m *maker) flip() bool   { return m.r.IntN(2) == 0 }

func (m *maker) one(of ...string) string { return of[m.r.IntN(len(of))] }

func (m *maker) maybe(s string) string { return m.one("", s) }

func (m *maker) uuid() string {
	a, b := m.r.Uint64(), m.r.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&(1<<48-1))
}

// number is small or large, each width in turn.
func (m *maker) number() uint64 { return m.r.Uint64() >> m.r.IntN(65) }

// text is never empty, and seldom what programs expect.
func (m *maker) text() string {
	return m.one("x", "Y y", "ключ", "<script>&", "q\"uote\\", "line\nend\u2028", "\x00\x01", "\xff\xfe not text", "e\u0301", strings.Repeat("long ", 60))
}

func (m *maker) bytes() []byte {
	if m.r.IntN(5) == 0 {
		return nil
	}
	b := make([]byte, 1+m.r.IntN(200))
	for i := range b {
		b[i] = byte(m.r.Uint32())
	}
	return b
}

func (m *maker) list() []string {
	switch m.r.IntN(4) {
	case 0:
		return nil
	case 1:
		return []string{}
	}
	return []string{m.text(), "second", m.text()}
}

func (m *maker) dict() map[string]string {
	if m.r.IntN(3) == 0 {
		return nil
	}
	return map[string]string{"a": m.text(), "b": "", "c d": "e"}
}
