package agentconfig

import (
	"fmt"
	"net"
	"time"
)

// TelemetryConfig is the part of telemetry that is served.
type TelemetryConfig struct {
	MetricsPrefix       string        // in front of every name; may be empty
	DisableHostname     bool          // gauges do not carry the host's name
	PrometheusRetention time.Duration // how long Prometheus sees what is not measured any more; not positive turns it off
	FilterDefault       bool          // whether a metric is collected that no rule names
	PrefixFilter        []string      // rules: +PREFIX allows, -PREFIX blocks; one that is neither has been warned of
	StatsdAddress       string        // host:port; empty here and below for no such output
	StatsiteAddress     string        // host:port
	DogstatsdAddr       string        // host:port or unix:///PATH
	DogstatsdTags       []string      // NAME:VALUE, on all that goes to DogStatsD
}

func setTelemetry(s *settings, c *Config) error {
	c.Telemetry = TelemetryConfig{
		MetricsPrefix:       s.str("telemetry.metrics_prefix"),
		DisableHostname:     s.boolean("telemetry.disable_hostname"),
		PrometheusRetention: s.duration("telemetry.prometheus_retention_time"),
		FilterDefault:       s.boolean("telemetry.filter_default"),
		PrefixFilter:        s.list("telemetry.prefix_filter"),
		StatsdAddress:       s.str("telemetry.statsd_address"),
		StatsiteAddress:     s.str("telemetry.statsite_address"),
		DogstatsdAddr:       s.str("telemetry.dogstatsd_addr"),
		DogstatsdTags:       s.list("telemetry.dogstatsd_tags"),
	}
	for _, path := range []string{"telemetry.statsd_address", "telemetry.statsite_address"} {
		if address := s.str(path); address != "" {
			if _, _, err := net.SplitHostPort(address); err != nil {
				return fmt.Errorf("%s: %w: use HOST:PORT", path, err)
			}
		}
	}
	return nil
}
