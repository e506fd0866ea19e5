package main

import (
	"strings"
	"time"
)

// outcome is how one run of a test has ended.
type outcome string

const (
	passed  outcome = "PASS"
	failed  outcome = "FAIL"
	skipped outcome = "SKIP" // counts as failed
	missing outcome = "MISS" // the suite has no such test
)

// judge tells how a test has ended by what its process has printed, and by whether that ended well.
func judge(name, output string, ended bool) outcome {
	said := func(verdict string) bool { return strings.Contains(output, "--- "+verdict+": "+name+" (") }
	switch {
	case ended && said("PASS"):
		return passed
	case ended && said("SKIP"):
		return skipped
	}
	return failed
}

// A result is how the runs of a test have ended.
type result struct {
	test
	runs   int
	failed int           // runs that have not passed
	took   time.Duration // all runs together
	// Of the first run that has not passed, or of the first one:
	outcome outcome
	output  string
}

// add takes another run into account.
func (r *result) add(o outcome, took time.Duration, output string) {
	if r.runs == 0 || r.failed == 0 && o != passed {
		r.outcome, r.output = o, output
	}
	r.runs++
	r.took += took
	if o != passed {
		r.failed++
	}
}
