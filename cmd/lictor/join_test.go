package main

import (
	"strings"
	"testing"
)

// asking is a command line that asks the agent for something.
type asking struct {
	name   string
	line   string
	refuse string // the end of the request that fails
	want   result
	calls  string
}

func (c *asking) test(t *testing.T, answers ...string) {
	t.Run(c.name, func(t *testing.T) {
		f := newFake(t)
		for _, request := range answers {
			f.answers[request] = ""
		}
		if c.refuse != "" {
			f.refuse[c.refuse] = 500
		}
		check(t, lictor(words(c.line)...), c.want)
		if got := f.calls(); got != c.calls {
			t.Errorf("asked\n%s\nwant\n%s", got, c.calls)
		}
	})
}

func TestJoin(t *testing.T) {
	const refused = "Unexpected response code: 500 (refused by the test)"
	for _, c := range []asking{
		{"one", "join 10.0.0.1", "", ok("Successfully joined cluster by contacting 1 nodes."), "PUT /v1/agent/join/10.0.0.1"},
		{"two", "join 10.0.0.1 [fd00::2]:8301", "", ok("Successfully joined cluster by contacting 2 nodes."),
			"PUT /v1/agent/join/10.0.0.1\nPUT /v1/agent/join/%5Bfd00::2%5D:8301"},
		{"one of two", "join 10.0.0.1 [fd00::2]:8301", "0.1",
			result{0, "Successfully joined cluster by contacting 1 nodes.\n", "Error joining address '10.0.0.1': " + refused + "\n"},
			"PUT /v1/agent/join/10.0.0.1\nPUT /v1/agent/join/%5Bfd00::2%5D:8301"},
		{"none", "join 10.0.0.1", "0.1", failed("Error joining address '10.0.0.1': " + refused + "\nFailed to join any nodes."), "PUT /v1/agent/join/10.0.0.1"},
		{"over the WAN", "join -wan 10.0.0.1", "0.1", failed("Error joining address '10.0.0.1': " + refused + "\nFailed to join any nodes."),
			"PUT /v1/agent/join/10.0.0.1?wan=1"},
	} {
		c.test(t, "PUT /v1/agent/join/10.0.0.1", "PUT /v1/agent/join/[fd00::2]:8301")
	}
}

func TestLeaveForceLeaveAndReload(t *testing.T) {
	const refused = "Unexpected response code: 500 (refused by the test)"
	for _, c := range []asking{
		{"leave", "leave", "", ok("Graceful leave complete"), "PUT /v1/agent/leave"},
		{"leave fails", "leave", "leave", failed("Error leaving: " + refused), "PUT /v1/agent/leave"},
		{"leave with an argument", "leave now", "",
			result{0, "Graceful leave complete\n", "Warning: arguments are ignored: now\n"}, "PUT /v1/agent/leave"},
		{"force-leave", "force-leave n2", "", result{}, "PUT /v1/agent/force-leave/n2"},
		{"force-leave and forget", "force-leave -prune n2", "", result{}, "PUT /v1/agent/force-leave/n2?prune=1"},
		{"force-leave over the WAN", "force-leave -wan n2", "n2", failed("Error force leaving: " + refused), "PUT /v1/agent/force-leave/n2?wan=1"},
		{"force-leave fails", "force-leave n2", "n2", failed("Error force leaving: " + refused), "PUT /v1/agent/force-leave/n2"},
		{"reload", "reload", "", ok("Configuration reload triggered"), "PUT /v1/agent/reload"},
		{"reload fails", "reload", "reload", failed("Error reloading: " + refused), "PUT /v1/agent/reload"},
	} {
		c.test(t, "PUT /v1/agent/leave", "PUT /v1/agent/force-leave/n2", "PUT /v1/agent/reload")
	}
}

// Who does not say what to act on is told what is missing, and how it is said.
func TestCommandsWithoutATarget(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"join", "At least one address to join must be specified."},
		{"force-leave", "A single node name must be specified to force leave."},
		{"force-leave n1 n2", "A single node name must be specified to force leave."},
		{"keyring", "One of -install, -use, -remove, -list and -list-primary must be given."},
		{"keyring -relay-factor=1", "One of -install, -use, -remove, -list and -list-primary must be given."},
	} {
		t.Run(c.line, func(t *testing.T) {
			f := newFake(t)
			got := lictor(words(c.line)...)
			usage := "Usage: lictor " + words(c.line)[0] + " "
			if got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, c.want+"\n\n"+usage) {
				t.Errorf("exit %d, stdout %q, stderr %q", got.code, got.out, got.err)
			}
			if len(f.seen()) > 0 {
				t.Error("the agent was asked")
			}
		})
	}
}

// An agent that is not there is no success of anything.
func TestAgentIsNotThere(t *testing.T) {
	newFake(t).Close()
	for _, line := range []string{
		"join 10.0.0.1", "leave", "force-leave n1", "reload", "keyring -list", "keyring -install=k", "operator raft remove-peer -id=x",
		"operator raft transfer-leader", "operator autopilot get-config", "operator autopilot set-config -min-quorum=1", "operator autopilot state",
	} {
		if got := lictor(words(line)...); got.code != 1 || !strings.Contains(got.err, "connection refused") || strings.Contains(got.out, "uccess") {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", line, got.code, got.out, got.err)
		}
		t.Setenv("CONSUL_HTTP_TOKEN_FILE", "/does/not/exist")
		got := lictor(words(line)...)
		t.Setenv("CONSUL_HTTP_TOKEN_FILE", "")
		if got.code != 1 || !strings.HasPrefix(got.err, "Error connecting to Consul agent: Error loading token file") {
			t.Errorf("%s, without its token file: exit %d, stderr %q", line, got.code, got.err)
		}
	}
}
