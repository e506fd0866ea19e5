package querytemplate

import (
	"fmt"
	"regexp"

	"github.com/hashicorp/hil"
	"github.com/hashicorp/hil/ast"

	"github.com/lictor-dr/lictor/internal/record"
)

// TypeNamePrefix is the one type of template there is.
const TypeNamePrefix = "name_prefix_match"

// A Template is a compiled prepared query template.
type Template struct {
	regexp *regexp.Regexp // nil if the template has none
}

// Compile compiles the template of q. It returns nil for a query that is no template.
func Compile(q *record.PreparedQuery) (*Template, error) {
	if q.Template.Type == "" {
		return nil, nil
	}
	if q.Template.Type != TypeNamePrefix {
		return nil, fmt.Errorf("failed compiling template: Bad Template.Type '%s'", q.Template.Type)
	}
	t := new(Template)
	if q.Template.Regexp != "" {
		re, err := regexp.Compile(q.Template.Regexp)
		if err != nil {
			return nil, fmt.Errorf("failed compiling template: Bad Regexp: %w", err)
		}
		t.regexp = re
	}
	for _, s := range interpolated(&q.Service) {
		if err := check(s); err != nil {
			return nil, fmt.Errorf("failed compiling template: %q: %w", s, err)
		}
	}
	return t, nil
}

// interpolated lists the strings of a query's service that may hold variables.
func interpolated(s *record.QueryService) []string {
	all := []string{s.Service, s.Near, s.Peer, s.SamenessGroup}
	all = append(all, s.Failover.Datacenters...)
	for _, t := range s.Failover.Targets {
		all = append(all, t.Datacenter, t.Peer)
	}
	all = append(all, s.IgnoreCheckIDs...)
	all = append(all, s.Tags...)
	for _, v := range s.NodeMeta {
		all = append(all, v)
	}
	for _, v := range s.ServiceMeta {
		all = append(all, v)
	}
	return all
}

// check parses s and evaluates it against an empty name, which finds unknown variables and wrong types.
func check(s string) error {
	tree, err := hil.Parse(s)
	if err != nil {
		return err
	}
	_, err = hil.Eval(tree, &hil.EvalConfig{GlobalScope: scope()})
	return err
}

func scope() *ast.BasicScope {
	text := ast.Variable{Type: ast.TypeString, Value: ""}
	return &ast.BasicScope{
		VarMap: map[string]ast.Variable{
			"name.full": text, "name.prefix": text, "name.suffix": text, "agent.segment": text,
		},
		FuncMap: map[string]ast.Function{
			"match": {
				ArgTypes:   []ast.Type{ast.TypeInt},
				ReturnType: ast.TypeString,
				Variadic:   false,
				Callback:   func([]any) (any, error) { return "", nil },
			},
		},
	}
}
