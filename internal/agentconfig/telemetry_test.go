package agentconfig

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestTelemetry(t *testing.T) {
	for _, c := range []struct {
		name, hcl string
		want      TelemetryConfig
	}{
		{"defaults", ``, TelemetryConfig{MetricsPrefix: "consul", FilterDefault: true}},
		{"all", `telemetry { metrics_prefix = "p" disable_hostname = true prometheus_retention_time = "90s" filter_default = false
			prefix_filter = ["+a", "-b"] statsd_address = "127.0.0.1:1" statsite_address = "127.0.0.1:2"
			dogstatsd_addr = "unix:///run/d" dogstatsd_tags = ["a:b"] }`, TelemetryConfig{
			MetricsPrefix: "p", DisableHostname: true, PrometheusRetention: 90 * time.Second, PrefixFilter: []string{"+a", "-b"},
			StatsdAddress: "127.0.0.1:1", StatsiteAddress: "127.0.0.1:2", DogstatsdAddr: "unix:///run/d", DogstatsdTags: []string{"a:b"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, _, err := server(t, c.hcl)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(config.Telemetry, c.want) {
				t.Errorf("got %+v, want %+v", config.Telemetry, c.want)
			}
		})
	}
}

func TestTelemetryAddresses(t *testing.T) {
	for _, key := range []string{"statsd_address", "statsite_address"} {
		_, _, err := server(t, `telemetry { `+key+` = "localhost" }`)
		if err == nil || !strings.HasPrefix(err.Error(), "telemetry."+key+": ") {
			t.Errorf("%s: %v", key, err)
		}
	}
}
