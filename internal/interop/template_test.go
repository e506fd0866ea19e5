//go:build clients && unix

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/testproc"
)

const (
	templateModule  = "github.com/hashicorp/consul-template"
	templateVersion = "v0.41.1"
)

// A rendering is a template, and what must come of it before and after a change.
type rendering struct {
	function string
	template string
	prepare  func(*api.Client) error
	before   string
	change   func(*api.Client) error
	after    string
}

var renderings = []rendering{
	{
		"key", `{{ key "app/greeting" }}`,
		put("app/greeting", "hello"), "hello",
		put("app/greeting", "good bye"), "good bye",
	},
	{
		"keyOrDefault", `{{ keyOrDefault "app/limit" "10" }}`,
		put("app/other", ""), "10",
		put("app/limit", "20"), "20",
	},
	{
		"ls", `{{ range ls "app" }}{{ .Key }}={{ .Value }};{{ end }}`,
		both(put("app/b", "2"), put("app/deep/c", "3")), "b=2;",
		put("app/a", "1"), "a=1;b=2;",
	},
	{
		"tree", `{{ range tree "app" }}{{ .Key }}={{ .Value }};{{ end }}`,
		both(put("app/b", "2"), put("app/deep/c", "3")), "b=2;deep/c=3;",
		put("app/deep/c", "4"), "b=2;deep/c=4;",
	},
	{
		"service", `{{ range service "web" }}{{ .Node }} {{ .Address }}:{{ .Port }};{{ end }}`,
		both(instance("web", "app-1", api.HealthPassing), instance("web", "app-2", api.HealthCritical)), "app-1 10.2.0.1:80;",
		instance("web", "app-2", api.HealthPassing), "app-1 10.2.0.1:80;app-2 10.2.0.1:80;",
	},
	{
		"health", `{{ range service "web|any" }}{{ .ID }}={{ .Status }};{{ end }}`,
		registered("web", api.HealthPassing), "web=passing;",
		reported("web", api.HealthCritical), "web=critical;",
	},
	{
		"services", `{{ range services }}{{ if ne .Name "consul" }}{{ .Name }}:{{ join "," .Tags }};{{ end }}{{ end }}`,
		instance("web", "app-1", api.HealthPassing), "web:v1;",
		instance("db", "app-1", api.HealthPassing), "db:v1;web:v1;",
	},
	{
		"nodes", `{{ range nodes }}{{ if .Node | regexMatch "^app" }}{{ .Node }}={{ .Address }};{{ end }}{{ end }}`,
		instance("web", "app-1", api.HealthPassing), "app-1=10.2.0.1;",
		instance("web", "app-2", api.HealthPassing), "app-1=10.2.0.1;app-2=10.2.0.1;",
	},
}

func put(key, value string) func(*api.Client) error {
	return func(c *api.Client) error {
		_, err := c.KV().Put(&api.KVPair{Key: key, Value: []byte(value)}, nil)
		return err
	}
}

// instance registers a service on a node, with a check.
func instance(service, node, status string) func(*api.Client) error {
	return func(c *api.Client) error {
		_, err := c.Catalog().Register(&api.CatalogRegistration{
			Node: node, Address: "10.2.0.1",
			Service: &api.AgentService{ID: service, Service: service, Tags: []string{"v1"}, Port: 80},
			Check:   &api.AgentCheck{Node: node, CheckID: "check-" + service, Name: "check", ServiceID: service, Status: status},
		}, nil)
		return err
	}
}

// registered registers a service with the agent, with a check whose status is reported to it.
func registered(service, status string) func(*api.Client) error {
	return func(c *api.Client) error {
		return c.Agent().ServiceRegister(&api.AgentServiceRegistration{
			Name: service, Port: 80, Check: &api.AgentServiceCheck{TTL: "1h", Status: status},
		})
	}
}

func reported(service, status string) func(*api.Client) error {
	return func(c *api.Client) error { return c.Agent().UpdateTTL("service:"+service, "as the test says", status) }
}

func both(first, second func(*api.Client) error) func(*api.Client) error {
	return func(c *api.Client) error {
		if err := first(c); err != nil {
			return err
		}
		return second(c)
	}
}

func TestConsulTemplate(t *testing.T) {
	program := consulTemplate(t)
	for _, r := range renderings {
		t.Run(r.function, func(t *testing.T) { r.follow(t, program) })
	}
}

// follow has consul-template render, changes what it renders, and waits for the second result.
func (r rendering) follow(t *testing.T, program string) {
	s := serve(t, lictor, false)
	if err := r.prepare(s.client); err != nil {
		t.Fatalf("prepare: %v", err)
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.tmpl"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, []byte(r.template), 0o600); err != nil {
		t.Fatal(err)
	}
	p := testproc.Start(t, exec.Command(program, "-consul-addr="+s.address(), "-template="+in+":"+out))
	rendered := func(want string) func() error {
		return func() error {
			got, err := os.ReadFile(out)
			if err == nil && string(got) != want {
				err = fmt.Errorf("rendered %q, want %q", got, want)
			}
			return err
		}
	}
	if err := p.Await(patience, rendered(r.before)); err != nil {
		t.Fatalf("before the change: %v", err)
	}
	if err := r.change(s.client); err != nil {
		t.Fatalf("change: %v", err)
	}
	if err := p.Await(patience, rendered(r.after)); err != nil {
		t.Fatalf("after the change: %v", err)
	}
}

// consulTemplate has the go command build the program, and returns its path.
func consulTemplate(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "install", "-trimpath", templateModule+"@"+templateVersion)
	build.Env = append(os.Environ(), "GOBIN="+dir, "GOWORK=off", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s %s (is the Go module proxy reached?): %v\n%s", templateModule, templateVersion, err, out)
	}
	return filepath.Join(dir, "consul-template")
}
