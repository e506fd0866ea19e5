//go:build clients && unix

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
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
	a := startAgent(t, lictor, false)
	if err := r.prepare(a.client); err != nil {
		t.Fatalf("prepare: %v", err)
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.tmpl"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, []byte(r.template), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, exec.Command(program, "-consul-addr="+a.address, "-template="+in+":"+out))
	rendered := func(want string) func() error {
		return func() error {
			got, err := os.ReadFile(out)
			if err == nil && string(got) != want {
				err = fmt.Errorf("rendered %q, want %q", got, want)
			}
			return err
		}
	}
	if err := p.await(rendered(r.before)); err != nil {
		t.Fatalf("before the change: %v", err)
	}
	if err := r.change(a.client); err != nil {
		t.Fatalf("change: %v", err)
	}
	if err := p.await(rendered(r.after)); err != nil {
		t.Fatalf("after the change: %v", err)
	}
}

// consulTemplate returns the path of consul-template, which is built once and kept in the user's cache folder.
func consulTemplate(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	dir := filepath.Join(cache, "lictor-interop", "consul-template-"+templateVersion)
	program := filepath.Join(dir, "consul-template")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	// The go command puts a program in its place when it is whole.
	build := exec.Command("go", "install", templateModule+"@"+templateVersion)
	build.Env = append(os.Environ(), "GOBIN="+dir, "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		text := strings.TrimSpace(string(out))
		if strings.Contains(text, "dial tcp") {
			t.Skipf("SKIPPED: consul-template cannot be fetched: %s", text)
		}
		t.Fatalf("build consul-template: %v\n%s", err, text)
	}
	return program
}
