package main

import (
	"regexp"
	"strings"
)

var (
	// said is a line that a test prints through the testing package: the place, and what it says. What fails inside a retry is said by
	// the retry.
	said = regexp.MustCompile(`^ {4,}(?:retry\.go:\d+: )?([\w.]+\.go):(\d+): ?(.*)`)
	// assertion is a line of an assertion's report, which follows one of those with nothing said.
	assertion = regexp.MustCompile(`^ +\t(\w[\w ]*:)? *\t(.*)`)
	// differs is a line that only one of two values has; their names come before, and begin alike.
	differs = regexp.MustCompile(`^[-+][^-+]`)
	// request is what a server logs about one, at its most talkative.
	request = regexp.MustCompile(`Request finished: method=(\S+) url=(\S+)`)
	// refused is the headline of a server that ends before it serves, with what it lists.
	refused = regexp.MustCompile(`(?m)^==> (.*)\n((?:\s+\*.*\n)*)`)
	// chatter is what does not complain.
	chatter = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\S+ )?\[(DEBUG|TRACE|INFO)\] |^=== |^\s*$`)
)

const (
	bannerBegins = "==> Starting Consul agent"
	bannerEnds   = "==> Log data will now stream in"
)

// reasonLimit bounds a reason, in bytes.
const reasonLimit = 300

// reason finds the line in the output of a failed test that tells best why it has failed. What a server said is added where that line
// says no more than that something was not there.
func reason(output string) string {
	lines := strings.Split(output, "\n")
	text := complaint(lines)
	if text == "" {
		text = lastWords(lines)
	}
	switch {
	case strings.Contains(text, "Bad status code"):
		if all := request.FindAllStringSubmatch(output, -1); all != nil {
			last := all[len(all)-1]
			text += " (last request: " + last[1] + " " + last[2] + ")"
		}
	case strings.Contains(text, "Failed to start server"):
		text += refusal(output)
	}
	if len(text) > reasonLimit {
		text = strings.ToValidUTF8(text[:reasonLimit], "") + "…"
	}
	return text
}

// complaint is a panic, or else the first thing that the test itself has said.
func complaint(lines []string) (first string) {
	for i, line := range lines {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return line
		}
		m := said.FindStringSubmatch(line)
		switch {
		case m == nil, first != "", m[1] == "server.go": // there the suite tells how it starts and stops a server
		case strings.TrimSpace(m[3]) == "":
			first = m[1] + ":" + m[2] + ": " + asserted(lines[i+1:])
		default:
			first = m[1] + ":" + m[2] + ": " + m[3]
		}
	}
	return first
}

// asserted is what an assertion found, on one line: of two values that differ, only what differs.
func asserted(lines []string) string {
	var text []string
	in, diff := false, false
	for _, line := range lines {
		m := assertion.FindStringSubmatch(line)
		if m == nil {
			break
		}
		if m[1] != "" {
			in = m[1] == "Error:"
		}
		switch {
		case !in || m[2] == "":
		case strings.HasPrefix(m[2], "Diff:"):
			text, diff = []string{"Not equal:"}, true
		case !diff || differs.MatchString(m[2]):
			text = append(text, strings.Join(strings.Fields(m[2]), " "))
		}
	}
	return strings.Join(text, " ")
}

// refusal is why a server did not start, if it told.
func refusal(output string) string {
	for _, m := range refused.FindAllStringSubmatch(output, -1) {
		if !strings.HasPrefix(m[0], bannerBegins) && !strings.HasPrefix(m[0], bannerEnds) {
			return ": " + strings.Join(strings.Fields(m[1]+" "+m[2]), " ")
		}
	}
	return ""
}

func lastWords(lines []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if line := lines[i]; !chatter.MatchString(line) {
			return strings.TrimSpace(line)
		}
	}
	return "it said nothing"
}
