package state

import (
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

func TestSetQuery(t *testing.T) {
	template := func(id, name string) *record.PreparedQuery {
		return &record.PreparedQuery{ID: id, Name: name, Template: record.QueryTemplate{Type: "name_prefix_match"}, Service: record.QueryService{Service: "x"}}
	}
	for _, c := range []struct {
		name  string
		there *record.PreparedQuery
		query *record.PreparedQuery
		err   string
	}{
		{"new", nil, &record.PreparedQuery{ID: "b", Name: "x"}, ""},
		{"changed", &record.PreparedQuery{ID: "b", Name: "x"}, &record.PreparedQuery{ID: "b", Name: "y"}, ""},
		{"kept name", &record.PreparedQuery{ID: "b", Name: "x"}, &record.PreparedQuery{ID: "b", Name: "X"}, ""},
		{"without names", &record.PreparedQuery{ID: "a"}, &record.PreparedQuery{ID: "b"}, ""},
		{"with a session", nil, &record.PreparedQuery{ID: "b", Session: sessionA}, ""},
		{"name of a template", template("a", "x"), &record.PreparedQuery{ID: "b", Name: "x"}, ""},
		{"template with the name of a query", &record.PreparedQuery{ID: "a", Name: "x"}, template("b", "x"), ""},
		{"the template of all names", template("a", "x"), template("b", ""), ""},

		{"no ID", nil, &record.PreparedQuery{Name: "x"}, "missing query ID"},
		{"name taken", &record.PreparedQuery{ID: "a", Name: "x"}, &record.PreparedQuery{ID: "b", Name: "X"}, "name 'X' aliases an existing query name"},
		{"template's name taken", template("a", "x"), template("b", "x"), "name 'x' aliases an existing query template name"},
		{"second template of all names", template("a", ""), template("b", ""), "name '' aliases an existing query template name"},
		{"name is an ID", &record.PreparedQuery{ID: "a", Name: "x"}, &record.PreparedQuery{ID: "b", Name: "A"}, "name 'A' aliases an existing query ID"},
		{"unknown session", nil, &record.PreparedQuery{ID: "b", Session: "nope"}, `invalid session "nope"`},
		{"bad template", nil, &record.PreparedQuery{ID: "b", Template: record.QueryTemplate{Type: "zz"}}, "failed compiling template: Bad Template.Type 'zz'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := withCatalog(t)
			if c.there != nil {
				if err := s.SetQuery(51, 1, c.there); err != nil {
					t.Fatal(err)
				}
			}
			before := everything(t, s)
			got, err := effectOf(t, s, 52, func() error { return s.SetQuery(52, 1, c.query) })
			if c.err != "" {
				if err == nil || err.Error() != c.err || got != (effect{}) || everything(t, s) != before {
					t.Errorf("%v with the effect %q, want %s without one", err, got, c.err)
				}
				return
			}
			if want := (effect{"prepared-queries", "queries"}); err != nil || got != want {
				t.Errorf("%v with the effect %q, want %q", err, got, want)
			}
			created := uint64(52)
			if c.there != nil && c.there.ID == c.query.ID {
				created = 51
			}
			if _, q := s.Query(nil, "B"); q == nil || q.CreateIndex != created || q.ModifyIndex != 52 || q.Name != c.query.Name {
				t.Errorf("the query is %+v", q)
			}
		})
	}
}

func TestDeleteQuery(t *testing.T) {
	for _, c := range []struct {
		id   string
		want effect
	}{
		{"q1", effect{"prepared-queries", "queries"}},
		{"nope", effect{}},
	} {
		s := withCatalog(t)
		got, err := effectOf(t, s, 51, func() error { return s.DeleteQuery(51, 1, c.id) })
		if _, left := s.Query(nil, c.id); err != nil || got != c.want || left != nil {
			t.Errorf("%s: %v with the effect %q, want %q; left is %v", c.id, err, got, c.want, left)
		}
	}
}
