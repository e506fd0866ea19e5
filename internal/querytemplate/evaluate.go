package querytemplate

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hil"
	"github.com/hashicorp/hil/ast"
)

// maxText bounds a string with variables, and with it how deep the parser recurses.
const maxText = 64 << 10

// variables are the values that a template sees.
type variables struct {
	full, prefix, suffix string
	segment              string   // of the agent that was asked
	matches              []string // of the regular expression, the whole match first
}

// evaluate returns the value of text: a string, unless the text asks for something else.
func evaluate(text string, vars variables) (any, error) {
	if len(text) > maxText && strings.Contains(text, "${") {
		return nil, fmt.Errorf("a text with variables has %d bytes, more than %d", len(text), maxText)
	}
	// The tree is not kept: its evaluation may rewrite it.
	tree, err := hil.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%.200q: %w", text, err)
	}
	result, err := hil.Eval(tree, &hil.EvalConfig{GlobalScope: vars.scope()})
	if err != nil {
		return nil, fmt.Errorf("%.200q: %w", text, err)
	}
	return result.Value, nil
}

func (v variables) scope() *ast.BasicScope {
	text := func(s string) ast.Variable { return ast.Variable{Type: ast.TypeString, Value: s} }
	return &ast.BasicScope{
		VarMap: map[string]ast.Variable{
			"name.full":     text(v.full),
			"name.prefix":   text(v.prefix),
			"name.suffix":   text(v.suffix),
			"agent.segment": text(v.segment),
		},
		FuncMap: map[string]ast.Function{
			"match": {
				ArgTypes:   []ast.Type{ast.TypeInt},
				ReturnType: ast.TypeString,
				Variadic:   false,
				Callback:   v.match,
			},
		},
	}
}

// match is match(N): the N-th group of the regular expression, empty if there is none.
func (v variables) match(args []any) (any, error) {
	n, ok := args[0].(int)
	if !ok || n < 0 || n >= len(v.matches) {
		return "", nil
	}
	return v.matches[n], nil
}
