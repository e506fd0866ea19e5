package preparedquery

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lictor-dr/lictor/internal/querytemplate"
	"github.com/lictor-dr/lictor/internal/record"
)

// ErrNotFound says that no query has an ID or name, and that no template is for that name.
var ErrNotFound = errors.New("Query not found")

// uuidLength is the length of a query's ID.
const uuidLength = 36

// Queries are the stored queries. What its methods return is never changed by the caller.
type Queries interface {
	// ByID returns the query with that ID, in lower case, or nil.
	ByID(id string) *record.PreparedQuery
	// ByName returns the query that has that name and is no template, or nil. Names are compared without case.
	ByName(name string) *record.PreparedQuery
	// Templates returns all templates, in any order.
	Templates() []*record.PreparedQuery
}

// Lookup returns the query that an ID or name stands for: the one with that ID; else the one with that name; else the template with the
// longest prefix of that name, filled in for an agent in that network segment. A template cannot be had by its ID, for without a
// name there is nothing to fill in. Case makes no difference. The error wraps [ErrNotFound] if there is no such query. The result
// must not be changed.
func Lookup(queries Queries, idOrName, segment string) (*record.PreparedQuery, error) {
	if idOrName == "" {
		return nil, ErrNotFound
	}
	if len(idOrName) == uuidLength {
		if q := queries.ByID(strings.ToLower(idOrName)); q != nil {
			if q.Template.Type != "" {
				return nil, fmt.Errorf("prepared query %s is a template: ask for it by a name that begins with %q, not by its ID", q.ID, q.Name)
			}
			return q, nil
		}
	}
	if q := queries.ByName(idOrName); q != nil && q.Template.Type == "" {
		return q, nil
	}
	q := longestPrefix(queries.Templates(), idOrName)
	if q == nil {
		return nil, ErrNotFound
	}
	return fill(q, idOrName, segment)
}

// longestPrefix returns the template with the longest prefix of name, nil if there is none. Of two with the same prefix, which no
// server stores, it is the one with the lower ID.
func longestPrefix(templates []*record.PreparedQuery, name string) *record.PreparedQuery {
	var best *record.PreparedQuery
	for _, q := range templates {
		if !querytemplate.Matches(q.Name, name) {
			continue
		}
		if best == nil || len(q.Name) > len(best.Name) || len(q.Name) == len(best.Name) && q.ID < best.ID {
			best = q
		}
	}
	return best
}

func fill(q *record.PreparedQuery, name, segment string) (*record.PreparedQuery, error) {
	t, err := querytemplate.Compile(q)
	if err != nil {
		return nil, fmt.Errorf("prepared query %s: %w", q.ID, err)
	}
	if t == nil {
		return nil, fmt.Errorf("prepared query %s is stored as a template and is none", q.ID)
	}
	filled, err := t.Render(name, segment)
	if err != nil {
		return nil, fmt.Errorf("prepared query %s: %w", q.ID, err)
	}
	return filled, nil
}
