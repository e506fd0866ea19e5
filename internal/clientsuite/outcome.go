package main

import (
	"regexp"
	"strings"
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
	case ended && strings.Contains(output, "testing: warning: no tests to run"):
		return missing
	}
	return failed
}

var (
	// entry is a line that a test logs, with the places that it passed through.
	entry = regexp.MustCompile(`^\s+((?:\w+\.go:\d+: )+)(.*)`)
	// preface is what a test logs before anything can fail, or after.
	preface = regexp.MustCompile(`^(CONFIG JSON:|test cmd args:|server stop failed|\s*$)`)
	// asserted are the lines of a failed assertion that tell what is wrong.
	asserted = regexp.MustCompile(`^\s+Error:\s+(.*)`)
	refusal  = regexp.MustCompile(`^\s+(\* .*)`)
)

// reason finds the line in the output of a test that tells best why it has failed.
func reason(output string) string {
	first, place := "", ""
	lines := strings.Split(output, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "panic: ") {
			return line
		}
		if m := asserted.FindStringSubmatch(line); m != nil && first == "" {
			first = strings.TrimSpace(place + m[1])
			if strings.HasSuffix(first, ":") && i+1 < len(lines) {
				first += " " + strings.TrimSpace(lines[i+1])
			}
		}
		m := entry.FindStringSubmatch(line)
		switch {
		case m == nil:
		case strings.TrimSpace(m[2]) == "":
			place = m[1] // of an assertion, whose text follows
		case first == "" && !preface.MatchString(m[2]):
			first = m[1] + m[2]
		}
	}
	if first == "" {
		first = lastLine(lines)
	}
	return first + refusals(lines)
}

// refusals are what a server said it will not start with, each once.
func refusals(lines []string) (text string) {
	for i, line := range lines {
		if !strings.HasPrefix(line, "==> ") || !strings.Contains(line, "refuses") {
			continue
		}
		for _, next := range lines[i+1:] {
			m := refusal.FindStringSubmatch(next)
			if m == nil {
				return text
			}
			text += "; the server refuses " + strings.TrimPrefix(m[1], "* ")
		}
	}
	return text
}

func lastLine(lines []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(lines[i]); line != "" {
			return line
		}
	}
	return "it printed nothing"
}
