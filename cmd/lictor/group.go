package main

import (
	"strings"

	"github.com/hashicorp/cli"
)

// group is a command that only holds others. Run without a known subcommand it
// prints its help to standard error and exits 1.
type group struct {
	program *program
	manual  manual
}

var (
	_ cli.Command             = (*group)(nil)
	_ cli.CommandHelpTemplate = (*group)(nil)
)

// Synopsis returns the line shown in the list of the group above.
func (g *group) Synopsis() string { return g.manual.synopsis }

// Help returns the help text up to the list of subcommands.
func (g *group) Help() string { return g.manual.opening(g.program.name) }

// Run asks the frame to print the help and exit 1: a known subcommand would
// have been run itself.
func (g *group) Run([]string) int { return cli.RunResultHelp }

// HelpTemplate puts the list of subcommands between the text and the exit
// codes. The frame fills it in.
func (g *group) HelpTemplate() string {
	return strings.Join([]string{
		"{{.Help}}",
		"",
		"Subcommands",
		"{{range .Subcommands}}",
		"  {{.NameAligned}}    {{.Synopsis}}{{else}}",
		"  none{{end}}",
		"",
		exitStatusText([]exitStatus{
			{0, "a subcommand succeeded, or help was asked for"},
			{1, "a subcommand failed, or none or an unknown one was given"},
		}),
	}, "\n")
}
