package preparedquery

import (
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*record.PreparedQuery) // a good query
		want   string                      // "" for no error; a final … stands for any text
	}{
		{"good", func(*record.PreparedQuery) {}, ""},
		{"of a session", func(q *record.PreparedQuery) { q.Name, q.Session = "", "s" }, ""},
		{"catch-all", func(q *record.PreparedQuery) { q.Name, q.Template.Type = "", "name_prefix_match" }, ""},
		{"nothing to hold it", func(q *record.PreparedQuery) { q.Name = "" }, "Invalid prepared query: Must be bound to a session"},
		{"no service", func(q *record.PreparedQuery) { q.Service.Service = "" },
			"Invalid prepared query: Must provide a Service name to query"},
		{"hidden token", func(q *record.PreparedQuery) { q.Token = HiddenToken }, "Invalid prepared query: Bad Token '<hidden>': …"},
		{"peer", func(q *record.PreparedQuery) { q.Service.Peer = "p" }, "Invalid prepared query: Service.Peer is 'p': …"},
		{"sameness group", func(q *record.PreparedQuery) { q.Service.SamenessGroup = "g" },
			"Invalid prepared query: Service.SamenessGroup is 'g': …"},
		{"NearestN", func(q *record.PreparedQuery) { q.Service.Failover.NearestN = -1 },
			"Invalid prepared query: Bad NearestN '-1', must be >= 0"},
		{"targets", func(q *record.PreparedQuery) { q.Service.Failover.Targets = []record.QueryTarget{{Peer: "p"}} }, ""},
		{"targets and nearest", func(q *record.PreparedQuery) {
			q.Service.Failover = record.QueryFailover{Targets: []record.QueryTarget{{Datacenter: "d"}}, NearestN: 1}
		}, "Invalid prepared query: Targets cannot be populated with NearestN or Datacenters"},
		{"targets and datacenters", func(q *record.PreparedQuery) {
			q.Service.Failover = record.QueryFailover{Targets: []record.QueryTarget{{Datacenter: "d"}}, Datacenters: []string{"e"}}
		}, "Invalid prepared query: Targets cannot be populated with NearestN or Datacenters"},
		{"nearest and datacenters", func(q *record.PreparedQuery) {
			q.Service.Failover = record.QueryFailover{NearestN: 3, Datacenters: []string{"e"}}
		}, ""},
		{"TTL", func(q *record.PreparedQuery) { q.DNS.TTL = "10s" }, ""},
		{"TTL of zero", func(q *record.PreparedQuery) { q.DNS.TTL = "0s" }, ""},
		{"TTL that is none", func(q *record.PreparedQuery) { q.DNS.TTL = "zz" },
			`Invalid prepared query: Bad DNS TTL 'zz': time: invalid duration "zz"`},
		{"negative TTL", func(q *record.PreparedQuery) { q.DNS.TTL = "-1s" }, "Invalid prepared query: Bad DNS TTL '-1s', must be >= 0"},
		{"type of template", func(q *record.PreparedQuery) { q.Template.Type = "zz" },
			"raft apply failed: failed compiling template: Bad Template.Type 'zz'"},
		{"regexp of template", func(q *record.PreparedQuery) {
			q.Template = record.QueryTemplate{Type: "name_prefix_match", Regexp: "("}
		}, "raft apply failed: failed compiling template: Bad Regexp: …"},
		{"variable of template", func(q *record.PreparedQuery) {
			q.Template.Type, q.Service.Tags = "name_prefix_match", []string{"${nope}"}
		}, `raft apply failed: failed compiling template: "${nope}": …`},
		{"no template, no variables", func(q *record.PreparedQuery) { q.Service.Tags = []string{"${nope}"} }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := &record.PreparedQuery{Name: "q", Service: record.QueryService{Service: "web"}}
			c.change(q)
			got := ""
			if err := Validate(q); err != nil {
				got = err.Error()
			}
			if begin, open := strings.CutSuffix(c.want, "…"); open && strings.HasPrefix(got, begin) {
				return
			}
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
