package querytemplate

import (
	"reflect"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		name, prefix, of string
		want             bool
	}{
		{"prefix", "geo-", "geo-web", true},
		{"all of it", "geo-", "geo-", true},
		{"shorter", "geo-", "geo", false},
		{"another", "geo-", "web-geo-", false},
		{"everything", "", "web", true},
		{"without case", "Geo-", "gEO-web", true},
		{"in the middle of a letter", "\u00e9", "\u00e8", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Matches(c.prefix, c.of); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestRenderVariables(t *testing.T) {
	const re = "^geo-(.*?)-([^\\-]+?)$"
	for _, c := range []struct{ name, regexp, text, ask, want string }{
		{"full", "", "${name.full}", "geo-web", "geo-web"},
		{"prefix and suffix", "", "${name.prefix}|${name.suffix}", "geo-web", "geo-|web"},
		{"no suffix", "", "<${name.suffix}>", "geo-", "<>"},
		{"segment", "", "${agent.segment}", "geo-web", "alpha"},
		{"whole match", re, "${match(0)}", "geo-web-v1", "geo-web-v1"},
		{"groups", re, "${match(2)}.${match(1)}", "geo-my-web-v1", "v1.my-web"},
		{"group beyond", re, "<${match(3)}>", "geo-web-v1", "<>"},
		{"group below", re, "<${match(-1)}>", "geo-web-v1", "<>"},
		{"no match", re, "<${match(0)}${match(1)}>", "geo-web", "<>"},
		{"no regexp", "", "<${match(0)}>", "geo-web", "<>"},
		{"group that took no part", "^geo-(a)?(.*)$", "<${match(1)}>${match(2)}", "geo-web", "<>web"},
		{"escaped", "", "$${name.full}", "geo-web", "${name.full}"},
		{"no variables", "", `a "b" \ {c}`, "geo-web", `a "b" \ {c}`},
		{"values are not looked into", "", "${name.suffix}", "geo-${name.full}", "${name.full}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmpl, err := Compile(&record.PreparedQuery{
				Name: "geo-", Template: record.QueryTemplate{Type: TypeNamePrefix, Regexp: c.regexp}, Service: record.QueryService{Service: c.text},
			})
			if err != nil {
				t.Fatal(err)
			}
			q, err := tmpl.Render(c.ask, "alpha")
			if err != nil || q.Service.Service != c.want {
				t.Errorf("got %+v, %v, want %q", q, err, c.want)
			}
		})
	}
}

// everyField is a template with text in every string of its service.
func everyField(text string) *record.PreparedQuery {
	return &record.PreparedQuery{
		ID: "id", Name: "", Token: text, Template: record.QueryTemplate{Type: TypeNamePrefix, RemoveEmptyTags: true},
		DNS: record.QueryDNS{TTL: "1s"},
		Service: record.QueryService{
			Service: text, Near: text, Peer: text, SamenessGroup: text, Tags: []string{text, "x" + text}, IgnoreCheckIDs: []string{text},
			NodeMeta: map[string]string{"${key}": text}, ServiceMeta: map[string]string{"${key}": text},
			Failover: record.QueryFailover{Datacenters: []string{text}, Targets: []record.QueryTarget{{Datacenter: text, Peer: text}}},
		},
	}
}

func TestRenderReachesEveryField(t *testing.T) {
	for _, c := range []struct {
		name, text, value string
		tags              []string
	}{
		{"filled", "${name.full}", "web", []string{"web", "xweb"}},
		{"empty tags go", "${match(9)}", "", []string{"x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := everyField(c.text)
			tmpl, err := Compile(q)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tmpl.Render("web", "")
			if err != nil {
				t.Fatal(err)
			}
			want := everyField(c.value)
			want.Token, want.Service.Tags = c.text, c.tags
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if !reflect.DeepEqual(q, everyField(c.text)) {
				t.Errorf("the template is now %+v", q)
			}
		})
	}
}

func TestRenderKeepsEmptyTagsUnlessAsked(t *testing.T) {
	tmpl, err := Compile(&record.PreparedQuery{
		Template: record.QueryTemplate{Type: TypeNamePrefix}, Service: record.QueryService{Service: "x", Tags: []string{"", "a"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if q, err := tmpl.Render("web", ""); err != nil || len(q.Service.Tags) != 2 {
		t.Errorf("got %+v, %v", q, err)
	}
}

func TestRenderRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, ask, want string }{
		{"another prefix", "web", "web", `does not begin with "geo-"`},
		{"a value of the wrong type", "${1 / (name.suffix == \"web\" ? 0 : 1)}", "geo-web", "divide by zero"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmpl, err := Compile(&record.PreparedQuery{
				Name: "geo-", Template: record.QueryTemplate{Type: TypeNamePrefix}, Service: record.QueryService{Service: c.text},
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tmpl.Render(c.ask, ""); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// The parser recurses: what is nested without end must not exhaust the stack.
func TestCompileBoundsNesting(t *testing.T) {
	for _, nested := range []string{"(", "!", "match(", "\"${", "1?1:", "1+"} {
		t.Run(nested, func(t *testing.T) {
			text := "${" + strings.Repeat(nested, maxText)
			_, err := Compile(&record.PreparedQuery{
				Template: record.QueryTemplate{Type: TypeNamePrefix}, Service: record.QueryService{Service: text},
			})
			if err == nil || len(err.Error()) > 1000 {
				t.Errorf("error %.2000v", err)
			}
		})
	}
	long := strings.Repeat("x", 2*maxText)
	tmpl, err := Compile(&record.PreparedQuery{
		Template: record.QueryTemplate{Type: TypeNamePrefix}, Service: record.QueryService{Service: long},
	})
	if err != nil {
		t.Fatal(err)
	}
	if q, err := tmpl.Render("web", ""); err != nil || q.Service.Service != long {
		t.Errorf("a long text without variables: %v", err)
	}
}
