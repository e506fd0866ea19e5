package agentconfig

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestJoinDefaults(t *testing.T) {
	want := JoinConfig{
		RetryInterval: 30 * time.Second, ServerRejoinAgeMax: 168 * time.Hour, ReconnectTimeout: 72 * time.Hour, LeaveDrainTime: 5 * time.Second,
		RetryIntervalWAN: 30 * time.Second, ReconnectTimeoutWAN: 72 * time.Hour, SkipLeaveOnInterrupt: true,
	}
	if c := mustServer(t, ""); !reflect.DeepEqual(c.JoinConfig, want) {
		t.Errorf("server: %+v", c.JoinConfig)
	}
	want.LeaveOnTerminate, want.SkipLeaveOnInterrupt = true, false
	if c, _, err := client(t, ""); err != nil || !reflect.DeepEqual(c.JoinConfig, want) {
		t.Errorf("client: %+v, %v", c.JoinConfig, err)
	}
}

func TestJoinKeys(t *testing.T) {
	keys := `retry_interval = "1s" retry_max = 4 rejoin_after_leave = true server_rejoin_age_max = "6h" reconnect_timeout = "9h"
		retry_interval_wan = "3s" retry_max_wan = 5 reconnect_timeout_wan = "10h"
		performance { leave_drain_time = "2s" } retry_join = ["a", "10.0.0.1:8301", "[::1]:8301"]`
	want := JoinConfig{
		RetryJoin: []string{"a", "10.0.0.1:8301", "[::1]:8301"}, RetryInterval: time.Second, RetryMaxAttempts: 4, RejoinAfterLeave: true,
		RetryIntervalWAN: 3 * time.Second, RetryMaxAttemptsWAN: 5, ReconnectTimeoutWAN: 10 * time.Hour,
		ServerRejoinAgeMax: 6 * time.Hour, ReconnectTimeout: 9 * time.Hour, LeaveDrainTime: 2 * time.Second, LeaveOnTerminate: true,
	}
	if c := mustServer(t, keys+` leave_on_terminate = true skip_leave_on_interrupt = false`); !reflect.DeepEqual(c.JoinConfig, want) {
		t.Errorf("server: %+v", c.JoinConfig)
	}
	want.LeaveOnTerminate, want.SkipLeaveOnInterrupt, want.AdvertiseReconnectTimeout = false, true, time.Hour
	c, _, err := client(t, keys+` leave_on_terminate = false skip_leave_on_interrupt = true advertise_reconnect_timeout = "1h"`)
	if err != nil || !reflect.DeepEqual(c.JoinConfig, want) {
		t.Errorf("client: %+v, %v", c.JoinConfig, err)
	}
}

func TestJoinFlags(t *testing.T) {
	c, warnings, err := client(t, "", "-retry-join=a", "-join=b", "-retry-interval=1s", "-retry-max=2", "-rejoin")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.RetryJoin, []string{"a", "b"}) || c.RetryInterval != time.Second || c.RetryMaxAttempts != 2 || !c.RejoinAfterLeave {
		t.Errorf("%+v", c.JoinConfig)
	}
	if want := "The flag '-join' is deprecated. Use the '-retry-join' flag instead."; !slices.Equal(warnings, []string{want}) {
		t.Errorf("warnings %q", warnings)
	}
}

func TestRetryJoin(t *testing.T) {
	const clouds = "the providers are aws, azure, gce, mdns"
	for _, tt := range []struct{ name, entry, want, err string }{
		{"template", `{{ "10.0.0.1 10.0.0.2" }}`, "10.0.0.1|10.0.0.2", ""},
		{"bad template", `{{ nonsense }}`, "", "evaluate the address template"},
		{"empty", ``, "", ""},
		{"aws", `provider=aws tag_value="b c" secret_access_key=s3cret=`, `provider=aws tag_value="b c" secret_access_key=s3cret=`, ""},
		{"azure, later in the entry", `tag_name=provider tenant_id=x provider=azure`, `tag_name=provider tenant_id=x provider=azure`, ""},
		{"gce, quoted and with spaces", `"provider" = "gce"`, `"provider" = "gce"`, ""},
		{"mdns", `provider=mdns service=consul domain={{x}}`, `provider=mdns service=consul domain={{x}}`, ""},
		{"unknown", `provider=xyz token=s3cret`, "", `retry_join: cloud auto-join with provider "xyz" is not served: ` + clouds},
		{"in capitals", `provider=AWS`, "", `retry_join: cloud auto-join with provider "AWS" is not served: ` + clouds},
		{"no name", `provider= `, "", "retry_join: cloud auto-join needs provider=NAME: " + clouds},
		{"an empty name", `provider="" token=s3cret`, "", "retry_join: cloud auto-join needs provider=NAME: " + clouds},
		{"no provider", `tag_key=a secret_access_key=s3cret`, "", "retry_join: cloud auto-join needs provider=NAME: " + clouds},
		{"in a value only", `tag_value="x provider=aws" token=s3cret`, "", "retry_join: cloud auto-join needs provider=NAME: " + clouds},
		{"a secret for a name", `provider="aws token=s3cret"`, "", "retry_join: cloud auto-join with this provider is not served: " + clouds},
		{"by a template", `{{ "provider=aws token=s3cret" }}`, "",
			"retry_join: an address template must yield addresses, not a search in a cloud"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := joinAddresses("retry_join", []string{tt.entry})
			switch {
			case tt.err == "" && err != nil:
				t.Error(err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "s3cret")):
				t.Errorf("error %v, want %s", err, tt.err)
			case strings.Join(got, "|") != tt.want:
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	_, _, err := client(t, "", "-retry-join=provider=xyz")
	if err == nil || !strings.HasPrefix(err.Error(), `retry_join: cloud auto-join with provider "xyz"`) {
		t.Errorf("Load does not refuse: %v", err)
	}
}

// Whatever follows the name of a provider, no error shows it.
func FuzzProvider(f *testing.F) {
	for _, text := range []string{`aws`, `"aws" a="b c"`, `xyz`, `= =`, `"`, `"\"" x`, ` a = b`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entry := "provider=" + text + " secret_access_key=S3CRET"
		got, err := joinAddresses("retry_join", []string{entry})
		if err == nil && !slices.Equal(got, []string{entry}) {
			t.Errorf("%q became %q", entry, got)
		}
		if err != nil && strings.Contains(err.Error(), "S3CRET") {
			t.Errorf("the secret is told: %v", err)
		}
	})
}

// Only servers are in the WAN pool: a client agent that is to join it says that it does not.
func TestClientsDoNotJoinTheWAN(t *testing.T) {
	const warning = "retry_join_wan has no effect: this agent is in no WAN pool, which takes a server and ports.serf_wan"
	for _, flag := range []string{"-retry-join-wan=10.0.0.1", "-join-wan=10.0.0.1", `-hcl=retry_join_wan = ["10.0.0.1"]`} {
		c, warnings, err := load(t, "-data-dir", t.TempDir(), "-bind=127.0.0.1", "-node=n1", flag)
		if err != nil || len(c.RetryJoinWAN) > 0 || !slices.Contains(warnings, warning) {
			t.Errorf("%s: %v, %q, %v", flag, c, warnings, err)
		}
	}
}
