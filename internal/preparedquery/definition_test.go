package preparedquery

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/record"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       *record.PreparedQuery
		wantErr    string // a part of the message, "" for none
	}{
		{"nothing in it", `{}`, &record.PreparedQuery{}, ""},
		{"unknown fields", `{"Name":"a","Nope":1,"Service":{"Namespace":"x","Nope":[]},"DNS":{"Nope":{}}}`,
			&record.PreparedQuery{Name: "a"}, ""},
		{"indexes are not the client's", `{"Name":"a","CreateIndex":7,"ModifyIndex":8}`, &record.PreparedQuery{Name: "a"}, ""},
		{"target", `{"Service":{"Failover":{"Targets":[{"Peer":"p","Datacenter":"d","Nope":1}]}}}`,
			&record.PreparedQuery{Service: record.QueryService{
				Failover: record.QueryFailover{Targets: []record.QueryTarget{{Datacenter: "d", Peer: "p"}}}}}, ""},
		{"TTL is a text", `{"DNS":{"TTL":10}}`, nil, "TTL"},
		{"tags are a list", `{"Service":{"Tags":"a"}}`, nil, "Tags"},
		{"no JSON", `{"Name":`, nil, "unexpected end"},
		{"more than one", `{} {}`, nil, "after top-level value"},
		{"empty", ``, nil, "unexpected end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Decode([]byte(c.body))
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Fatalf("error %v, want one with %q", err, c.wantErr)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Fatalf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

// A definition comes back to the official client as it was sent.
func TestOfficialClientRoundTrip(t *testing.T) {
	sent := api.PreparedQueryDefinition{
		ID: "8f246b77-f3e1-ff88-5b48-8ec93abf3e05", Name: "test", Session: "s", Token: "t", DNS: api.QueryDNSOptions{TTL: "10s"},
		Service: api.ServiceQuery{
			Service: "redis", Near: "_agent", OnlyPassing: true, Connect: true, IgnoreCheckIDs: []string{"c"}, Tags: []string{"a", "!b"},
			NodeMeta: map[string]string{"somekey": "somevalue"}, ServiceMeta: map[string]string{"redis-version": "4.0"},
			Failover: api.QueryFailoverOptions{Targets: []api.QueryFailoverTarget{{Datacenter: "dc2"}, {Peer: "p"}}},
		},
		Template: api.QueryTemplate{RemoveEmptyTags: true},
	}
	body, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	q, err := Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := Validate(q); err != nil {
		t.Fatal(err)
	}
	answer, err := json.Marshal(Form(q))
	if err != nil {
		t.Fatal(err)
	}
	var got api.PreparedQueryDefinition
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, sent) {
		t.Errorf("got %+v, want %+v", got, sent)
	}
}

func TestRedact(t *testing.T) {
	secret := &record.PreparedQuery{Name: "a", Token: "deadbeef"}
	if got := Redact(secret); got.Token != HiddenToken || got.Name != "a" {
		t.Errorf("got %+v", got)
	}
	if secret.Token != "deadbeef" {
		t.Error("the stored query was changed")
	}
	if got := Redact(&record.PreparedQuery{}); got.Token != "" {
		t.Errorf("no token reads as %q", got.Token)
	}
}

func TestACLName(t *testing.T) {
	for _, c := range []struct {
		name  string
		query *record.PreparedQuery
		want  string
		ok    bool
	}{
		{"named", &record.PreparedQuery{Name: "a"}, "a", true},
		{"of a session only", &record.PreparedQuery{Session: "s"}, "", false},
		{"catch-all", template("1", "", "x"), "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := ACLName(c.query); got != c.want || ok != c.ok {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, q := range fullQueries(f) {
		text, err := json.Marshal(Form(q))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"Name":"a","DNS":{"TTL":"-1s"},"Service":{"Tags":[],"NodeMeta":{}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := Decode(body)
		if err != nil {
			return
		}
		_ = Validate(q)
		text, err := json.Marshal(Form(q))
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(text)
		if err != nil || !reflect.DeepEqual(again, q) {
			t.Fatalf("%s came back as %+v, %v, instead of %+v", text, again, err, q)
		}
	})
}
