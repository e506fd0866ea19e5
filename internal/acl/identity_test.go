package acl

import (
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

func templated(id, name, variable string) *record.ACLTemplatedPolicy {
	t := &record.ACLTemplatedPolicy{TemplateID: id, TemplateName: name}
	if variable != "" {
		t.TemplateVariables = &record.ACLTemplateVariables{Name: variable}
	}
	return t
}

func TestIdentities(t *testing.T) {
	service := mustParse(t, `service "web" { policy = "write" } service "web-sidecar-proxy" { policy = "write" }
		service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }`)
	node := mustParse(t, `node "web" { policy = "write" } service_prefix "" { policy = "read" }`)
	byTemplate := func(id, name string) *Policy {
		p, ok := TemplatedPolicy(templated(id, name, "web"))
		if !ok {
			t.Fatalf("template %q %q is not known", id, name)
		}
		return p
	}
	for _, c := range []struct {
		name      string
		got, want *Policy
	}{
		{"service identity", ServiceIdentity("web"), service},
		{"node identity", NodeIdentity("web"), node},
		{"builtin/service by ID", byTemplate(ServiceTemplateID, "renamed"), service},
		{"builtin/service by name", byTemplate("", ServiceTemplateName), service},
		{"builtin/node by ID", byTemplate(NodeTemplateID, NodeTemplateName), node},
		{"builtin/node by name", byTemplate("", NodeTemplateName), node},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, want := New(false, c.got), New(false, c.want)
			for _, name := range []string{"", "we", "web", "web-", "web-sidecar-proxy", "web2", "other"} {
				sameAnswers(t, got, want, name)
			}
		})
	}
}

func TestTemplatesThatGrantNothing(t *testing.T) {
	for name, tp := range map[string]*record.ACLTemplatedPolicy{
		"dns":                      templated("00000000-0000-0000-0000-000000000005", "builtin/dns", ""),
		"service without variable": templated(ServiceTemplateID, ServiceTemplateName, ""),
		"unknown":                  templated("", "builtin/nomad-server", "x"),
		"name of one, ID of none":  templated("11111111-0000-0000-0000-000000000005", ServiceTemplateName, "x"),
	} {
		if p, ok := TemplatedPolicy(tp); ok {
			t.Errorf("%s: %v", name, p)
		}
	}
}

func TestApplies(t *testing.T) {
	for _, c := range []struct {
		datacenters []string
		dc          string
		want        bool
	}{
		{nil, "dc1", true},
		{[]string{}, "dc1", true},
		{[]string{"dc2", "dc1"}, "dc1", true},
		{[]string{"dc2"}, "dc1", false},
	} {
		if got := Applies(c.datacenters, c.dc); got != c.want {
			t.Errorf("Applies(%v, %s) = %v", c.datacenters, c.dc, got)
		}
	}
}
