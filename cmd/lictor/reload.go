package main

import "github.com/hashicorp/cli"

// reload makes an agent read its configuration again.
type reload struct {
	*program
	connection
}

func newReload(p *program) cli.Command {
	c := &reload{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Triggers the agent to reload its configuration",
			usage:    "reload [options]",
			about: `
Tells the agent to read its configuration again, as the signal SIGHUP does,
and take over what may change while it runs: service and check definitions,
the log level, and others. The rest waits for a restart. Files with a mistake
change nothing, and the mistake is told.

With ACLs enabled this needs a token that grants agent:write.`,
			examples: `
    $ {program} reload`,
			status: []exitStatus{
				{0, "the configuration has been read again"},
				{1, "wrong arguments, a mistake in the files, or the agent could not be asked"},
			},
		},
		groups:  []optionGroup{c.clientOptions()},
		execute: c.run,
	}
}

func (c *reload) run(args []string) int {
	c.ignoreArguments(args)
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	if err := client.Agent().Reload(); err != nil {
		return c.fail("Error reloading: %s", err)
	}
	c.say("Configuration reload triggered")
	return 0
}
