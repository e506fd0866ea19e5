package localstate

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-dr/lictor/internal/definition"
)

func in(dir string) func(*Config) { return func(c *Config) { c.DataDir = dir } }

// TestPersistedFiles pins the files, which other versions and Consul read.
func TestPersistedFiles(t *testing.T) {
	dir := t.TempDir()
	s := newState(t, &fakeCatalog{}, in(dir))
	s.register(t, `{"Name":"web","ID":"w1","Tags":["t"],"Port":80,"Meta":{"a":"b"},"Token":"secret","Check":{"HTTP":"http://127.0.0.1:1/","Interval":"1h","Timeout":"2s"}}`)
	s.load(t, []*definition.Service{serviceOf(t, `{"Name":"file","Check":{"TTL":"1h"}}`)}, nil)
	if err := s.EnableNodeMaintenance(t.Context(), "why", ""); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		sum(servicesDir, "w1"):              `{"Token":"secret","Service":{"ID":"w1","Service":"web","Tags":["t"],"Address":"","Meta":{"a":"b"},"Port":80,"Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"Proxy":{"Mode":"","MeshGateway":{},"Expose":{}},"Connect":{},"PeerName":"","CreateIndex":0,"ModifyIndex":0},"Source":"remote"}`,
		sum(checksDir, "service:w1"):        `{"Check":{"Node":"n1","CheckID":"service:w1","Name":"Service 'web' check","Status":"critical","Notes":"","Output":"","ServiceID":"w1","ServiceName":"web","ServiceTags":["t"],"Type":"http","Interval":"1h0m0s","Timeout":"2s","ExposedPort":0,"Definition":{},"CreateIndex":0,"ModifyIndex":0},"ChkType":{"CheckID":"service:w1","Name":"Service 'web' check","Status":"","Notes":"","ScriptArgs":null,"Shell":"","HTTP":"http://127.0.0.1:1/","Method":"","Header":null,"Body":"","DisableRedirects":false,"TCP":"","TCPUseTLS":false,"TLSServerName":"","TLSSkipVerify":false,"TTL":0,"UDP":"","GRPC":"","GRPCUseTLS":false,"H2PING":"","H2PingUseTLS":false,"DockerContainerID":"","OSService":"","AliasService":"","AliasNode":"","Interval":3600000000000,"Timeout":2000000000,"SuccessBeforePassing":0,"FailuresBeforeWarning":0,"FailuresBeforeCritical":0,"DeregisterCriticalServiceAfter":0,"OutputMaxSize":0},"Token":"secret","Source":"remote"}`,
		sum(checksDir, "_node_maintenance"): `{"Check":{"Node":"n1","CheckID":"_node_maintenance","Name":"Node Maintenance Mode","Status":"critical","Notes":"why","Output":"","ServiceID":"","ServiceName":"","ServiceTags":[],"Type":"maintenance","Interval":"","Timeout":"","ExposedPort":0,"Definition":{},"CreateIndex":0,"ModifyIndex":0},"ChkType":null,"Token":"","Source":"local"}`,
	}
	got := files(t, dir)
	for name, text := range got {
		if text != want[name] {
			t.Errorf("%s:\n got %s\nwant %s", name, text, want[name])
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if len(got) != len(want) {
		t.Errorf("files %q", slices.Sorted(maps.Keys(got)))
	}
}

func sum(dir, id string) string { return filepath.ToSlash((&State{}).persistedName(dir, id)) }

func TestNamesOfPersistedFiles(t *testing.T) {
	if got := sum(servicesDir, "web"); got != "services/4b5e57f6eb2f42b9039b3d1e13929295f231749c510cbe341cd68036d9af97e2" {
		t.Errorf("got %s", got)
	}
}

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	before := newState(t, &fakeCatalog{}, in(dir))
	before.register(t, `{"Name":"web","ID":"w1","Token":"secret","Proxy":{"Config":{"a":1}},"Checks":[{"TTL":"1h"},{"TCP":"127.0.0.1:1","Interval":"1h","Status":"passing"}]}`)
	before.register(t, `{"Name":"gone"}`)
	if err := before.AddCheck(t.Context(), checkOf(t, `{"Name":"node","Notes":"n","TTL":"1h"}`), "token", FromAPI); err != nil {
		t.Fatal(err)
	}
	if err := before.EnableServiceMaintenance(t.Context(), "w1", "why", ""); err != nil {
		t.Fatal(err)
	}
	before.update(t, "service:w1:1", "warning", "so so")
	if err := before.RemoveService(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	before.Close()
	after := newState(t, &fakeCatalog{}, in(dir))
	after.load(t, nil, nil)
	for id, r := range before.Services() {
		if now := after.Services()[id]; now == nil || !sameService(now, r) || after.services[id].token != before.services[id].token {
			t.Errorf("service %s is %+v", id, now)
		}
	}
	if len(after.Services()) != 1 || len(after.Checks()) != 4 {
		t.Errorf("%v %v", after.Services(), after.Checks())
	}
	for id, want := range map[string]string{"service:w1:1": "warning so so", "service:w1:2": "critical ", "node": "critical ", "_service_maintenance:w1": "critical "} {
		if got := after.state(t, id); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
		if after.checks[id].token != before.checks[id].token || after.checks[id].source != before.checks[id].source {
			t.Errorf("%s has another token or source", id)
		}
	}
	after.update(t, "node", "passing", "")
}

func TestStateIsKeptUntilItExpires(t *testing.T) {
	dir := t.TempDir()
	def := []*definition.Check{checkOf(t, `{"Name":"c","TTL":"10m"}`)}
	synctest.Test(t, func(t *testing.T) {
		restart := func(s *State) *State {
			s.Close()
			next := newState(t, &fakeCatalog{}, in(dir))
			next.load(t, nil, def)
			return next
		}
		s := newState(t, &fakeCatalog{}, in(dir))
		s.load(t, nil, def)
		s.update(t, "c", "passing", "fine")
		<-time.After(6 * time.Minute)
		s = restart(s)
		if got := s.state(t, "c"); got != "passing fine" {
			t.Errorf("after a restart: %s", got)
		}
		<-time.After(5 * time.Minute)
		synctest.Wait()
		if got := s.state(t, "c"); got != "critical TTL expired (last output before timeout follows): fine" {
			t.Errorf("the restart prolonged the TTL: %s", got)
		}
		s = restart(s)
		defer s.Close()
		if got := s.state(t, "c"); got != "critical " || len(files(t, dir)) != 0 {
			t.Errorf("after the end: %s, %v", got, files(t, dir))
		}
	})
}

func TestFilesBeatPersistedDefinitions(t *testing.T) {
	dir := t.TempDir()
	before := newState(t, &fakeCatalog{}, in(dir))
	before.register(t, `{"Name":"web","Port":1,"Check":{"TTL":"1h"}}`)
	before.register(t, `{"Name":"kept"}`)
	before.Close()
	after := newState(t, &fakeCatalog{}, in(dir))
	after.load(t, []*definition.Service{serviceOf(t, `{"Name":"web","Port":2,"Check":{"TTL":"2h"}}`)},
		[]*definition.Check{checkOf(t, `{"Name":"c","ServiceID":"kept","TTL":"1h"}`)})
	if after.Services()["web"].Port != 2 || after.checks["service:web"].def.TTL != 2*time.Hour || len(after.Checks()) != 2 {
		t.Errorf("%+v", after.Services()["web"])
	}
	if got := slices.Collect(maps.Keys(files(t, dir))); !slices.Equal(got, []string{sum(servicesDir, "kept")}) {
		t.Errorf("files %q", got)
	}
}

func TestDamagedFiles(t *testing.T) {
	good := t.TempDir()
	s := newState(t, &fakeCatalog{}, in(good))
	s.register(t, `{"Name":"web","Check":{"TTL":"1h"}}`)
	s.update(t, "service:web", "passing", "fine")
	s.Close()
	whole := files(t, good)
	for name, text := range whole {
		for cut := 0; cut < len(text); cut += 7 {
			dir := t.TempDir()
			for other, content := range whole {
				if other == name {
					content = content[:cut]
				}
				writeFile(t, dir, other, content)
			}
			after := newState(t, &fakeCatalog{}, in(dir))
			after.load(t, nil, nil)
			left := files(t, dir)
			if left[name] != text[:cut] {
				t.Errorf("%s cut at %d was changed or removed", name, cut)
			}
			if strings.HasPrefix(name, servicesDir) != (len(after.Services()) == 0) {
				t.Errorf("%s cut at %d: %v", name, cut, after.Services())
			}
			after.Close()
		}
	}
}

func writeFile(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOddFiles(t *testing.T) {
	const web = `{"ID":"web","Service":"web","Port":1}`
	const ttl = `"ChkType":{"TTL":1000000000,"ProxyHTTP":""}`
	for name, tt := range map[string]struct {
		file, content string
		left          string // the file afterwards
		has           string // the service or check that is restored
	}{
		"purged source":     {"services/a", `{"Service":` + web + `,"Source":"moon"}`, "", ""},
		"old name":          {"services/d41d8cd98f00b204e9800998ecf8427e", `{"Service":` + web + `,"Source":"remote"}`, sum(servicesDir, "web"), "web"},
		"temporary":         {"services/x.tmp", `{"Service":` + web + `}`, "services/x.tmp", ""},
		"temporary of ours": {"services/x.tmp123", `{"Service":` + web + `}`, "services/x.tmp123", ""},
		"sidecar":           {"services/a", `{"Service":` + web + `,"Source":"remote","LocallyRegisteredAsSidecar":true}`, "services/a", ""},
		"service is gone":   {"checks/a", `{"Check":{"CheckID":"c","Name":"c","ServiceID":"nobody"},` + ttl + `}`, "", ""},
		"not run":           {"checks/a", `{"Check":{"CheckID":"c","Name":"c"},"ChkType":{"DockerContainerID":"x","Interval":1}}`, "checks/a", ""},
		"script":            {"checks/a", `{"Check":{"CheckID":"c","Name":"c"},"ChkType":{"ScriptArgs":["x"],"Interval":1}}`, "checks/a", ""},
		"no type":           {"checks/a", `{"Check":{"CheckID":"c","Name":"c"},"ChkType":null}`, "checks/a", ""},
		"Consul's check":    {"checks/a", `{"Check":{"CheckID":"c","Name":"c","Definition":{"Interval":"1s"},"New":1},` + ttl + `,"Token":"","Source":"remote"}`, sum(checksDir, "c"), "c"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, dir, tt.file, tt.content)
			s := newState(t, &fakeCatalog{}, in(dir))
			s.load(t, nil, nil)
			if got := strings.Join(slices.Collect(maps.Keys(files(t, dir))), " "); got != tt.left {
				t.Errorf("left %q, want %q", got, tt.left)
			}
			got := slices.Concat(slices.Collect(maps.Keys(s.Services())), slices.Collect(maps.Keys(s.Checks())))
			if strings.Join(got, " ") != tt.has {
				t.Errorf("restored %q, want %q", got, tt.has)
			}
		})
	}
}

func TestRegistrationThatCannotBePersistedFails(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "services", "not a directory")
	s := newState(t, &fakeCatalog{}, in(dir))
	err := s.AddService(t.Context(), serviceOf(t, `{"Name":"a"}`), "", FromAPI, false)
	if err == nil || len(s.Services()) != 0 {
		t.Errorf("%v, %v", s.Services(), err)
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"Service":{"ID":"a","Service":"b","Proxy":{"Config":{"a":1}}},"Source":"remote"}`))
	f.Add([]byte(`{"Check":{"CheckID":"a"},"ChkType":{"TTL":1},"Source":"remote"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := New(Config{Node: NodeInfo{Node: "n"}, Catalog: &fakeCatalog{}, Tokens: fakeTokens{}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		_ = s.restoreService("none", text)
		if c, err := s.parseCheck(bytes.Clone(text)); err == nil && c.def != nil {
			if _, err := json.Marshal(c.def); err != nil {
				t.Fatal(err)
			}
		}
	})
}
