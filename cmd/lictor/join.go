package main

import (
	"flag"

	"github.com/hashicorp/cli"
)

// join makes the agent a member of the pools of others.
type join struct {
	*program
	connection
	wan bool
}

func newJoin(p *program) cli.Command {
	c := &join{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Tells the agent to join a cluster",
			usage:    "join [options] ADDRESS...",
			about: `
Tells the running agent to join the cluster that the agents at the addresses
are in. An address is a host name or an IP address of any member, with or
without the port of its gossip. One that answers is enough, for the members
tell each other of everybody. Joining twice does no harm.

To have an agent join whenever it starts, set retry_join in its configuration.
With ACLs enabled this needs a token that grants agent:write.`,
			examples: `
    $ {program} join 10.0.0.1
    $ {program} join 10.0.0.1:8301 '[fd00::2]:8301' server3.example.com`,
			status: []exitStatus{
				{0, "at least one address was joined; the others are on standard error"},
				{1, "no address was joined, wrong arguments, or the agent could not be asked"},
			},
		},
		groups:  []optionGroup{c.clientOptions(), options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *join) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.wan, "wan", false,
		"Join a server to the servers of other datacenters.")
}

func (c *join) run(addresses []string) int {
	if len(addresses) == 0 {
		c.fail("At least one address to join must be specified.\n")
		return cli.RunResultHelp
	}
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	joined := 0
	for _, address := range addresses {
		if err := client.Agent().Join(address, c.wan); err != nil {
			c.fail("Error joining address '%s': %s", address, err)
			continue
		}
		joined++
	}
	if joined == 0 {
		return c.fail("Failed to join any nodes.")
	}
	c.say("Successfully joined cluster by contacting %d nodes.", joined)
	return 0
}
