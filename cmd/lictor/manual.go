package main

import (
	"flag"
	"fmt"
	"strings"
)

// manual is what a command teaches about itself. In its texts {program} stands
// for the name the program was called by.
type manual struct {
	synopsis string // one line, for the list of the group above
	usage    string // the command line without the program's name
	about    string // what it does, broken into lines of at most 80 columns
	examples string // likewise
	status   []exitStatus
}

// exitStatus is one exit code and what it means.
type exitStatus struct {
	code int
	when string
}

// opening renders the part above the options or subcommands.
func (m manual) opening(program string) string {
	parts := []string{"Usage: {program} " + m.usage}
	for _, text := range []string{m.about, m.examples} {
		if text != "" {
			parts = append(parts, indent(strings.Trim(text, "\n")))
		}
	}
	text := strings.Join(parts, "\n\n")
	if program == consulSnapshotName { // which is the group by itself
		text = strings.ReplaceAll(text, "{program} "+consulSnapshotName, "{program}")
	}
	return strings.ReplaceAll(text, "{program}", program)
}

func indent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "  " + line
		}
	}
	return strings.Join(lines, "\n")
}

// exitStatusText renders the list that ends every help text.
func exitStatusText(list []exitStatus) string {
	var b strings.Builder
	b.WriteString("EXIT STATUS\n")
	for _, s := range list {
		fmt.Fprintf(&b, "\n  %-3d  %s", s.code, s.when)
	}
	return b.String()
}

// optionGroup is a set of flags shown under one heading.
type optionGroup struct {
	title string
	flags *flag.FlagSet
}

// options makes a group of the flags that define registers.
func options(title string, define func(*flag.FlagSet)) optionGroup {
	g := optionGroup{title: title, flags: flag.NewFlagSet("", flag.ContinueOnError)}
	define(g.flags)
	return g
}

// text renders the group's heading and flags, sorted by name.
func (g optionGroup) text() string {
	var b strings.Builder
	b.WriteString(g.title)
	g.flags.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		b.WriteString("\n\n  -" + f.Name)
		if value != "" {
			b.WriteString("=<" + value + ">")
		}
		for _, line := range wrap(usage, 73) {
			b.WriteString("\n     " + line)
		}
	})
	return b.String()
}

// wrap breaks text into lines of at most width columns, between words.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
