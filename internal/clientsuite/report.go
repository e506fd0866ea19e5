package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A report prints results and counts them.
type report struct {
	out     io.Writer
	verbose bool // all that tests and servers say
	brief   bool // of the tests that must pass, only those that have not

	passed, failed, missing int
	apart                   []result // tests that need not pass
}

// begin tells of the tests that are not run because they cannot pass over a follower.
func (r *report) begin(left []test) {
	for _, t := range left {
		fmt.Fprintf(r.out, "not run, %s: %s\n", t.note, t.name)
	}
}

// add counts a test, and prints its line and why it has failed.
func (r *report) add(t result) {
	switch {
	case t.outcome == missing: // of any standing: its list is wrong
		r.missing++
	case !t.counts():
		r.apart = append(r.apart, t)
		r.said(t)
		return
	case t.failed > 0:
		r.failed++
	default:
		r.passed++
	}
	r.said(t)
	if t.failed > 0 || !r.brief {
		r.line(t, "")
	}
}

// said prints the output of a test, where it is asked for.
func (r *report) said(t result) {
	if r.verbose {
		fmt.Fprintf(r.out, "=== %s\n%s\n", t.name, strings.TrimSpace(t.output))
	}
}

func (r *report) line(t result, note string) {
	runs := ""
	switch {
	case t.runs > 1 && t.failed == 0:
		runs = fmt.Sprintf(", %d runs", t.runs)
	case t.runs > 1:
		runs = fmt.Sprintf(", %d of %d runs failed", t.failed, t.runs)
	}
	if note != "" {
		note = ": " + note
	}
	fmt.Fprintf(r.out, "%s %s (%v%s)%s\n", t.outcome, t.name, t.took.Round(10*time.Millisecond), runs, note)
	if t.failed > 0 && t.outcome != missing {
		fmt.Fprintf(r.out, "     %s\n", reason(t.output))
	}
}

// finish prints the tests that need not pass, and the sums. It tells whether all tests that must pass have.
func (r *report) finish() bool {
	r.group(leftOut, "They cannot pass over a follower")
	r.group(open, "Open")
	r.group(outside, "Outside of what Lictor serves")
	for _, t := range r.apart {
		if t.failed == 0 {
			fmt.Fprintf(r.out, "\n%s passes, though it is listed as one that does not: change the list\n", t.name)
		}
	}
	fmt.Fprintf(r.out, "\npassed %d, failed %d, missing %d\n", r.passed, r.failed, r.missing)
	return r.failed == 0 && r.missing == 0
}

// group prints the tests of a standing that need not pass.
func (r *report) group(s standing, title string) {
	good, bad := 0, 0
	for _, t := range r.apart {
		if t.standing != s {
			continue
		}
		if good+bad == 0 {
			fmt.Fprintf(r.out, "\n%s, not counted:\n", title)
		}
		if t.failed == 0 {
			good++
		} else {
			bad++
		}
		r.line(t, t.note)
	}
	if good+bad > 0 {
		fmt.Fprintf(r.out, "passed %d, failed %d of these\n", good, bad)
	}
}
