package telemetry

import (
	"slices"
	"strings"
	"testing"
)

func TestParsePrefixFilter(t *testing.T) {
	const rpc = "consul.rpc.server.call"
	tests := []struct {
		name                       string
		rules                      []string
		allowed, blocked, warnings []string
	}{
		{"none", nil, nil, []string{rpc}, nil},
		{"both", []string{"+a.b", "-a", "+c"}, []string{"a.b", "c"}, []string{"a", rpc}, nil},
		{"named as allowed", []string{"+" + rpc}, []string{rpc}, nil, nil},
		{"named as blocked", []string{"-" + rpc}, nil, []string{rpc}, nil},
		{"longer name", []string{"+" + rpc + ".x"}, []string{rpc + ".x"}, []string{rpc}, nil},
		{"all", []string{"-"}, nil, []string{"", rpc}, nil},
		{"bad", []string{"x", "+a", ""}, []string{"a"}, []string{rpc}, []string{
			`Filter rule must begin with either '+' or '-': "x"`, `Filter rule must begin with either '+' or '-': ""`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			allowed, blocked, warnings := ParsePrefixFilter(tt.rules)
			if !slices.Equal(allowed, tt.allowed) || !slices.Equal(blocked, tt.blocked) || !slices.Equal(warnings, tt.warnings) {
				t.Errorf("allowed %q, blocked %q, warnings %q", allowed, blocked, warnings)
			}
		})
	}
}

func FuzzParsePrefixFilter(f *testing.F) {
	f.Add("+a", "-b")
	f.Add("x", "")
	f.Fuzz(func(t *testing.T, a, b string) {
		allowed, blocked, warnings := ParsePrefixFilter([]string{a, b})
		named := slices.Contains(append(allowed, blocked...), blockedByDefault[0])
		if n := len(allowed) + len(blocked) + len(warnings); n < 2 || n > 3 || !named {
			t.Errorf("%q, %q become %q, %q, %q", a, b, allowed, blocked, warnings)
		}
	})
}

func TestAddressesThatCannotWork(t *testing.T) {
	tests := []struct {
		key    string
		config Config
	}{
		{"telemetry.statsd_address", Config{StatsdAddr: "localhost"}},
		{"telemetry.statsite_address", Config{StatsiteAddr: "::1"}},
		{"telemetry.dogstatsd_addr", Config{DogstatsdAddr: "localhost:port:1"}},
	}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			_, err := Setup(tt.config)
			if err == nil || !strings.HasPrefix(err.Error(), tt.key+": ") {
				t.Errorf("Setup = %v", err)
			}
		})
	}
}
