package main

import "testing"

func TestJudge(t *testing.T) {
	tests := []struct {
		name   string
		output string
		ended  bool
		want   outcome
	}{
		{"passed", "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\n", true, passed},
		{"after a server's unfinished line", "==> Starting--- PASS: TestA (0.00s)\nPASS\n", true, passed},
		{"failed", "--- FAIL: TestA (0.00s)\nFAIL\n", false, failed},
		{"passed, but the process failed", "--- PASS: TestA (0.00s)\npanic: later\n", false, failed},
		{"another test passed", "--- PASS: TestAB (0.00s)\nPASS\n", true, failed},
		{"only a part passed", "    --- PASS: TestA/part (0.00s)\nPASS\n", true, failed},
		{"skipped", "--- SKIP: TestA (0.00s)\nPASS\n", true, skipped},
		{"missing", "testing: warning: no tests to run\nPASS\n", true, missing},
		{"nothing said", "", true, failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge("TestA", tt.output, tt.ended); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestReason(t *testing.T) {
	tests := []struct{ name, output, want string }{
		{
			"first of the errors", "    kv_test.go:12: err: one\n    kv_test.go:13: err: two\n--- FAIL: TestA (0s)\n",
			"kv_test.go:12: err: one",
		},
		{
			"after the preface", "    retry.go:219: server.go:342: CONFIG JSON: {}\n        server.go:352: test cmd args: consul\n" +
				"        retry.go:62: Failed to start server: api unavailable\n",
			"retry.go:62: Failed to start server: api unavailable",
		},
		{
			"assertion", "    acl_test.go:40: \n        \tError Trace:\tx.go:40\n        \tError:      \tNot equal: \n" +
				"        \t            \texpected: 1\n",
			"acl_test.go:40: Not equal: expected: 1",
		},
		{"panic", "    a_test.go:1: before\npanic: nil pointer\n\ngoroutine 1\n", "panic: nil pointer"},
		{
			"refusal of the server", "    retry.go:62: api unavailable\n==> the agent refuses to start:\n\t* acl.enabled: ACLs\nremove it\n" +
				"==> the agent refuses to start:\n\t* acl.enabled: ACLs\nremove it\n",
			"retry.go:62: api unavailable; the server refuses acl.enabled: ACLs",
		},
		{"no error told", "=== RUN TestA\nexit status 3\n\n", "exit status 3"},
		{"nothing said", "", "it printed nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := reason(tt.output); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
