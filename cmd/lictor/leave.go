package main

import "github.com/hashicorp/cli"

// leave ends an agent gracefully.
type leave struct {
	*program
	connection
}

func newLeave(p *program) cli.Command {
	c := &leave{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Gracefully leaves the cluster and shuts the agent down",
			usage:    "leave [options]",
			about: `
Tells the agent to leave its cluster and to end. The other members see it as
left, not as failed. A server takes itself out of Raft: let servers leave one
at a time, so that the others keep a quorum. A server that is to come back
soon is better stopped than made to leave.

With ACLs enabled this needs a token that grants agent:write.`,
			examples: `
    $ {program} leave
    $ {program} leave -http-addr=10.0.0.9:8500`,
			status: []exitStatus{
				{0, "the agent has agreed to leave"},
				{1, "wrong arguments, the agent refused, or it could not be asked"},
			},
		},
		groups:  []optionGroup{c.clientOptions()},
		execute: c.run,
	}
}

func (c *leave) run(args []string) int {
	c.ignoreArguments(args)
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	if err := client.Agent().Leave(); err != nil {
		return c.fail("Error leaving: %s", err)
	}
	c.say("Graceful leave complete")
	return 0
}
