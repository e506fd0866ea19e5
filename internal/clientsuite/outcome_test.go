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
		{"no such test", "testing: warning: no tests to run\nPASS\n", true, failed},
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

func TestResultIsThatOfTheFirstFailure(t *testing.T) {
	var r result
	r.add(passed, 1, "one")
	r.add(skipped, 2, "two")
	r.add(passed, 3, "three")
	r.add(failed, 4, "four")
	if r.outcome != skipped || r.output != "two" || r.took != 10 || r.runs != 4 || r.failed != 2 {
		t.Errorf("result is %+v", r)
	}
}
