package querytemplate

import (
	"fmt"
	"regexp"

	"github.com/lictor-dr/lictor/internal/record"
)

// TypeNamePrefix is the one type of template there is.
const TypeNamePrefix = "name_prefix_match"

// A Template is a compiled prepared query template. It is safe for concurrent use.
type Template struct {
	query  *record.PreparedQuery
	regexp *regexp.Regexp // nil if the template has none
}

// Compile compiles the template of q, which must not change as long as the template is used. It returns nil for a query that is no
// template.
func Compile(q *record.PreparedQuery) (*Template, error) {
	if q.Template.Type == "" {
		return nil, nil
	}
	if q.Template.Type != TypeNamePrefix {
		return nil, fmt.Errorf("failed compiling template: Bad Template.Type '%s'", q.Template.Type)
	}
	t := &Template{query: q}
	if q.Template.Regexp != "" {
		re, err := regexp.Compile(q.Template.Regexp)
		if err != nil {
			return nil, fmt.Errorf("failed compiling template: Bad Regexp: %w", err)
		}
		t.regexp = re
	}
	service := clone(q.Service)
	if err := substitute(&service, check); err != nil {
		return nil, fmt.Errorf("failed compiling template: %w", err)
	}
	return t, nil
}

// check parses text and evaluates it against an empty name, which finds unknown variables and wrong types.
func check(text string) (string, error) {
	_, err := evaluate(text, variables{})
	return text, err
}
