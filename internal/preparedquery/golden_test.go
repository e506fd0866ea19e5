package preparedquery

import (
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

// fullQueries are the queries of full.snap, by ID.
func fullQueries(t testing.TB) store {
	t.Helper()
	r, err := record.NewReader(golden.State(t, "consul-1.21.4/full.snap"))
	if err != nil {
		t.Fatal(err)
	}
	var queries store
	for {
		raw, err := r.Next()
		if err == io.EOF {
			return queries
		}
		if err != nil {
			t.Fatal(err)
		}
		if raw.Type != record.TypePreparedQuery {
			continue
		}
		v, err := record.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		queries = append(queries, v.(*record.PreparedQuery))
	}
}

// answers are the bodies with which the server that wrote full.snap answered, without the two fields that only that build has.
func answers(t *testing.T) map[string][]any {
	t.Helper()
	var file struct {
		Responses map[string]struct{ Body any }
	}
	if err := json.Unmarshal(golden.Read(t, "consul-1.21.4/full.expected.json"), &file); err != nil {
		t.Fatal(err)
	}
	bodies := map[string][]any{}
	for request, response := range file.Responses {
		if !strings.HasPrefix(request, "GET /v1/query") {
			continue
		}
		list := response.Body.([]any)
		for _, q := range list {
			service := q.(map[string]any)["Service"].(map[string]any)
			delete(service, "IncludeAll")
			delete(service["Failover"].(map[string]any), "SkipLocalDatacenter")
		}
		bodies[request] = list
	}
	return bodies
}

// asJSON returns what v looks like to somebody who reads its JSON.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFormIsThatOfConsul(t *testing.T) {
	queries, want := fullQueries(t), answers(t)
	if len(queries) != 6 || len(want) != 7 {
		t.Fatalf("%d queries and %d answers, want 6 and 7", len(queries), len(want))
	}
	if got := asJSON(t, Forms(queries)); !reflect.DeepEqual(got, any(want["GET /v1/query"])) {
		t.Errorf("list:\n got %v\nwant %v", got, want["GET /v1/query"])
	}
	for _, q := range queries {
		wantOne := want["GET /v1/query/"+q.ID]
		if got := asJSON(t, Forms([]*record.PreparedQuery{q})); !reflect.DeepEqual(got, any(wantOne)) {
			t.Errorf("%s:\n got %v\nwant %v", q.ID, got, wantOne)
		}
	}
}

// What a server gave can be sent back to it.
func TestDecodeReadsForms(t *testing.T) {
	for _, q := range fullQueries(t) {
		text, err := json.Marshal(Form(q))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(text)
		if err != nil {
			t.Fatalf("%s: %v", q.ID, err)
		}
		want := *q
		want.CreateIndex, want.ModifyIndex = 0, 0
		want.Service.Extra, want.Service.Failover.Extra = nil, nil
		if !reflect.DeepEqual(got, &want) {
			t.Errorf("%s:\n got %+v\nwant %+v", q.ID, got, &want)
		}
		if err := Validate(got); err != nil {
			t.Errorf("%s: %v", q.ID, err)
		}
	}
}

func TestLookupInFullSnapshot(t *testing.T) {
	queries := fullQueries(t)
	for _, c := range []struct{ name, id, service, tags string }{
		{"web-query", "1f6b9be3-3d67-0ba2-66ef-137462792f41", "web", "primary,!v3"},
		{"WEB-Query", "1f6b9be3-3d67-0ba2-66ef-137462792f41", "web", "primary,!v3"},
		{"54f5c52c-e4c9-d76d-c2db-f6ee681fe9ef", "54f5c52c-e4c9-d76d-c2db-f6ee681fe9ef", "db", ""},
		{"geo-api-primary", "89899dba-ae42-bcb9-4486-067601c94855", "api", "primary"},
		{"geo-my-api-v1", "89899dba-ae42-bcb9-4486-067601c94855", "my-api", "v1"},
		{"geo-api", "89899dba-ae42-bcb9-4486-067601c94855", "", ""},
		{"anything", "cb9e36c7-5124-b76d-f81f-f6c704639ddb", "anything", ""},
		{"00000000-0000-0000-0000-000000000000", "cb9e36c7-5124-b76d-f81f-f6c704639ddb", "00000000-0000-0000-0000-000000000000", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := Lookup(queries, c.name, "")
			if err != nil {
				t.Fatal(err)
			}
			if tags := strings.Join(q.Service.Tags, ","); q.ID != c.id || q.Service.Service != c.service || tags != c.tags {
				t.Errorf("got query %s, service %q, tags %q; want %s, %q, %q", q.ID, q.Service.Service, tags, c.id, c.service, c.tags)
			}
		})
	}
}
