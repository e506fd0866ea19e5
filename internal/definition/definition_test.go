package definition

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

func TestSpellingsOfAService(t *testing.T) {
	want := &Service{
		ID: "web-1", Name: "web", Tags: []string{"a"}, Port: 99999, Meta: map[string]string{"some_key": "v"}, EnableTagOverride: true,
		TaggedAddresses: map[string]Address{"lan_v4": {"10.0.0.1", 80}}, Weights: &Weights{Passing: 2, Warning: 1},
		Check: &Check{TTL: 15 * time.Second, Header: map[string][]string{"X_a": {"b"}}, ScriptArgs: nil},
		Proxy: &api.AgentServiceConnectProxyConfig{DestinationServiceName: "d", Config: map[string]any{"local_connect": "x"}},
	}
	for name, body := range map[string]string{
		"CamelCase": `{"ID":"web-1","Name":"web","Tags":["a"],"Port":99999,"Meta":{"some_key":"v"},"EnableTagOverride":true,
			"TaggedAddresses":{"lan_v4":{"Address":"10.0.0.1","Port":80}},"Weights":{"Passing":2,"Warning":1},
			"Check":{"TTL":"15s","Header":{"X_a":["b"]}},"Proxy":{"DestinationServiceName":"d","Config":{"local_connect":"x"}}}`,
		"snake_case": `{"id":"web-1","name":"web","tags":["a"],"port":99999,"meta":{"some_key":"v"},"enable_tag_override":true,
			"tagged_addresses":{"lan_v4":{"address":"10.0.0.1","port":80}},"weights":{"passing":2,"warning":1},
			"check":{"ttl":15000000000,"header":{"X_a":["b"]}},"proxy":{"destination_service_name":"d","config":{"local_connect":"x"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := DecodeService(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				x, _ := json.Marshal(got)
				t.Errorf("got %s", x)
			}
		})
	}
}

func TestSpellingsOfACheck(t *testing.T) {
	for name, body := range map[string]string{
		"CamelCase":       `{"ID":"a","Name":"b","ServiceID":"s","ScriptArgs":["x","y"],"Interval":"10s","DeregisterCriticalServiceAfter":"90m"}`,
		"snake_case":      `{"id":"a","name":"b","service_id":"s","script_args":["x","y"],"interval":"10s","deregister_critical_service_after":"1h30m"}`,
		"short":           `{"id":"a","name":"b","serviceid":"s","args":["x","y"],"interval":10000000000,"deregistercriticalserviceafter":5400000000000}`,
		"CheckID":         `{"CheckID":"a","Name":"b","ServiceID":"s","Args":["x","y"],"Interval":"10s","DeregisterCriticalServiceAfter":"90m"}`,
		"ID wins":         `{"CheckID":"z","ID":"a","Name":"b","ServiceID":"s","Args":["x","y"],"Interval":"10s","DeregisterCriticalServiceAfter":"90m"}`,
		"empty ID":        `{"CheckID":"a","ID":"","Name":"b","ServiceID":"s","Args":["x","y"],"Interval":"10s","DeregisterCriticalServiceAfter":"90m"}`,
		"canonical first": `{"CheckID":"a","service_id":"z","Name":"b","ServiceID":"s","Args":["x","y"],"Interval":"10s","DeregisterCriticalServiceAfter":"90m"}`,
	} {
		t.Run(name, func(t *testing.T) {
			want := &Check{CheckID: "a", Name: "b", ServiceID: "s", ScriptArgs: []string{"x", "y"}, Interval: 10 * time.Second,
				DeregisterCriticalServiceAfter: 90 * time.Minute}
			if got, err := DecodeCheck(strings.NewReader(body)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestRefusedServices(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                               "Missing service name",
		``:                                 "Request decode failed: EOF",
		`{"Name":"a","Foo":1}`:             `Request decode failed: json: unknown field "Foo"`,
		`{"Name":"a","Ports":[]}`:          `Request decode failed: json: unknown field "Ports"`,
		`{"Name":"a","foo_bar":1}`:         `Request decode failed: json: unknown field "foo_bar"`,
		`{"Name":"a","Port":"x"}`:          "Request decode failed: json: cannot unmarshal string into Go struct field .Port of type int",
		`{"Name":"a","Extra":[]}`:          `Request decode failed: json: unknown field "Extra"`,
		`[]`:                               "Request decode failed: json: cannot unmarshal array into Go value of type definition.Service",
		`{"Name":"a","Address":"::"}`:      "Invalid service address",
		`{"Name":"a","Address":"0.0.0.0"}`: "Invalid service address",
		`{"Name":"a","Weights":{"Passing":0,"Warning":1}}`:                              "Invalid Weights: Passing must be greater than 0",
		`{"Name":"a","Weights":{"Passing":1,"Warning":70000}}`:                          "Invalid Weights: DNS Weight must be between 0 and 65535",
		`{"Name":"a","SocketPath":"/s","Port":1}`:                                       "Invalid service: SocketPath cannot be combined with Address or Port",
		`{"Name":"a","Meta":{"consul-x":"1"}}`:                                          "Invalid Service Meta: Couldn't load metadata pair ('consul-x', '1'): Key prefix 'consul-' is reserved for internal use",
		`{"Name":"a","Check":{}}`:                                                       "Invalid check: TTL must be > 0 for TTL checks",
		`{"Name":"a","Check":{"TTL":"5x"}}`:                                             `Request decode failed: time: unknown unit "x" in duration "5x"`,
		`{"Name":"a","Check":{"TTL":"5s","Status":"fluffy"}}`:                           "Bad check status",
		`{"Name":"a","Checks":[{"CheckID":"x","TTL":"5s"},{"CheckID":"x","TTL":"5s"}]}`: `Invalid check: the ID "x" is used twice`,
		`{"Name":"a","Connect":{"SidecarService":{}}}`:                                  "Invalid service: Connect.SidecarService is not served, for this agent runs no mesh; register the proxy as a service of its own",
	} {
		_, err := DecodeService(strings.NewReader(body))
		assertRefused(t, body, err, want)
	}
}

func TestRefusedChecks(t *testing.T) {
	const notRun = " checks are not run by this agent; use an HTTP, TCP, script or TTL check instead"
	for body, want := range map[string]string{
		`{"TTL":"1s"}`:                                                            "Missing check name",
		`{"ID":"x","TTL":"1s"}`:                                                   "Missing check name",
		`{"Name":"a"}`:                                                            "Invalid check: TTL must be > 0 for TTL checks",
		`{"Name":"a","HTTP":"http://x"}`:                                          "Invalid check: Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks",
		`{"Name":"a","TTL":"1s","Interval":"1s"}`:                                 "Invalid check: Interval and TTL cannot both be specified",
		`{"Name":"a","TTL":"1s","Status":"zz"}`:                                   "Bad check status",
		`{"Name":"a","TTL":"nope"}`:                                               `Request decode failed: time: invalid duration "nope"`,
		`{"Name":"a","HTTP":"h","TCP":"t","Interval":"1s"}`:                       "Invalid check: HTTP and TCP cannot both be specified",
		`{"Name":"a","TTL":"1s","FailuresBeforeWarning":3}`:                       "Invalid check: FailuresBeforeWarning can't be higher than FailuresBeforeCritical",
		`{"Name":"a","GRPC":"x:1","Interval":"1s"}`:                               "Invalid check: gRPC" + notRun,
		`{"Name":"a","UDP":"x:1","Interval":"1s"}`:                                "Invalid check: UDP" + notRun,
		`{"Name":"a","H2PING":"x:1","Interval":"1s"}`:                             "Invalid check: H2PING" + notRun,
		`{"Name":"a","DockerContainerID":"x","ScriptArgs":["x"],"Interval":"1s"}`: "Invalid check: Docker" + notRun,
		`{"Name":"a","OSService":"x","Interval":"1s"}`:                            "Invalid check: OSService" + notRun,
		`{"Name":"a","AliasService":"x"}`:                                         "Invalid check: alias" + notRun,
		`{"Name":"a","TTL":"1s","Shell":"/bin/sh"}`:                               "Invalid check: Shell needs ScriptArgs",
	} {
		_, err := DecodeCheck(strings.NewReader(body))
		assertRefused(t, body, err, want)
	}
}

func assertRefused(t *testing.T, body string, err error, want string) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.HTTPStatus() != 400 || e.Error() != want {
		t.Errorf("%s:\n got %v\nwant %s", body, err, want)
	}
}

func TestNamesOfServiceChecks(t *testing.T) {
	one, _ := DecodeService(strings.NewReader(`{"Name":"web","ID":"w","Token":"t","Check":{"TTL":"1s"}}`))
	if c := one.AllChecks()[0]; c.CheckID != "service:w" || c.Name != "Service 'web' check" || c.ServiceID != "w" || c.Token != "t" {
		t.Errorf("got %+v", c)
	}
	two, _ := DecodeService(strings.NewReader(`{"Name":"web","Checks":[{"TTL":"1s","CheckID":"own","Name":"n"},{"TTL":"1s"},null]}`))
	all := two.AllChecks()
	if len(all) != 2 || all[0].CheckID != "own" || all[0].Name != "n" || all[1].CheckID != "service:web:2" {
		t.Errorf("got %+v %+v", all[0], all[1])
	}
}

// TestChecksAsConsulShowsThem compares with checks that a real agent had registered.
func TestChecksAsConsulShowsThem(t *testing.T) {
	want := goldenChecks(t)
	s := &record.NodeService{ID: "local-http", Service: "local2", Tags: []string{}}
	inService, err := DecodeService(strings.NewReader(`{"ID":"local-http","Name":"local2",
		"Check":{"CheckID":"local-http-check","Name":"http check","HTTP":"http://127.0.0.1:1/","Interval":"1h","Timeout":"2s"}}`))
	if err != nil {
		t.Fatal(err)
	}
	ofNode, err := DecodeCheck(strings.NewReader(`{"ID":"agent-ttl","Name":"node ttl","TTL":"1h","Status":"passing"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []*record.HealthCheck{inService.AllChecks()[0].HealthCheck("lictor-full-1", s), ofNode.HealthCheck("lictor-full-1", nil)} {
		text, err := CheckJSON(got)
		if err != nil {
			t.Fatal(err)
		}
		var have map[string]any
		if err := json.Unmarshal(text, &have); err != nil {
			t.Fatal(err)
		}
		w := want[got.CheckID]
		delete(w, "CreateIndex")
		delete(w, "ModifyIndex")
		delete(have, "CreateIndex")
		delete(have, "ModifyIndex")
		if w == nil || !reflect.DeepEqual(have, w) {
			t.Errorf("%s:\n got %v\nwant %v", got.CheckID, have, w)
		}
	}
}

func goldenChecks(t *testing.T) map[string]map[string]any {
	var expected struct {
		Responses map[string]struct{ Body json.RawMessage }
	}
	if err := json.Unmarshal(golden.Read(t, "consul-1.21.4/full.expected.json"), &expected); err != nil {
		t.Fatal(err)
	}
	var checks []map[string]any
	if err := json.Unmarshal(expected.Responses["GET /v1/health/node/lictor-full-1"].Body, &checks); err != nil {
		t.Fatal(err)
	}
	byID := map[string]map[string]any{}
	for _, c := range checks {
		byID[c["CheckID"].(string)] = c
	}
	return byID
}

func TestServiceThroughTheCatalogForm(t *testing.T) {
	body := `{"Kind":"connect-proxy","Name":"p","Address":"10.1.2.3","Port":8443,"Locality":{"Region":"r","Zone":"z"},"SocketPath":"",
		"TaggedAddresses":{"lan":{"Address":"198.18.0.1","Port":80}},
		"Proxy":{"DestinationServiceName":"d","Mode":"transparent","Config":{"n":1,"f":1.5,"deep":{"x":[true,null]}},
		"Upstreams":[{"DestinationName":"u","LocalBindPort":9}],"Expose":{"Checks":true,"Paths":[{"Path":"/m","ListenerPort":1}]}},
		"Connect":{"Native":true}}`
	def, err := DecodeService(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	ns, err := def.NodeService()
	if err != nil {
		t.Fatal(err)
	}
	a, err := AgentService(ns, "dc1")
	if err != nil {
		t.Fatal(err)
	}
	if a.Proxy == nil || a.Proxy.Config["deep"] == nil || a.Proxy.Upstreams[0].LocalBindPort != 9 || !a.Proxy.Expose.Checks || !a.Connect.Native ||
		a.Locality.Zone != "z" || a.TaggedAddresses["lan"].Port != 80 || a.Datacenter != "dc1" {
		t.Errorf("got %+v", a)
	}
	text, err := ServiceJSON(ns)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseServiceJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, ns) {
		t.Errorf("got %+v\nwant %+v", again, ns)
	}
}

func TestPlainServiceShowsNoMesh(t *testing.T) {
	ns, err := (&Service{Name: "a"}).NodeService()
	if err != nil {
		t.Fatal(err)
	}
	a, err := AgentService(ns, "dc1")
	want := &api.AgentService{ID: "a", Service: "a", Tags: []string{}, Meta: map[string]string{}, Weights: api.AgentWeights{Passing: 1, Warning: 1}, Datacenter: "dc1"}
	if err != nil || !reflect.DeepEqual(a, want) {
		t.Errorf("got %+v, %v", a, err)
	}
}

type values map[string]any // a named type, as configuration has them

func TestFromConfig(t *testing.T) {
	s, warnings, err := ServiceFromConfig(values{
		"name": "web", "port": 80, "tags": []string{"t"}, "enable_tag_override": true, "weights.passing": 5, "locality.region": "eu",
		"tagged_addresses": map[string]values{"wan": {"address": "1.2.3.4", "port": 1}}, "token": "secret",
		"check":   values{"args": []string{"true"}, "interval": "5s", "id": "c1"},
		"checks":  []values{{"http": "http://x", "interval": "10s", "header": map[string][]string{"a_b": {"c"}}}},
		"proxy":   []map[string]any{{"destination_service_name": "x", "config": []map[string]any{{"a_b": 1}}}},
		"connect": []map[string]any{{"sidecar_service": []map[string]any{{}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "sidecar") || s.Connect.hasSidecar() {
		t.Errorf("warnings %q", warnings)
	}
	if s.ID != "web" || s.Port != 80 || !s.EnableTagOverride || *s.Weights != (Weights{5, 1}) || s.Locality.Region != "eu" || s.Token != "secret" ||
		s.TaggedAddresses["wan"].Port != 1 || s.Proxy.Config["a_b"] == nil {
		t.Errorf("got %+v", s)
	}
	all := s.AllChecks()
	if all[0].CheckID != "c1" || all[0].Kind() != KindScript || all[1].CheckID != "service:web:2" || all[1].Header["a_b"] == nil || all[1].Interval != 10*time.Second {
		t.Errorf("got %+v %+v", all[0], all[1])
	}
}

func TestCheckFromConfig(t *testing.T) {
	c, err := CheckFromConfig(values{"id": "mem", "ttl": "30s", "service_id": "web", "output_max_size": 10})
	if err != nil || c.CheckID != "mem" || c.Name != "mem" || c.TTL != 30*time.Second || c.ServiceID != "web" || c.OutputMaxSize != 10 {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := CheckFromConfig(values{"name": "g", "grpc": "x:1", "interval": "1s"}); err == nil || !strings.Contains(err.Error(), "Failed to register check 'g': Invalid check: gRPC checks") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(`{"Name":"a","Checks":[{"TTL":"1s","header":{"a":["b"]}}],"proxy":{"config":{"a":[1,2.5,"x"]}}}`)
	f.Add(`{"name":"a","ttl":1000000000}`)
	f.Add(`{"Name":"a","Proxy":{"Config":{"n":1e400}}}`)
	f.Fuzz(func(t *testing.T, body string) {
		if s, err := DecodeService(strings.NewReader(body)); err == nil {
			if ns, err := s.NodeService(); err == nil {
				text, err := ServiceJSON(ns)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := ParseServiceJSON(text); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
		}
		if c, err := DecodeCheck(strings.NewReader(body)); err == nil {
			text, err := CheckJSON(c.HealthCheck("n", nil))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseCheckJSON(text); err != nil {
				t.Fatal(err)
			}
		}
		var m map[string]any
		if json.Unmarshal([]byte(body), &m) == nil {
			_, _, _ = ServiceFromConfig(m)
			_, _ = CheckFromConfig(m)
		}
	})
}
