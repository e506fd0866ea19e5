package main

import (
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	good := result{test: test{name: "TestGood"}, runs: 1, took: time.Second, outcome: passed}
	flaky := result{test: test{name: "TestFlaky"}, runs: 3, failed: 1, took: time.Second, outcome: failed, output: "    a_test.go:1: why\n"}
	skips := result{test: test{name: "TestSkips"}, runs: 1, failed: 1, outcome: skipped}
	gone := result{test: test{name: "TestGone"}, runs: 1, failed: 1, outcome: missing}
	waits := result{test: test{"TestWaits", true}, runs: 1, failed: 1, outcome: failed}
	early := result{test: test{"TestEarly", true}, runs: 1, outcome: passed}
	tests := []struct {
		name   string
		add    []result
		passed bool
		want   []string
	}{
		{"all pass", []result{good}, true, []string{"PASS TestGood (1s)\n", "passed 1, failed 0, missing 0\n"}},
		{"one run of three fails", []result{good, flaky}, false,
			[]string{"FAIL TestFlaky (1s, 1 of 3 runs failed)\n     a_test.go:1: why\n", "passed 1, failed 1, missing 0\n"}},
		{"skipped has not passed", []result{skips}, false, []string{"SKIP TestSkips", "passed 0, failed 1, missing 0\n"}},
		{"missing", []result{good, gone}, false, []string{"MISS TestGone", "passed 1, failed 0, missing 1\n"}},
		{"waiting does not count", []result{good, waits}, true,
			[]string{"not counted:\nFAIL TestWaits", "passed 1, failed 0, missing 0\n"}},
		{"waiting no longer", []result{early}, true, []string{"TestEarly passes already", "passed 0, failed 0, missing 0\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			r := report{out: &out, failures: true}
			for _, res := range tt.add {
				r.add(res)
			}
			if got := r.finish(); got != tt.passed {
				t.Errorf("finish() = %v, want %v", got, tt.passed)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("printed:\n%s\nwant in it:\n%s", &out, want)
				}
			}
		})
	}
}
