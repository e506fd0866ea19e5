package main

import (
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	ok := func(s standing) result {
		return result{test: test{"TestOK", s, ""}, runs: 1, took: time.Second, outcome: passed, output: "all of it"}
	}
	bad := func(s standing, o outcome) result {
		return result{test: test{"TestBad", s, "known"}, runs: 3, failed: 1, took: time.Second, outcome: o, output: "    a_test.go:1: why\n"}
	}
	tests := []struct {
		name   string
		add    []result
		passed bool
		sums   string
		says   string
	}{
		{"all pass", []result{ok(required), ok(passes), ok(unlisted)}, true, "passed 3, failed 0, missing 0", "PASS TestOK (1s)\n"},
		{"one run of three fails", []result{ok(required), bad(required, failed)}, false, "passed 1, failed 1, missing 0",
			"FAIL TestBad (1s, 1 of 3 runs failed)\n     a_test.go:1: why\n"},
		{"three runs pass", []result{{test: test{"TestOK", required, ""}, runs: 3, outcome: passed}}, true, "passed 1, failed 0, missing 0",
			"PASS TestOK (0s, 3 runs)\n"},
		{"skipped has not passed", []result{bad(required, skipped)}, false, "passed 0, failed 1, missing 0", "SKIP TestBad"},
		{"missing", []result{bad(required, missing)}, false, "passed 0, failed 0, missing 1", "MISS TestBad"},
		{"missing outside", []result{bad(outside, missing)}, false, "passed 0, failed 0, missing 1", "MISS TestBad"},
		{"one of the rest passes no more", []result{bad(passes, failed)}, false, "passed 0, failed 1, missing 0", "FAIL TestBad"},
		{"one that no list has fails", []result{bad(unlisted, failed)}, false, "passed 0, failed 1, missing 0", "FAIL TestBad"},
		{"left out", []result{ok(required), bad(leftOut, failed)}, true, "passed 1, failed 0, missing 0",
			"over a follower, not counted:\nFAIL TestBad (1s, 1 of 3 runs failed): known\n"},
		{"open", []result{bad(open, failed)}, true, "passed 0, failed 0, missing 0", "Open, not counted:\nFAIL TestBad"},
		{"outside", []result{bad(outside, failed)}, true, "passed 0, failed 0, missing 0", "passed 0, failed 1 of these\n"},
		{"open no more", []result{ok(open)}, true, "passed 0, failed 0, missing 0", "TestOK passes, though"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			r := report{out: &out}
			for _, res := range tt.add {
				r.add(res)
			}
			if got := r.finish(); got != tt.passed {
				t.Errorf("finish() = %v, want %v", got, tt.passed)
			}
			if got := out.String(); !strings.HasSuffix(got, "\n"+tt.sums+"\n") || !strings.Contains(got, tt.says) {
				t.Errorf("printed:\n%s\nwant it to end with %q, and %q in it", got, tt.sums, tt.says)
			}
		})
	}
}

func TestReportShowsWhatIsAskedFor(t *testing.T) {
	good := result{test: test{"TestGood", required, ""}, runs: 1, outcome: passed, output: "good words"}
	bad := result{test: test{"TestBad", required, ""}, runs: 1, failed: 1, outcome: failed, output: "bad words"}
	tests := []struct {
		name string
		report
		want string
	}{
		{"a line each", report{}, "PASS TestGood (0s)\nFAIL TestBad (0s)\n     bad words\n"},
		{"failures", report{brief: true}, "FAIL TestBad (0s)\n     bad words\n"},
		{"everything", report{verbose: true},
			"=== TestGood\ngood words\nPASS TestGood (0s)\n=== TestBad\nbad words\nFAIL TestBad (0s)\n     bad words\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			tt.out = &out
			tt.begin([]test{{name: "TestLeft", note: "it counts nodes"}})
			tt.add(good)
			tt.add(bad)
			if want := "not run, it counts nodes: TestLeft\n" + tt.want; out.String() != want {
				t.Errorf("got  %q\nwant %q", &out, want)
			}
		})
	}
}
