package preparedquery

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

const (
	id1 = "1f6b9be3-3d67-0ba2-66ef-137462792f41"
	id2 = "54f5c52c-e4c9-d76d-c2db-f6ee681fe9ef"
)

func TestLookup(t *testing.T) {
	static := &record.PreparedQuery{ID: id1, Name: "geo-db", Service: record.QueryService{Service: "static", Tags: []string{"${name.full}"}}}
	unnamed := &record.PreparedQuery{ID: id2, Session: "s", Service: record.QueryService{Service: "unnamed"}}
	catchAll := template("a", "", "all ${name.full}|${name.prefix}|${name.suffix}|${agent.segment}")
	geo := template("b", "geo-", "geo ${name.full}|${name.prefix}|${name.suffix}")
	geoDB := template("c", "geo-db", "geo-db ${name.suffix}")
	twin := template("d", "GEO-", "twin")
	asUUID := &record.PreparedQuery{ID: "e", Name: id2, Service: record.QueryService{Service: "named like an ID"}}
	byID := template(id1, "x", "x")

	for _, c := range []struct {
		name   string
		stored store
		lookup string
		want   string // the service, or a part of the error after an exclamation mark
	}{
		{"by ID", store{static, unnamed}, id2, "unnamed"},
		{"by ID in capitals", store{static, unnamed}, strings.ToUpper(id2), "unnamed"},
		{"ID before name", store{unnamed, asUUID}, id2, "unnamed"},
		{"name like an ID", store{asUUID}, id2, "named like an ID"},
		{"by name", store{static}, "geo-db", "static"},
		{"by name without case", store{static}, "Geo-DB", "static"},
		{"part of a name", store{static}, "geo-d", "!Query not found"},
		{"unnamed by nothing", store{unnamed}, "", "!Query not found"},
		{"nothing and the catch-all", store{catchAll}, "", "!Query not found"},
		{"nothing stored", nil, "web", "!Query not found"},
		{"name before template", store{catchAll, geo, geoDB, static}, "geo-db", "static"},
		{"longest prefix", store{geoDB, catchAll, geo}, "geo-db-1", "geo-db -1"},
		{"longest prefix, all of it", store{catchAll, geo, geoDB}, "geo-db", "geo-db "},
		{"shorter prefix", store{catchAll, geo, geoDB}, "geo-web", "geo geo-web|geo-|web"},
		{"prefix without case", store{catchAll, geo}, "GEO-web", "geo GEO-web|GEO-|web"},
		{"the same prefix twice", store{twin, geo}, "geo-x", "geo geo-x|geo-|x"},
		{"catch-all", store{catchAll, geo}, "web", "all web||web|alpha"},
		{"template by ID", store{byID}, id1, `!a name that begins with "x"`},
		{"template that does not compile", store{template("f", "", "${")}, "web", "!failed compiling template"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := "!"
			q, err := Lookup(c.stored, c.lookup, "alpha")
			if err == nil {
				got = q.Service.Service
			} else if got += err.Error(); strings.HasPrefix(c.want, "!") && strings.Contains(got, c.want[1:]) {
				return
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if _, err := Lookup(store(nil), "web", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v is not ErrNotFound", err)
	}
	if q, err := Lookup(store{static}, "geo-db", ""); err != nil || q.Service.Tags[0] != "${name.full}" {
		t.Errorf("a query that is no template was filled in: %+v, %v", q, err)
	}
}

func FuzzLookup(f *testing.F) {
	f.Add("geo-", "^geo-(.*?)-([^\\-]+?)$", "${match(1)}", "${match(2)}", "geo-web-v1")
	f.Add("Geo-", "", "${name.prefix}${name.suffix}", "", "geo-web")
	f.Add("", "", "${name.full}", "$${name.suffix}", "anything")
	f.Add("\u212a", "", "${name.prefix}", "${agent.segment}", "k\xff")
	f.Fuzz(func(t *testing.T, prefix, re, service, tag, name string) {
		q := template("a", prefix, service)
		q.Template.Regexp, q.Template.RemoveEmptyTags = re, true
		q.Service.Tags = []string{tag, "fixed"}
		before := *q
		before.Service.Tags = slices.Clone(q.Service.Tags)

		got, err := Lookup(store{q}, name, "segment")
		if !reflect.DeepEqual(q, &before) {
			t.Fatalf("the stored template was changed into %+v", q)
		}
		if err != nil {
			return
		}
		if !slices.Contains(got.Service.Tags, "fixed") || slices.Contains(got.Service.Tags, "") {
			t.Fatalf("tags %q", got.Service.Tags)
		}
		if service == "${name.prefix}${name.suffix}" && got.Service.Service != name {
			t.Fatalf("prefix and suffix of %q make %q", name, got.Service.Service)
		}
	})
}
