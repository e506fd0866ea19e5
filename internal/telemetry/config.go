package telemetry

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-metrics"
	"github.com/hashicorp/go-metrics/datadog"
)

// Config is what Setup needs to know. The comments name the keys of the agent's configuration, below telemetry.
type Config struct {
	Prefix              string        // metrics_prefix, put in front of every name
	DisableHostname     bool          // disable_hostname: gauges do not carry the host's name
	Hostname            string        // empty is that of the machine
	PrometheusRetention time.Duration // prometheus_retention_time; not positive means no Prometheus
	StatsdAddr          string        // statsd_address, host:port; empty here and below means no such output
	StatsiteAddr        string        // statsite_address, host:port
	DogstatsdAddr       string        // dogstatsd_addr, host:port or unix:///PATH
	DogstatsdTags       []string      // dogstatsd_tags, NAME:VALUE
	FilterDefault       bool          // filter_default: whether a metric that no prefix names is collected
	Allowed, Blocked    []string      // prefix_filter, as ParsePrefixFilter reads it

	Log hclog.Logger // hears of outputs that fail; nil drops that
}

// blockedByDefault are prefixes that are blocked unless a rule names them.
var blockedByDefault = []string{"consul.rpc.server.call"}

// ParsePrefixFilter reads the rules of telemetry.prefix_filter: +PREFIX allows and -PREFIX blocks metrics whose full
// name begins so; the longest prefix wins. A rule that is neither is skipped, and a warning says so.
func ParsePrefixFilter(rules []string) (allowed, blocked, warnings []string) {
	for _, rule := range rules {
		if prefix, ok := strings.CutPrefix(rule, "+"); ok {
			allowed = append(allowed, prefix)
		} else if prefix, ok := strings.CutPrefix(rule, "-"); ok {
			blocked = append(blocked, prefix)
		} else {
			warnings = append(warnings, fmt.Sprintf("Filter rule must begin with either '+' or '-': %q", rule))
		}
	}
	for _, prefix := range blockedByDefault {
		if !slices.Contains(allowed, prefix) && !slices.Contains(blocked, prefix) {
			blocked = append(blocked, prefix)
		}
	}
	return allowed, blocked, warnings
}

// withHostname fills in the host's name, or clears it if gauges are not to carry it.
func (c Config) withHostname() (Config, error) {
	if c.DisableHostname {
		c.Hostname = ""
		return c, nil
	}
	if c.Hostname != "" {
		return c, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return c, fmt.Errorf("telemetry: read the name of the host: %w: set telemetry.disable_hostname = true", err)
	}
	c.Hostname = name
	return c, nil
}

// goMetrics is the configuration of the object that applies prefix, host name and filter.
func (c Config) goMetrics() *metrics.Config {
	return &metrics.Config{
		ServiceName:      c.Prefix,
		HostName:         c.Hostname,
		EnableHostname:   c.Hostname != "",
		TimerGranularity: time.Millisecond,
		FilterDefault:    c.FilterDefault,
		AllowedPrefixes:  c.Allowed,
		BlockedPrefixes:  c.Blocked,
	}
}

// outputs opens what metrics are sent to over the network. After an error nothing is left open.
func (c Config) outputs() (metrics.FanoutSink, error) {
	for _, a := range []struct{ key, addr string }{{"statsd_address", c.StatsdAddr}, {"statsite_address", c.StatsiteAddr}} {
		if _, _, err := net.SplitHostPort(a.addr); a.addr != "" && err != nil {
			return nil, fmt.Errorf("telemetry.%s: %w: use HOST:PORT", a.key, err)
		}
	}
	var sinks metrics.FanoutSink
	if c.DogstatsdAddr != "" {
		sink, err := datadog.NewDogStatsdSink(c.DogstatsdAddr, c.Hostname)
		if err != nil {
			return nil, fmt.Errorf("telemetry.dogstatsd_addr: open %s: %w", c.DogstatsdAddr, err)
		}
		sink.SetTags(c.DogstatsdTags)
		sinks = append(sinks, sink)
	}
	if c.StatsdAddr != "" {
		sink, err := metrics.NewStatsdSinkWithLogger(c.StatsdAddr, c.Log)
		if err != nil {
			sinks.Shutdown()
			return nil, fmt.Errorf("telemetry.statsd_address: open %s: %w", c.StatsdAddr, err)
		}
		sinks = append(sinks, sink)
	}
	if c.StatsiteAddr != "" {
		sink, err := metrics.NewStatsiteSinkWithLogger(c.StatsiteAddr, c.Log)
		if err != nil {
			sinks.Shutdown()
			return nil, fmt.Errorf("telemetry.statsite_address: open %s: %w", c.StatsiteAddr, err)
		}
		sinks = append(sinks, sink)
	}
	return sinks, nil
}
