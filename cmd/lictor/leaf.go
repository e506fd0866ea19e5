package main

import (
	"errors"
	"flag"
	"strings"

	"github.com/hashicorp/cli"
)

// leaf is a command that does something. It parses the flags of its groups and
// hands the remaining arguments to execute, which returns the exit code.
type leaf struct {
	program *program
	manual  manual
	groups  []optionGroup
	execute func(args []string) int
	misuse  int // the exit code if flags do not parse; 0 stands for 1
}

var _ cli.Command = (*leaf)(nil)

// Synopsis returns the line shown in the list of the group above.
func (l *leaf) Synopsis() string { return l.manual.synopsis }

// Help returns the whole help text.
func (l *leaf) Help() string {
	parts := []string{l.manual.opening(l.program.name)}
	for _, g := range l.groups {
		parts = append(parts, g.text())
	}
	return strings.Join(append(parts, exitStatusText(l.manual.status)), "\n\n")
}

// Run parses args and executes the command. Flags that do not parse are
// reported with a plain list of the flags there are, exit code 1 unless the
// command has another one for that.
func (l *leaf) Run(args []string) int {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(l.program.err)
	for _, g := range l.groups {
		g.flags.VisitAll(func(f *flag.Flag) { flags.Var(f.Value, f.Name, f.Usage) })
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return max(1, l.misuse)
	}
	return l.execute(flags.Args())
}

// ignoreArguments warns about arguments of a command that takes none. Consul
// ignores them without a word.
func (p *program) ignoreArguments(args []string) {
	if len(args) > 0 {
		p.warn("arguments are ignored: %s", strings.Join(args, " "))
	}
}
