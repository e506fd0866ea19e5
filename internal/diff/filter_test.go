package diff

import (
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

func TestParseFilterRefuses(t *testing.T) {
	for _, c := range []struct{ list, want string }{
		{"", "nothing on one side of a comma"},
		{"kv:a,,kv:b", "nothing on one side of a comma"},
		{"kv:a,", "nothing on one side of a comma"},
		{"kv", "kv:NAME is one, and kv: is all"},
		{"app/config", "a key is kv:app/config"},
		{"key:app", `no kind "key"; the kinds are kv, node,`},
		{`kv:a\b`, "a backslash stands before a comma"},
		{`kv:a\`, "a backslash stands before a comma"},
	} {
		if f, err := ParseFilter([]string{c.list}, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, %v, want %q", c.list, f, err, c.want)
		}
	}
}

func TestFilter(t *testing.T) {
	all := []any{
		key("app/config", "1"), key("app/config/a", "1"), key("app,x", "1"), key(`b\c`, "1"), key("other", "1"),
		service("n1", record.NodeService{ID: "web-1", Service: "web"}), service("n2", record.NodeService{ID: "db-1", Service: "db"}),
		check("n1", record.HealthCheck{CheckID: "mem", Name: "Memory"}),
		&record.Session{ID: "s1", Name: "lock"}, &record.PreparedQuery{ID: "q1", Name: "geo"},
		&record.ACLPolicy{ID: "p1", Name: "ops"}, &record.ACLToken{AccessorID: "t1"}, opaque(99, "Name", "x"),
	}
	for _, c := range []struct {
		only, prefix string
		want         string
	}{
		{"kv:app/config", "", "kv:app/config"},
		{"kv:app/config/", "", "kv:app/config/a"},
		{`kv:app\,x,kv:b\\c`, "", `kv:app,x kv:b\c`},
		{"kv:", "", `kv:app,x kv:app/config kv:app/config/a kv:b\c kv:other`},
		{"", "app/co", "kv:app/config kv:app/config/a"},
		{"session:", "oth", "kv:other session:s1"},
		{"node:N1", "", "node:n1"},
		{"service:web", "", "service:web-1 on n1"},
		{"service:db-1", "", "service:db-1 on n2"},
		{"service:db-1 on n1", "", ""},
		{"service:db-1 on n2", "", "service:db-1 on n2"},
		{"check:memory,check:nope", "", "check:mem on n1"},
		{"session:lock,query:geo,query:q1", "", "session:s1 query:geo"},
		{"acl-policy:ops,acl-token:t1", "", "acl-token:t1 acl-policy:ops"},
		{"unknown:", "", "unknown:x"},
	} {
		t.Run(c.only+c.prefix, func(t *testing.T) {
			var only, prefixes []string
			if c.only != "" {
				only = []string{c.only}
			}
			if c.prefix != "" {
				prefixes = []string{c.prefix}
			}
			f, err := ParseFilter(only, prefixes)
			if err != nil {
				t.Fatal(err)
			}
			r := compared(t, state(t), state(t, all...), Options{Filter: f})
			var got []string
			for change := range r.All() {
				got = append(got, Word(change.Family)+":"+change.Name)
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
			if missed := len(r.Unmatched) > 0; missed != (strings.Contains(c.only, "nope") || c.want == "") {
				t.Errorf("unmatched %v", r.Unmatched)
			}
		})
	}
}

// Every word is of one family, and of a type that its records have.
func TestWords(t *testing.T) {
	words := Words()
	slices.Sort(words)
	if len(slices.Compact(words)) != len(families)+1 {
		t.Error("two families have one word")
	}
	r := compared(t, state(t), goldenState(t, "consul-1.21.4/full.snap"), Options{})
	for _, c := range r.Counts() {
		f, err := ParseFilter([]string{Word(c.Family) + ":"}, nil)
		if err != nil || Word(c.Family) == unknown {
			t.Errorf("%s: %v", c.Family, err)
			continue
		}
		one := compared(t, state(t), goldenState(t, "consul-1.21.4/full.snap"), Options{Filter: f})
		if counts := one.Counts(); len(counts) != 1 || counts[0] != c {
			t.Errorf("%s: of its own %v, of all %v", c.Family, counts, c)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, list := range []string{"kv:app/config/,acl-policy:ops", `kv:a\,b\\,session:`, "service:web on n1", "kv", "x:y"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		first, err := ParseFilter([]string{list}, nil)
		if err != nil {
			return
		}
		var texts []string
		for _, term := range first.Terms() {
			texts = append(texts, term.String())
		}
		second, err := ParseFilter([]string{strings.Join(texts, ",")}, nil)
		if err != nil || !slices.Equal(first.Terms(), second.Terms()) {
			t.Errorf("%q became %q: %v", list, texts, err)
		}
	})
}
