package main

import (
	"strings"
	"testing"
)

func TestReason(t *testing.T) {
	const log = "2026-11-21T14:25:05.136Z [WARN]  agent: bootstrap = true: do not enable unless necessary\n"
	const request = "x [DEBUG] agent.http: Request finished: method=GET url="
	tests := []struct{ name, output, want string }{
		{"among a server's lines", log + "    kv_test.go:12: err: 404 (x)\n--- FAIL: TestA (0.1s)\n", "kv_test.go:12: err: 404 (x)"},
		{"in a part of the test", "        kv_test.go:12: bad\n", "kv_test.go:12: bad"},
		{"the first of two", "    a_test.go:1: one\n    a_test.go:2: two\n", "a_test.go:1: one"},
		{"how the server was started is no error", "    server.go:342: CONFIG JSON: {}\n    a_test.go:1: one\n", "a_test.go:1: one"},
		{"said by a retry", "    retry.go:219: a_test.go:7: one\n", "a_test.go:7: one"},
		{"panic", log + "    a_test.go:1: before\npanic: test timed out after 2m0s\n\ngoroutine 1\n", "panic: test timed out after 2m0s"},
		{"assertion",
			"    a_test.go:5: \n        \tError Trace:\t/x/a_test.go:5\n        \tError:      \tReceived unexpected error:\n" +
				"        \t            \tUnexpected response code: 404\n        \tTest:       \tTestA\n",
			"a_test.go:5: Received unexpected error: Unexpected response code: 404"},
		{"assertion that two values are equal",
			"    a_test.go:5: \n        \tError Trace:\t/x/a_test.go:5\n        \tError:      \tNot equal: \n" +
				"        \t            \texpected: (0x1)\n        \t            \t\n        \t            \tDiff:\n" +
				"        \t            \t--- Expected\n        \t            \t+++ Actual\n        \t            \t@@ -82,4 +82,4 @@\n" +
				"        \t            \t   Weights: {\n        \t            \t-   Passing: 1,\n        \t            \t+   Passing: 0,\n" +
				"        \tTest:       \tTestA\n",
			"a_test.go:5: Not equal: - Passing: 1, + Passing: 0,"},
		{"last request of a wait",
			request + "/v1/a from=b\n" + request + "/v1/b from=b\n    retry.go:219: retry.go:62: failed OK response: Bad status code: 404\n",
			"retry.go:62: failed OK response: Bad status code: 404 (last request: GET /v1/b)"},
		{"why the server did not start",
			"    retry.go:219: server.go:342: CONFIG JSON: {}\n        retry.go:62: Failed to start server: api unavailable\n" +
				"==> the agent refuses to start:\n\t* acl.enabled: ACLs\nremove it\n",
			"retry.go:62: Failed to start server: api unavailable: the agent refuses to start: * acl.enabled: ACLs"},
		{"why it started without serving is not known",
			"    retry.go:62: Failed to start server: api unavailable\n" + bannerBegins + "...\n" + bannerEnds + " as it occurs:\n",
			"retry.go:62: Failed to start server: api unavailable"},
		{"nothing but the process", log + "exit status 2\n2026-11-21T14:25:06Z [INFO]  agent: up\n\n", "exit status 2"},
		{"too long", "    a_test.go:1: " + strings.Repeat("ü", 400) + "\n", "a_test.go:1: " + strings.Repeat("ü", 143) + "…"},
		{"no output", "", "it said nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := reason(tt.output); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func FuzzReason(f *testing.F) {
	f.Add("    a_test.go:5: \n        \tError:      \tbad\n")
	f.Add("==> x\n\t* y\n    retry.go:1: Failed to start server: Bad status code")
	f.Fuzz(func(t *testing.T, output string) {
		if got := reason(output); len(got) > reasonLimit+len("…") || strings.Contains(got, "\n") {
			t.Errorf("of %q: %q", output, got)
		}
	})
}
