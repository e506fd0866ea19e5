package preparedquery

import (
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

func TestFilter(t *testing.T) {
	tagged := func(node string, tags ...string) Instance {
		i := instance(node)
		i.Service.Tags = tags
		return i
	}
	meta := func(node string, ofNode, ofService map[string]string) Instance {
		i := instance(node)
		i.Node.NodeMeta, i.Service.Meta = ofNode, ofService
		return i
	}
	type m = map[string]string
	health := []Instance{
		instance("none"), instance("ok", "a=passing"), instance("warn", "a=passing", "b=warning"), instance("crit", "a=critical", "b=passing"),
		instance("odd", "a=weird"),
	}
	tags := []Instance{tagged("bare"), tagged("v1", "v1"), tagged("both", "V1", "primary"), tagged("empty", "")}
	metas := []Instance{
		meta("plain", nil, nil), meta("r1", m{"rack": "r1"}, nil), meta("r1v2", m{"rack": "r1", "x": "y"}, m{"version": "v2"}),
		meta("case", m{"rack": "R1"}, m{"version": "V2"}), meta("swapped", m{"version": "v2"}, m{"rack": "r1"}),
	}

	for _, c := range []struct {
		name  string
		all   []Instance
		query record.QueryService
		want  string
	}{
		{"critical goes", health, record.QueryService{}, "none ok warn odd"},
		{"only passing", health, record.QueryService{OnlyPassing: true}, "none ok"},
		{"ignored critical", health, record.QueryService{IgnoreCheckIDs: []string{"a"}}, "none ok warn crit odd"},
		{"ignored without case", health, record.QueryService{IgnoreCheckIDs: []string{"A"}}, "none ok warn crit odd"},
		{"ignored another", health, record.QueryService{IgnoreCheckIDs: []string{"b"}}, "none ok warn odd"},
		{"ignored warning, only passing", health, record.QueryService{IgnoreCheckIDs: []string{"b"}, OnlyPassing: true}, "none ok warn"},
		{"tag", tags, record.QueryService{Tags: []string{"v1"}}, "v1 both"},
		{"tag without case", tags, record.QueryService{Tags: []string{"PRIMARY"}}, "both"},
		{"all tags", tags, record.QueryService{Tags: []string{"v1", "primary"}}, "both"},
		{"not a tag", tags, record.QueryService{Tags: []string{"!v1"}}, "bare empty"},
		{"a tag and not another", tags, record.QueryService{Tags: []string{"v1", "!primary"}}, "v1"},
		{"the empty tag", tags, record.QueryService{Tags: []string{""}}, "empty"},
		{"a tag and not the same", tags, record.QueryService{Tags: []string{"v1", "!v1"}}, ""},
		{"node meta", metas, record.QueryService{NodeMeta: m{"rack": "r1"}}, "r1 r1v2"},
		{"all node meta", metas, record.QueryService{NodeMeta: m{"rack": "r1", "x": "y"}}, "r1v2"},
		{"empty node meta is not absent", metas, record.QueryService{NodeMeta: m{"rack": ""}}, ""},
		{"service meta", metas, record.QueryService{ServiceMeta: m{"version": "v2"}}, "r1v2"},
		{"nothing asked", metas, record.QueryService{}, "plain r1 r1v2 case swapped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := names(filter(c.all, &c.query)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
