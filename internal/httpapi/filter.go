package httpapi

import (
	"fmt"
	"reflect"
	"strings"

	bexpr "github.com/hashicorp/go-bexpr"
)

// filtered returns those of items that the parameter filter selects, all without one.
func filtered[T any](r *request, items []T) ([]T, error) {
	items = notNil(items)
	filter, err := newFilter(r.query.Get("filter"), items)
	if err != nil || filter == nil {
		return items, err
	}
	selected := make([]T, 0, len(items))
	for _, x := range items {
		ok, err := selects(filter, x)
		if err != nil {
			return nil, err
		}
		if ok {
			selected = append(selected, x)
		}
	}
	return selected, nil
}

// filteredMap is filtered for the values of a map.
func filteredMap[T any](r *request, items map[string]T) (map[string]T, error) {
	filter, err := newFilter(r.query.Get("filter"), items)
	if err != nil || filter == nil {
		return items, err
	}
	selected := map[string]T{}
	for key, x := range items {
		ok, err := selects(filter, x)
		if err != nil {
			return nil, err
		}
		if ok {
			selected[key] = x
		}
	}
	return selected, nil
}

// maxFilterSteps bounds how long an expression is read: with nested parentheses the library's parser takes exponential time. Expressions
// that people write take up to some ten thousand steps.
const maxFilterSteps = 2_000_000

// newFilter makes a filter for items, nil of an empty expression.
func newFilter(expression string, items any) (*bexpr.Filter, error) {
	if expression != "" {
		if _, err := bexpr.Parse("", []byte(expression), bexpr.MaxExpressions(maxFilterSteps)); err != nil {
			return nil, err
		}
	}
	return bexpr.CreateFilter(expression, nil, items)
}

// selects tells whether a filter selects x. One that lacks the object which the expression looks into, such as a service without a
// locality, is not selected; the library would panic.
func selects[T any](filter *bexpr.Filter, x T) (ok bool, err error) {
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case *reflect.ValueError:
			ok, err = false, nil
		default:
			ok, err = false, fmt.Errorf("the expression cannot be evaluated: %v", fault)
		}
	}()
	selected, err := filter.Execute([]T{x})
	if err != nil {
		return false, err
	}
	return len(selected.([]T)) == 1, nil
}

// filterFault begins the text of every error of a filter. The library puts it before some of them itself.
const filterFault = "Failed to create boolean expression evaluator: "

// filterError says that the expression of a filter does not fit what it is to select.
func filterError(err error) error {
	if err == nil || strings.HasPrefix(err.Error(), filterFault) {
		return err
	}
	return fmt.Errorf(filterFault+"%w", err)
}
