package main

import (
	"flag"

	"github.com/hashicorp/consul/api"
)

// formatFlag chooses between text for people and JSON for programs.
type formatFlag struct {
	format string
}

func (f *formatFlag) define(fs *flag.FlagSet) {
	fs.StringVar(&f.format, "format", "pretty", "The output `format`: pretty or json.")
}

func (f *formatFlag) json() bool { return f.format == "json" }

// known reports a format that does not exist.
func (f *formatFlag) known(p *program) bool {
	if f.format == "pretty" || f.json() {
		return true
	}
	p.fail("Unknown format: %s", f.format)
	return false
}

// report asks the agent for something and prints it, as JSON or the way that text does. It returns the exit code; trouble begins the
// message of one that could not be asked.
func report[T any](p *program, args []string, c *connection, f *formatFlag, trouble string, ask func(*api.Operator, *api.QueryOptions) (T, error), text func(T)) int {
	p.ignoreArguments(args)
	if !f.known(p) {
		return 1
	}
	client := c.dial(p)
	if client == nil {
		return 1
	}
	answer, err := ask(client.Operator(), c.query())
	if err != nil {
		return p.fail("%s: %s", trouble, err)
	}
	if f.json() {
		return p.sayJSON(p.say, answer)
	}
	text(answer)
	return 0
}
