package snapshotconfig

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/alarm"
)

func TestHooks(t *testing.T) {
	c, warnings, err := agent(t, `snapshot { rpo = "3h" bandwidth_limit = "20MB/s" } hooks {
		webhook { url = "https://u:s3cret@example.com/s3cret?x=s3cret" headers { X-Team = "s3cret" } on = ["Failure", "recovery", "success"] }
		webhook { url_file = "/etc/url" secret_header = "Authorization" secret_file = "/etc/secret" timeout = "1m" }
		command { args = ["sh", "-c", "true"] }
		dead_mans_switch { url = "http://h:1/uuid" method = "head" }
	}`)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, %q", err, warnings)
	}
	all := []alarm.Kind{alarm.Failure, alarm.Recovery, alarm.Success}
	want := Hooks{
		Webhooks: []Webhook{
			{Name: "webhook[0] example.com", URL: "https://u:s3cret@example.com/s3cret?x=s3cret", Headers: map[string]Secret{"X-Team": "s3cret"},
				On: all, Timeout: 10 * time.Second},
			{Name: "webhook[1]", URLFile: "/etc/url", SecretHeader: "Authorization", SecretFile: "/etc/secret", On: all[:2], Timeout: time.Minute},
		},
		Commands: []Command{{Name: "command[0]", Args: c.Hooks.Commands[0].Args, On: all[:2], Timeout: 30 * time.Second}},
		Switches: []DeadMansSwitch{{Name: "dead_mans_switch[0] h", URL: "http://h:1/uuid", Method: "HEAD", Timeout: 10 * time.Second}},
	}
	if !reflect.DeepEqual(c.Hooks, want) || !strings.HasSuffix(c.Hooks.Commands[0].Args[0], "/sh") {
		t.Errorf("got\n%#v, want\n%#v", c.Hooks, want)
	}
	if c.RPO != 3*time.Hour || c.BandwidthLimit != 20<<20 {
		t.Errorf("%s, %d", c.RPO, c.BandwidthLimit)
	}
	if text := fmt.Sprintf("%v %+v %#v", c.Hooks, c.Hooks, c.Hooks); strings.Contains(text, "s3cret") {
		t.Errorf("printing shows secrets: %s", text)
	}
	hooks := c.Hooks.Hooks()
	if len(hooks) != 4 || hooks[0].Action.(*alarm.Webhook).Headers["X-Team"] != "s3cret" || hooks[3].On[0] != alarm.Proven {
		t.Errorf("%+v", hooks)
	}
	if !strings.Contains(c.Banner("1"), `Objective: "3h0m0s"`) {
		t.Error(c.Banner("1"))
	}
}

// Lists of several files add up, and names go on.
func TestHooksOfSeveralFiles(t *testing.T) {
	one := configFile(t, `snapshot_agent { hooks { command { args = ["true"] } } }`)
	two := configFile(t, `snapshot_agent { hooks { command { args = ["true"] } } }`)
	c, _, err := load(t, "-config-file", one, "-config-file", two)
	if err != nil || len(c.Hooks.Commands) != 2 || c.Hooks.Commands[1].Name != "command[1]" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestFaultsOfHooks(t *testing.T) {
	for _, c := range []struct{ name, hcl, want string }{
		{"no URL", `hooks { webhook { on = ["success"] } }`, "hooks.webhook[0] in "},
		{"two URLs", `hooks { webhook { url = "https://h/s3cret" url_file = "/f" } }`, "one of url and url_file is required"},
		{"no such scheme", `hooks { webhook { url = "ftp://h/s3cret" } }`, "not a URL that begins with http:// or https://"},
		{"no host", `hooks { dead_mans_switch { url = "https:///s3cret" } }`, "not a URL"},
		{"no such event", `hooks { command { args = ["true"] on = ["failed"] } }`, `on: there is no event "failed": write success, failure or recovery`},
		{"no program", `hooks { command { args = ["/nowhere/s"] } }`, "args: "},
		{"no args", `hooks { command { timeout = "1s" } }`, "args is required"},
		{"args in one text", `hooks { command { args = "echo s3cret" } }`, "expected a list of strings, got a string"},
		{"numbers", `hooks { command { args = [1] } }`, "expected a list of strings, got a number in it"},
		{"no such method", `hooks { dead_mans_switch { url = "http://h" method = "PUT" } }`, "method must be GET, HEAD or POST"},
		{"header alone", `hooks { webhook { url = "http://h" secret_header = "A" } }`, "secret_header and secret_file go together"},
		{"bad header", `hooks { webhook { url = "http://h" secret_header = "A B" secret_file = "/f" } }`, `"A B" is not the name of a header`},
		{"bad headers", `hooks { webhook { url = "http://h" headers { A = "a\ns3cret" } } }`, `headers: "A" is no header, or its value is not one line`},
		{"too long", `hooks { command { args = ["true"] timeout = "11m" } }`, "timeout must be above 0 and at most 10m0s, not 11m0s"},
		{"never", `hooks { command { args = ["true"] timeout = "0" } }`, "timeout must be above 0"},
		{"unknown kind", `hooks { mail { to = "s3cret" } }`, "invalid config key snapshot_agent.hooks.mail"},
		{"unknown key", `hooks { webhook { uri = "s3cret" } }`, "invalid config key snapshot_agent.hooks.webhook[0].uri"},
		{"outside", `webhook { url = "http://h" }`, "invalid config key snapshot_agent.webhook"},
		{"a destination inside", `hooks { local_storage { path = "/" } }`, "invalid config key snapshot_agent.hooks.local_storage"},
		{"objective too short", `snapshot { interval = "2h" rpo = "2h" }`, "2h0m0s cannot be kept with a proven backup every 2h0m0s"},
		{"objective too short for the drills", `snapshot { rpo = "2h" } drill { every = 2 }`, "cannot be kept"},
		{"negative objective", `snapshot { rpo = "-2h" }`, "must not be negative"},
		{"too slow", `snapshot { bandwidth_limit = "1KB/s" }`, "must be at least 16KB/s"},
		{"no rate", `snapshot { bandwidth_limit = "20MB" }`, "not a rate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := agent(t, c.hcl)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if c, warnings, err := agent(t, `snapshot { rpo = "2h" interval = "0" bandwidth_limit = "off" }`); err != nil || len(warnings) != 1 || c.RPO != 0 || c.BandwidthLimit != 0 {
		t.Errorf("one-shot: %v, %q", err, warnings)
	}
}
