package backup

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

func TestParseLabels(t *testing.T) {
	for _, c := range []struct {
		list           string
		words, unknown []string
	}{
		{"", nil, nil},
		{"dc, version", []string{"dc", "version"}, nil},
		{"dc,dc,,status", []string{"dc", "status"}, nil},
		{"node,date,Version,date", []string{"node"}, []string{"date", "Version"}},
	} {
		words, unknown := ParseLabels(c.list)
		if !slices.Equal(words, c.words) || !slices.Equal(unknown, c.unknown) {
			t.Errorf("%q: words %q, unknown %q", c.list, words, unknown)
		}
	}
}

// agent answers the two requests that labels need.
func agent(t *testing.T, health, self string) *api.Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := map[string]string{"/v1/operator/autopilot/health": health, "/v1/agent/self": self}[r.URL.Path]
		if body == "" {
			http.Error(w, "Permission denied", http.StatusForbidden)
			return
		}
		io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	client, err := api.NewClient(&api.Config{Address: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestName(t *testing.T) {
	const health = `{"Healthy":true,"Servers":[{"Name":"a","Version":"1.20.0"},{"Name":"b","Leader":true,"Version":"1.21.4"}]}`
	const self = `{"Config":{"Datacenter":"dc1","NodeName":"n-1"},"Stats":{"consul":{"leader":"true"}}}`
	const follower = `{"Config":{"Datacenter":"dc1","NodeName":"n-1"},"Stats":{"consul":{"leader":"false"}}}`
	for _, c := range []struct {
		name, path, words, health, self, want string
	}{
		{"nothing", "a.snap", "", "", "", "a.snap"},
		{"fixed order", "z.tar.snap", "dc,version", health, self, "z.tar-1.21.4-dc1.snap"},
		{"no extension", "noext", "version", health, "", "noext-1.21.4"},
		{"all", "/d.x/a.snap", "status,node,dc,version", health, self, "/d.x/a-1.21.4-dc1-n-1-leader.snap"},
		{"follower", "a.snap", "status", "", follower, "a-follower.snap"},
		{"dot in the directory only", "d.x/a", "dc", "", self, "d.x/a-dc1"},
		{"version denied", "a.snap", "version", "", self, "fetching version of Consul agent Leader: Unexpected response code: 403 (Permission denied)"},
		{"no leader", "a.snap", "version", `{"Servers":[]}`, self, "fetching version of Consul agent Leader: no server is marked leader"},
		{"self denied", "a.snap", "dc", health, "", "connecting to Consul agent and fetching datacenter/version: Unexpected response code: 403"},
		{"no datacenter", "a.snap", "dc", health, `{}`, "connecting to Consul agent and fetching datacenter/version: the agent's datacenter is \"\""},
		{"node that is a path", "a.snap", "node", health, `{"Config":{"NodeName":"../x"}}`, "connecting to Consul agent and fetching datacenter/version: the agent's node name is \"../x\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			words, _ := ParseLabels(c.words)
			got, err := (&Labeler{agent(t, c.health, c.self)}).Name(t.Context(), c.path, words)
			if err != nil {
				got = err.Error()
			}
			if got != c.want && (err == nil || !strings.HasPrefix(got, c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
