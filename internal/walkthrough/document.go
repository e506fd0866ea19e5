package walkthrough

import (
	"fmt"
	"regexp"
	"strings"
)

// A section is one walk: what is below a heading of the second level that begins with a number.
type section struct {
	title string
	steps []step
}

// number is what the title begins with.
func (s *section) number() string { return strings.TrimRight(strings.Fields(s.title)[0], ".") }

// A step is one command, with what it prints, or one directive.
type step struct {
	line    int      // of the document
	host    string   // of the prompt; empty: this is a directive
	command string   // or the directive
	output  []string // of the command; or the content of the file that the directive writes
}

var (
	heading   = regexp.MustCompile(`^## ([0-9]+\. .*)$`)
	directive = regexp.MustCompile(`^<!-- walk: (.*?) -->$`)
	prompt    = regexp.MustCompile(`^([a-z]+[0-9]*)\$ (.*)$`)
)

// parser reads a document, line by line.
type parser struct {
	sections []section
	line     int
	block    string // the language of the block that it is in; "-" is one that is of no concern
	pending  *step  // a directive that waits for its block
}

// parse finds the sections of a document. What it does not understand within a block that is to be run is an error.
func parse(text string) ([]section, error) {
	p := &parser{}
	for line := range strings.SplitSeq(text, "\n") {
		p.line++
		if err := p.next(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	if p.block != "" || p.pending != nil {
		return nil, fmt.Errorf("line %d: a block is not closed, or a directive has no block", p.line)
	}
	return p.sections, nil
}

func (p *parser) next(line string) error {
	if p.block != "" {
		return p.inside(line)
	}
	if m := heading.FindStringSubmatch(line); m != nil {
		p.sections = append(p.sections, section{title: m[1]})
		return nil
	}
	if m := directive.FindStringSubmatch(line); m != nil {
		return p.direct(m[1])
	}
	if language, ok := strings.CutPrefix(line, "```"); ok {
		return p.open(language)
	}
	return nil
}

func (p *parser) direct(what string) error {
	if len(p.sections) == 0 {
		return fmt.Errorf("a directive before the first section: %s", what)
	}
	if p.pending != nil {
		return fmt.Errorf("the directive %q has no block", p.pending.command)
	}
	s := step{line: p.line, command: what}
	switch {
	case strings.HasPrefix(what, "write "):
		p.pending = &s
	default:
		p.add(s)
	}
	return nil
}

func (p *parser) add(s step) {
	last := &p.sections[len(p.sections)-1]
	last.steps = append(last.steps, s)
}

func (p *parser) open(language string) error {
	p.block = "-"
	switch {
	case len(p.sections) == 0:
	case p.pending != nil:
		p.block = "file"
	case language == "console":
		p.block = language
	case language == "sh" || language == "bash" || language == "shell":
		return fmt.Errorf("a block of commands that is not run: make it a console block, with prompts")
	}
	return nil
}

func (p *parser) inside(line string) error {
	switch {
	case line == "```":
		if p.block == "file" {
			p.add(*p.pending)
			p.pending = nil
		}
		p.block = ""
	case p.block == "file":
		p.pending.output = append(p.pending.output, line)
	case p.block == "console":
		return p.console(line)
	}
	return nil
}

// console takes a prompt with a command, the rest of a command whose last line ended with a backslash, or a line of output.
func (p *parser) console(line string) error {
	steps := p.sections[len(p.sections)-1].steps
	if m := prompt.FindStringSubmatch(line); m != nil {
		p.add(step{line: p.line, host: m[1], command: m[2]})
		return nil
	}
	if len(steps) == 0 || steps[len(steps)-1].host == "" {
		return fmt.Errorf("output without a command: %s", line)
	}
	last := &steps[len(steps)-1]
	if strings.HasSuffix(last.command, `\`) {
		last.command += "\n" + line
		return nil
	}
	last.output = append(last.output, line)
	return nil
}
