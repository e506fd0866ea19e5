package httpapi

import (
	"strings"
	"testing"
)

// What a transaction answers differs in details from what the catalog does.
func TestTxnAnswers(t *testing.T) {
	// web sets a service with more fields, and then does more.
	web := func(fields, more string) string {
		return `[{"Node":{"Verb":"set","Node":{"Node":"n1","Address":"127.0.0.1"}}},` +
			`{"Service":{"Verb":"set","Node":"n1","Service":{"Service":"web"` + fields + `}}}` + more + `]`
	}
	for _, c := range []struct {
		name, ops string
		want      []string
	}{
		{"weights of a client that has none", web(`,"Weights":{"Passing":0,"Warning":0}`, ""), []string{`"Weights":{"Passing":1,"Warning":1}`}},
		{"no weights", web("", ""), []string{`"Weights":{"Passing":1,"Warning":1}`}},
		{"weights", web(`,"Weights":{"Passing":3,"Warning":0}`, ""), []string{`"Weights":{"Passing":3,"Warning":0}`}},
		{"a node's check has no tags", web("", `,{"Check":{"Verb":"set","Check":{"Node":"n1","CheckID":"c1"}}}`),
			[]string{`"CheckID":"c1"`, `"ServiceTags":null`}},
		{"a service's check has its tags", web(`,"Tags":["a"]`, `,{"Check":{"Verb":"set","Check":{"Node":"n1","CheckID":"c1","ServiceID":"web"}}}`),
			[]string{`"CheckID":"c1"`, `"ServiceTags":["a"]`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(newHandler(newFake(), Config{}), "PUT", "/v1/txn", c.ops)
			for _, want := range c.want {
				if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
					t.Errorf("%d %s; want %s", w.Code, w.Body, want)
				}
			}
		})
	}
}
