package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/hashicorp/cli"
)

// program is what every command needs to know of the process it runs in.
type program struct {
	name string    // how the program was called: lictor, consul, or consul-snapshot
	in   io.Reader // standard input
	out  *output   // standard output: results, and help that was asked for
	err  io.Writer // standard error: everything else
}

// run executes one command line, args[0] being the name the program was called
// by, and returns the process's exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{
		name: calledAs(args),
		in:   stdin,
		out:  &output{w: stdout},
		err:  stderr,
	}
	code, err := p.newCLI(args).Run()
	if err != nil {
		return p.fail("Error running %s: %s", p.name, err)
	}
	if p.out.failed != nil && code == 0 {
		return p.fail("Error writing to standard output: %s", p.out.failed)
	}
	return code
}

func (p *program) newCLI(args []string) *cli.CLI {
	args = args[min(1, len(args)):]
	if p.name == consulSnapshotName {
		args = append([]string{consulSnapshotName}, args...)
	}
	return &cli.CLI{
		Args:        args,
		Commands:    commandTree(p),
		Name:        p.name,
		Version:     strings.TrimSuffix(versionText(), "\n"),
		HelpFunc:    p.topLevelHelp,
		HelpWriter:  p.out,
		ErrorWriter: p.err,
	}
}

// calledAs returns the name to use for the program in its texts. A link named
// consul or consul-snapshot is a deliberate disguise; any other name is the
// user's own affair.
func calledAs(args []string) string {
	if len(args) > 0 {
		switch name := strings.TrimSuffix(filepath.Base(args[0]), ".exe"); name {
		case "consul", consulSnapshotName:
			return name
		}
	}
	return "lictor"
}

func (p *program) topLevelHelp(commands map[string]cli.CommandFactory) string {
	return cli.BasicHelpFunc(p.name)(commands) + "\n" + exitStatusText([]exitStatus{
		{0, "the command succeeded, or help was asked for"},
		{1, "the command failed; one line on standard error says why"},
		{127, "no command, or an unknown one, was given"},
	})
}

// fail prints one line to standard error and returns the exit code of a failed
// command.
func (p *program) fail(format string, args ...any) int {
	fmt.Fprintf(p.err, format+"\n", args...)
	return 1
}

// warn prints one line to standard error about something that is accepted
// although it has no effect.
func (p *program) warn(format string, args ...any) {
	fmt.Fprintf(p.err, "Warning: "+format+"\n", args...)
}

// say prints one line to standard output.
func (p *program) say(format string, args ...any) {
	fmt.Fprintf(p.out, format+"\n", args...)
}

// output is standard output. It remembers its first failure, so that a result
// that could not be written is not reported as a success.
type output struct {
	w      io.Writer
	failed error
}

// Write writes p through, unless an earlier write failed.
func (o *output) Write(p []byte) (int, error) {
	if o.failed != nil {
		return 0, o.failed
	}
	n, err := o.w.Write(p)
	o.failed = err
	return n, err
}
