package drill

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// A mutation changes what a codec makes of a value. It does nothing to values of other types.
type mutation struct {
	name   string
	mutate func(v any)
}

// mutations lose something. Each of them hits something in full.snap.
var mutations = []mutation{
	{"flags of keys are dropped", onKV(func(e *record.KVEntry) { e.Flags = 0 })},
	{"lock indexes are lost", onKV(func(e *record.KVEntry) { e.LockIndex = 0 })},
	{"locks are lost", onKV(func(e *record.KVEntry) { e.Session = "" })},
	{"values are cut", onKV(func(e *record.KVEntry) { e.Value = e.Value[:min(len(e.Value), 3)] })},
	{"the upper half of numbers is lost", onKV(func(e *record.KVEntry) { e.Flags &= 1<<32 - 1 })},
	{"tags of services are dropped", onService(func(s *record.NodeService) { s.Tags = nil })},
	{"ports are cut to a byte", onService(func(s *record.NodeService) { s.Port &= 0xff })},
	{"configurations of proxies are lost", onService(func(s *record.NodeService) { s.Proxy.Config = nil })},
	{"metadata of nodes is lost", on(func(r *record.Register) { r.NodeMeta = nil })},
	{"output of checks is lost", on(func(r *record.Register) {
		if r.Check != nil {
			r.Check.Output = ""
		}
	})},
	{"checks of sessions are lost", on(func(s *record.Session) { s.NodeChecks = nil })},
	{"lock delays lose their unit", on(func(s *record.Session) { s.LockDelay /= 1e9 })},
	{"policies of tokens are lost", on(func(t *record.ACLToken) { t.Policies = nil })},
	{"secrets of tokens are cut", on(func(t *record.ACLToken) { t.SecretID = t.SecretID[:8] })},
	{"rules of policies are cut", on(func(p *record.ACLPolicy) { p.Rules = p.Rules[:len(p.Rules)/2] })},
	{"identities of roles are lost", on(func(r *record.ACLRole) { r.ServiceIdentities = nil })},
	{"failover of queries is lost", on(func(q *record.PreparedQuery) { q.Service.Failover.Datacenters = nil })},
	{"templates of queries are lost", on(func(q *record.PreparedQuery) { q.Template.Type = "" })},
	{"selectors of binding rules are lost", on(func(r *record.ACLBindingRule) { r.Selector = "" })},
	{"configurations of auth methods are lost", on(func(m *record.ACLAuthMethod) { m.Config = nil })},
}

// symmetric mutations are undone by encoding, so that the tables encode what the archive held: only the API can tell.
var symmetric = []mutation{
	{"create and modify index of keys are swapped", onKV(func(e *record.KVEntry) { e.CreateIndex, e.ModifyIndex = e.ModifyIndex, e.CreateIndex })},
	{"flags and lock index are swapped", onKV(func(e *record.KVEntry) { e.Flags, e.LockIndex = e.LockIndex, e.Flags })},
	{"bits of values are inverted", onKV(func(e *record.KVEntry) {
		e.Value = slices.Clone(e.Value)
		for i := range e.Value {
			e.Value[i] ^= 0xff
		}
	})},
	{"name and address of services are swapped", onService(func(s *record.NodeService) { s.Address, s.SocketPath = s.SocketPath, s.Address })},
	{"notes and output of checks are swapped", on(func(r *record.Register) {
		if r.Check != nil {
			r.Check.Notes, r.Check.Output = r.Check.Output, r.Check.Notes
		}
	})},
	{"description and rules are swapped", on(func(p *record.ACLPolicy) { p.Description, p.Rules = p.Rules, p.Description })},
	{"name and TTL of sessions are swapped", on(func(s *record.Session) { s.Name, s.TTL = s.TTL, s.Name })},
}

func on[T any](mutate func(*T)) func(any) {
	return func(v any) {
		if v, ok := v.(*T); ok {
			mutate(v)
		}
	}
}

func onKV(mutate func(*record.KVEntry)) func(any) { return on(mutate) }

func onService(mutate func(*record.NodeService)) func(any) {
	return on(func(r *record.Register) {
		if r.Service != nil {
			mutate(r.Service)
		}
	})
}

// decoding is Lictor with a mutated decoder.
func (m mutation) decoding() *prover {
	p := lictor()
	p.decoder = func() func(record.Raw) (any, error) {
		decode := checked()
		return func(raw record.Raw) (any, error) {
			v, err := decode(raw)
			if err == nil {
				m.mutate(v)
			}
			return v, err
		}
	}
	return p
}

// encoding makes p encode with a mutated encoder.
func (m mutation) encoding(p *prover) *prover {
	p.encoder = func(s *state.Store) digest.Source {
		return func(visit func(record.Raw) error) error {
			return Tables(s)(func(raw record.Raw) error {
				v, err := record.Decode(raw)
				if err != nil {
					return err
				}
				m.mutate(v)
				b, err := record.Append(nil, v)
				raw.Value = b[1:]
				if err != nil {
					return err
				}
				return visit(raw)
			})
		}
	}
	return p
}

// A codec that loses anything makes the proof fail, in the tables and in the answers, though the archive's own sums are right.
func TestMutatedCodecIsFound(t *testing.T) {
	open := opener("consul-1.21.4/full.snap")
	src, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if _, err := archive.Read(src, nil); err != nil {
		t.Fatalf("the hash check finds %v in an archive that is sound", err)
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			if r := prove(t, m.decoding(), open, nil); r.Proof != Bad || len(r.Tables) == 0 || len(r.Answers) == 0 {
				t.Errorf("decoder: %s; %d differences in the tables, %d in the answers", r.Proof, len(r.Tables), len(r.Answers))
			}
			if r := prove(t, m.encoding(lictor()), open, nil); r.Proof != Bad || len(r.Tables) == 0 {
				t.Errorf("encoder: %s; %d differences in the tables", r.Proof, len(r.Tables))
			}
		})
	}
	for _, m := range symmetric {
		t.Run(m.name, func(t *testing.T) {
			r := prove(t, m.encoding(m.decoding()), open, nil)
			if r.Proof != Bad || len(r.Tables) > 0 || len(r.Answers) == 0 {
				t.Errorf("%s; %d differences in the tables, %d in the answers", r.Proof, len(r.Tables), len(r.Answers))
			}
		})
	}
}

// What JSON does not keep apart, the comparison of the tables does, also of archives whose records lack fields.
func TestMutatedBytesAreFound(t *testing.T) {
	b := record.AppendHeader(nil, record.Header{LastIndex: 7})
	b = appendMap(append(b, byte(record.TypeKVS)), map[string]any{"Key": "k", "Value": "\xff\xfe", "CreateIndex": 3, "ModifyIndex": 4})
	open := holding(pack(t, b))
	if r := prove(t, lictor(), open, nil); !r.Proven() {
		t.Fatalf("as it is: %s, %s", r.Proof, r.Reason)
	}
	m := mutation{"", onKV(func(e *record.KVEntry) { e.Value = []byte("\xfe\xff") })}
	if r := prove(t, m.encoding(lictor()), open, nil); r.Proof != Bad || len(r.Tables) != 1 {
		t.Errorf("%s: %v", r.Proof, r.Tables)
	}
}

// A handler that shows anything else than the tables hold makes the proof fail.
func TestMutatedHandlerIsFound(t *testing.T) {
	for _, c := range []struct {
		name, path string
		mutate     func(objects []map[string]any) []map[string]any
		want       string
	}{
		{"a field is dropped", "/v1/kv/", func(all []map[string]any) []map[string]any {
			for _, m := range all {
				delete(m, "Flags")
			}
			return all
		}, "Flags"},
		{"an object is left out", "/v1/session/list", func(all []map[string]any) []map[string]any { return all[1:] }, "missing"},
		{"an object is shown twice", "/v1/acl/tokens", func(all []map[string]any) []map[string]any { return append(all, all[0]) }, "added"},
		{"a field is another's", "/v1/catalog/nodes", func(all []map[string]any) []map[string]any {
			all[0]["Address"] = "192.0.2.77"
			return all
		}, "Address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := lictor()
			p.handler = func(s *state.Store) http.Handler { return mutated(handlers(s), c.path, c.mutate) }
			r := prove(t, p, opener("consul-1.21.4/full.snap"), nil)
			if r.Proof != Bad || len(r.Tables) > 0 || !strings.Contains(r.Reason, c.want) {
				t.Errorf("%s %s: %+v", r.Proof, r.Reason, r.Answers)
			}
		})
	}
}

// A handler that fails proves nothing, and ends nothing but the drill.
func TestHandlerThatPanicsIsUnproven(t *testing.T) {
	p := lictor()
	p.handler = func(*state.Store) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("on purpose") })
	}
	if r := prove(t, p, opener("consul-1.21.4/kv.snap"), nil); r.Proof != Unproven || !strings.Contains(r.Reason, "on purpose") {
		t.Errorf("%s: %s", r.Proof, r.Reason)
	}
}

// mutated is h with another answer on a path.
func mutated(h http.Handler, path string, mutate func([]map[string]any) []map[string]any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !strings.HasPrefix(req.URL.Path, path) {
			h.ServeHTTP(w, req)
			return
		}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, req)
		var all []map[string]any
		d := json.NewDecoder(answer.Body)
		d.UseNumber()
		if err := d.Decode(&all); err != nil {
			panic(err)
		}
		_ = json.NewEncoder(w).Encode(mutate(all))
	})
}
