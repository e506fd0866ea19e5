package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agentconfig"
)

// clock is a time that passes only when a test says so.
type clock struct{ time time.Time }

func newClock() *clock {
	return &clock{time.Date(2025, 11, 21, 10, 30, 15, 250e6, time.UTC)}
}

func (c *clock) now() time.Time { return c.time }

func (c *clock) pass(d time.Duration) { c.time = c.time.Add(d) }

func (c *clock) system() system {
	return system{now: c.now, sleep: c.pass, dial: func(string) (daemon, error) { return nil, errors.New("no daemon in this test") }}
}

// start opens a logger on the clock's time and closes it with the test.
func start(t *testing.T, s system, cfg agentconfig.LogConfig) (hclog.InterceptLogger, *bytes.Buffer) {
	t.Helper()
	var stdout bytes.Buffer
	logger, closer, err := s.open(cfg, &stdout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closer.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return logger, &stdout
}

func TestTextLines(t *testing.T) {
	const at = "2025-11-21T10:30:15.250Z "
	tests := []struct {
		name string
		log  func(hclog.Logger)
		want string
	}{
		{"trace", func(l hclog.Logger) { l.Trace("m") }, "[TRACE] agent: m\n"},
		{"debug", func(l hclog.Logger) { l.Debug("m") }, "[DEBUG] agent: m\n"},
		{"info", func(l hclog.Logger) { l.Info("Consul agent running!") }, "[INFO]  agent: Consul agent running!\n"},
		{"warn", func(l hclog.Logger) { l.Warn("m") }, "[WARN]  agent: m\n"},
		{"error", func(l hclog.Logger) { l.Error("m") }, "[ERROR] agent: m\n"},
		{
			"fields", func(l hclog.Logger) {
				l.Info("Starting server", "address", "127.0.0.1:8500", "network", "tcp", "protocol", "http")
			},
			"[INFO]  agent: Starting server: address=127.0.0.1:8500 network=tcp protocol=http\n",
		},
		{
			"quoted", func(l hclog.Logger) {
				l.Named("server").Named("raft").Info("entering leader state", "leader", "Node at 10.0.0.1:8300 [Leader]", "none", "")
			},
			"[INFO]  agent.server.raft: entering leader state: leader=\"Node at 10.0.0.1:8300 [Leader]\" none=\"\"\n",
		},
		{
			"several lines", func(l hclog.Logger) { l.Error("Reload config failed", "error", "2 errors:\n\t* a\n\t* b") },
			"[ERROR] agent: Reload config failed:\n  error=\n  | 2 errors:\n  | \\t* a\n  | \\t* b\n  \n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			logger, stdout := start(t, newClock().system(), agentconfig.LogConfig{Level: "TRACE"})
			tt.log(logger.Named("agent"))
			if got := stdout.String(); got != at+tt.want {
				t.Errorf("got  %q\nwant %q", got, at+tt.want)
			}
		})
	}
}

func TestLocalOffset(t *testing.T) {
	c := newClock()
	c.time = c.time.In(time.FixedZone("somewhere", 2*60*60))
	logger, stdout := start(t, c.system(), agentconfig.LogConfig{Level: "INFO"})
	logger.Info("m")
	if got, want := stdout.String(), "2025-11-21T12:30:15.250+0200 [INFO]  m\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJSONLines(t *testing.T) {
	logger, stdout := start(t, newClock().system(), agentconfig.LogConfig{Level: "INFO", JSON: true})
	logger.Named("agent").Info("New leader elected", "payload", "s1")
	logger.Debug("not this")
	var got map[string]string
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatalf("%v in %q", err, stdout)
	}
	want := map[string]string{"@level": "info", "@module": "agent", "@message": "New leader elected",
		"@timestamp": "2025-11-21T10:30:15.250000Z", "payload": "s1"}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s = %q, want %q", key, got[key], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLevelAppliesToEarlierLoggers(t *testing.T) {
	logger, stdout := start(t, newClock().system(), agentconfig.LogConfig{Level: "WARN"})
	raft := logger.Named("agent").Named("raft")
	raft.Info("one")
	logger.SetLevel(hclog.Info)
	raft.Info("two")
	logger.SetLevel(hclog.Error)
	raft.Warn("three")
	if got := stdout.String(); strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "agent.raft: two\n") {
		t.Errorf("got %q, want only the second line", got)
	}
}

func TestLevel(t *testing.T) {
	tests := map[string]hclog.Level{
		"TRACE": hclog.Trace, "debug": hclog.Debug, "Info": hclog.Info, "WARN": hclog.Warn, "err": hclog.Error, "ERROR": hclog.Error,
		"": hclog.NoLevel, "off": hclog.NoLevel, "zz": hclog.NoLevel, "info ": hclog.NoLevel,
	}
	for name, want := range tests {
		got, err := Level(name)
		if got != want || (err != nil) != (want == hclog.NoLevel) {
			t.Errorf("Level(%q) = %v, %v; want %v", name, got, err, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	tests := []struct {
		name string
		cfg  agentconfig.LogConfig
		want string
	}{
		{"level", agentconfig.LogConfig{Level: "loud"}, `unknown log level "loud"`},
		{"no directory", agentconfig.LogConfig{Level: "INFO", File: missing + "/"}, "create the directory " + missing + " first"},
		{"a directory in the way", agentconfig.LogConfig{Level: "INFO", File: directoryNamed(t, "a.log")}, "open log file: "},
		{"facility", agentconfig.LogConfig{Level: "INFO", Syslog: true, SyslogFacility: "LOCAL8"}, `unknown syslog_facility "LOCAL8": use one of KERN, `},
		{"no facility", agentconfig.LogConfig{Level: "INFO", Syslog: true}, `unknown syslog_facility ""`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			logger, closer, err := New(tt.cfg, &bytes.Buffer{})
			if logger != nil || closer != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New = %v, %v, %v; want an error with %q", logger, closer, err, tt.want)
			}
		})
	}
}
