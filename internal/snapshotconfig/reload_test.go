package snapshotconfig

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// started loads a file that a test may overwrite.
func started(t *testing.T, hcl string) (*Config, func(hcl string)) {
	t.Helper()
	path := configFile(t, "snapshot_agent {\n"+hcl+"\n}")
	c, _, err := load(t, "-config-file", path)
	if err != nil {
		t.Fatal(err)
	}
	return c, func(hcl string) { write(t, path, "snapshot_agent {\n"+hcl+"\n}") }
}

func TestReloadTakesWhatMayChange(t *testing.T) {
	c, rewrite := started(t, ``)
	rewrite(`snapshot { interval = "5m" retain = 2 max_failures = 9 stale = true skip_unchanged = true rpo = "11m" bandwidth_limit = "1MB/s" } hooks { command { args = ["true"] } } log { level = "warn" }
		drill { every = 2 memory = "1G" } backup_destinations { google_storage { bucket = "g" } local_storage { path = "/x" } }`)
	next, warnings, err := c.Reload()
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, warnings %q", err, warnings)
	}
	want := *c
	want.Interval, want.Retain, want.MaxFailures, want.Stale, want.SkipUnchanged = 5*time.Minute, 2, 9, true, true
	want.RPO, want.BandwidthLimit, want.Hooks = 11*time.Minute, 1<<20, next.Hooks
	if len(next.Hooks.Commands) != 1 {
		t.Errorf("hooks %+v", next.Hooks)
	}
	want.LogLevel, want.Drill = "WARN", Drill{Memory: 1 << 30, Every: 2}
	want.Destinations = Destinations{Local: []Local{{Path: "/x", Retain: 2}}, GCS: []GCS{{Bucket: "g", KeyPrefix: "consul-snapshot", Retain: 2}}}
	if !reflect.DeepEqual(next, &want) {
		t.Errorf("got\n%+v, want\n%+v", next, &want)
	}
	if c.Retain != 30 || len(c.Destinations.GCS) > 0 {
		t.Errorf("the running configuration has changed: %+v", c)
	}
}

func TestReloadKeepsWhatNeedsARestart(t *testing.T) {
	c, rewrite := started(t, `token = "a"`)
	rewrite(`http_addr = "a" token = "s3cret" datacenter = "a" ca_file = "a" ca_path = "a" cert_file = "a" key_file = "a" tls_server_name = "a"
		snapshot { lock_key = "a" service = "a" deregister_after = "1h" local_scratch_path = "/" } cluster = "a" listen = ":1" log { json = true }`)
	next, warnings, err := c.Reload()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(next, c) {
		t.Errorf("got\n%+v, want\n%+v", next, c)
	}
	const why = " has changed, which takes effect only when the agent is started again"
	var want []string
	for _, s := range c.fixed() {
		if s.name != "token_file" {
			want = append(want, s.name+why)
		}
	}
	if !slices.Equal(warnings, want) {
		t.Errorf("warnings\n%q, want\n%q", warnings, want)
	}
	rewrite(`token = "a" token_file = "b"`)
	if next, warnings, err = c.Reload(); err != nil || !reflect.DeepEqual(next, c) || !slices.Equal(warnings, []string{"token" + why, "token_file" + why}) {
		t.Errorf("%v, %q, %+v", err, warnings, next)
	}
}

func TestReloadKeepsTheMode(t *testing.T) {
	c, rewrite := started(t, ``)
	rewrite(`snapshot { interval = "0" }`)
	next, warnings, err := c.Reload()
	if err != nil || !reflect.DeepEqual(next, c) || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "snapshot.interval, between daemon") {
		t.Errorf("%v, %q, %+v", err, warnings, next)
	}
}

func TestReloadOfABadFile(t *testing.T) {
	c, rewrite := started(t, ``)
	rewrite(`snapshot { retain = -1 }`)
	if next, _, err := c.Reload(); err == nil || next != nil {
		t.Errorf("accepted: %+v", next)
	}
}

// Every field of Config may either change on a reload or is kept: a new one must be decided on.
func TestEveryFieldHasAFateOnReload(t *testing.T) {
	decided := strings.Fields("OneShot Interval Retain Keep MaxShrink MaxFailures Stale SkipUnchanged LogLevel Drill Encryption Destinations flags RPO BandwidthLimit Hooks")
	c := &Config{}
	fixed := map[any]bool{}
	for _, s := range c.fixed() {
		fixed[s.value] = true
	}
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch {
		case slices.Contains(decided, name):
		case name == "Connection":
			for j := range v.Field(i).NumField() {
				if !fixed[v.Field(i).Field(j).Addr().Interface()] {
					t.Errorf("Connection.%s is not decided", v.Field(i).Type().Field(j).Name)
				}
			}
		case !fixed[v.Field(i).Addr().Interface()]:
			t.Errorf("%s is not decided", name)
		}
	}
}
