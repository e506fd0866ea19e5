package querytemplate

import (
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

func TestCompile(t *testing.T) {
	query := func(typ, re, service string, tags ...string) *record.PreparedQuery {
		return &record.PreparedQuery{
			Template: record.QueryTemplate{Type: typ, Regexp: re},
			Service:  record.QueryService{Service: service, Tags: tags},
		}
	}
	for _, c := range []struct {
		name    string
		query   *record.PreparedQuery
		wantErr string // a part of the message, "" for none
	}{
		{"no template", query("", "(", "${"), ""},
		{"plain", query(TypeNamePrefix, "", "web"), ""},
		{"all variables", query(TypeNamePrefix, "^(.*)$", "${name.full}${name.prefix}${name.suffix}${match(1)}${agent.segment}"), ""},
		{"escaped", query(TypeNamePrefix, "", "$${name.full}"), ""},
		{"unknown type", query("zz", "", "web"), "Bad Template.Type 'zz'"},
		{"bad regexp", query(TypeNamePrefix, "(", "web"), "missing closing )"},
		{"unterminated", query(TypeNamePrefix, "", "${name.full"), "failed compiling template"},
		{"unknown variable", query(TypeNamePrefix, "", "${nope}"), "nope"},
		{"bad tag", query(TypeNamePrefix, "", "web", "${match(}"), "failed compiling template"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Compile(c.query)
			if c.wantErr == "" && err != nil {
				t.Fatalf("unexpected error: %v", err)
			}
			if c.wantErr != "" && (err == nil || !strings.Contains(err.Error(), c.wantErr)) {
				t.Fatalf("error %v, want one with %q", err, c.wantErr)
			}
		})
	}
}

func FuzzCompile(f *testing.F) {
	f.Add("^geo-(.*)$", "${match(1)}")
	f.Add("", "$${name.full}-${name.prefix}")
	f.Add("(", "${1 + match(\"2\")}")
	f.Fuzz(func(t *testing.T, re, service string) {
		_, _ = Compile(&record.PreparedQuery{
			Template: record.QueryTemplate{Type: TypeNamePrefix, Regexp: re},
			Service:  record.QueryService{Service: service},
		})
	})
}
