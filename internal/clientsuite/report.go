package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A report prints results and counts them.
type report struct {
	out      io.Writer
	verbose  bool
	failures bool

	passed, failed, missing int
	waiting                 []result
}

// add prints the line of a test and, where asked for, what it said.
func (r *report) add(t result) {
	if r.verbose {
		fmt.Fprintf(r.out, "=== %s\n%s\n", t.test.name, strings.TrimSpace(t.output))
	}
	if t.test.waiting {
		r.waiting = append(r.waiting, t)
		return
	}
	r.line(t)
	switch {
	case t.outcome == missing:
		r.missing++
	case t.failed > 0:
		r.failed++
	default:
		r.passed++
	}
}

func (r *report) line(t result) {
	runs := ""
	if t.runs > 1 {
		runs = fmt.Sprintf(", %d of %d runs failed", t.failed, t.runs)
	}
	fmt.Fprintf(r.out, "%s %s (%v%s)\n", t.outcome, t.test.name, t.took.Round(10*time.Millisecond), runs)
	if r.failures && t.failed > 0 && t.outcome != missing {
		fmt.Fprintf(r.out, "     %s\n", reason(t.output))
	}
}

// finish prints the tests that do not count, and the sums. It tells whether all tests that count have passed.
func (r *report) finish() bool {
	if len(r.waiting) > 0 {
		fmt.Fprintf(r.out, "\nWaiting for clusters, not counted:\n")
	}
	for _, t := range r.waiting {
		r.line(t)
	}
	for _, t := range r.waiting {
		if t.failed == 0 {
			fmt.Fprintf(r.out, "%s passes already: take it off the list of tests that wait for clusters\n", t.test.name)
		}
	}
	fmt.Fprintf(r.out, "\npassed %d, failed %d, missing %d\n", r.passed, r.failed, r.missing)
	return r.failed == 0 && r.missing == 0
}
