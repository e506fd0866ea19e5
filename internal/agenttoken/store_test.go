package agenttoken

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseKind(t *testing.T) {
	for name, want := range map[string]Kind{
		"default": Default, "agent": Agent, "agent_recovery": AgentRecovery, "replication": Replication, "dns": DNS,
		"config_file_service_registration": ConfigFileRegistration,
		"acl_token":                        Default, "acl_agent_token": Agent, "acl_agent_master_token": AgentRecovery, "agent_master": AgentRecovery,
		"acl_replication_token": Replication,
	} {
		if got, ok := ParseKind(name); got != want || !ok {
			t.Errorf("%s is %q, %t", name, got, ok)
		}
	}
	if _, ok := ParseKind("Default"); ok {
		t.Error("kinds are in lower case")
	}
}

// What is set over the API wins over the configuration and survives a restart, in a file that only its owner may read.
func TestTokensAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	open := func(configured Tokens) *Store {
		t.Helper()
		s, err := Open(path, configured)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open(Tokens{Default: "configured", Agent: "configured"})
	for kind, secret := range map[Kind]string{Default: "set", AgentRecovery: "rescue", DNS: ""} {
		if err := s.Set(t.Context(), kind, secret); err != nil {
			t.Fatal(err)
		}
	}
	s.Configure(Tokens{Default: "changed", Agent: "changed"})
	again := open(Tokens{Default: "changed", Agent: "changed"})
	for _, s := range []*Store{s, again} {
		if s.Get(Default) != "set" || s.Get(Agent) != "changed" || s.Get(AgentRecovery) != "rescue" || s.Get(DNS) != "" {
			t.Errorf("tokens: %q %q %q", s.Get(Default), s.Get(Agent), s.Get(AgentRecovery))
		}
		if got := s.Overridden(); !slices.Equal(got, []Kind{Default}) {
			t.Errorf("overridden: %v", got)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != `{"agent_recovery":"rescue","default":"set"}` {
		t.Errorf("file: %s, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode: %v, %v", info, err)
	}
}

// A token that cannot be kept is not set.
func TestFullDisk(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "missing", FileName), Tokens{Default: "old"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set(t.Context(), Default, "new"); err == nil || s.Get(Default) != "old" {
		t.Errorf("%v, token %q", err, s.Get(Default))
	}
}

func TestConsulsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"agent_master":"a","default":"","something":"new"}`)
	s, err := Open(path, Tokens{Default: "configured"})
	if err != nil || s.Get(AgentRecovery) != "a" || s.Get(Default) != "configured" {
		t.Errorf("%v: %q %q", err, s.Get(AgentRecovery), s.Get(Default))
	}
	write(`["s3cret"]`)
	if _, err := Open(path, nil); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}
