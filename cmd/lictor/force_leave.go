package main

import (
	"flag"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"
)

// forceLeave declares that a failed member has left.
type forceLeave struct {
	*program
	connection
	prune bool
	wan   bool
}

func newForceLeave(p *program) cli.Command {
	c := &forceLeave{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Forces a member of the cluster to enter the \"left\" state",
			usage:    "force-leave [options] NODE",
			about: `
Declares that a failed member has left for good: the others stop trying to
reach it, its services go from the catalog, and a server goes from Raft. Use
it for a machine that is not coming back.

A member that is alive stays: it says so itself. Success is no output. With
ACLs enabled this needs a token that grants operator:write.`,
			examples: `
    $ {program} members -status=failed
    $ {program} force-leave node-7

Forget the member at once, instead of showing it as left for a while:

    $ {program} force-leave -prune node-7

Forget the server of a datacenter that is gone:

    $ {program} force-leave -wan server-1.dc2`,
			status: []exitStatus{
				{0, "the member has left, or is alive and stays"},
				{1, "no such member, wrong arguments, or the agent could not be asked"},
			},
		},
		groups:  []optionGroup{c.clientOptions(), options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *forceLeave) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.prune, "prune", false, "Forget the member, so that it is no longer listed at all.")
	fs.BoolVar(&c.wan, "wan", false,
		"Act on the servers of all datacenters alone, whose names are NODE.DATACENTER. Without it a server leaves that pool too.")
	c.definePartition(fs)
}

func (c *forceLeave) run(args []string) int {
	if len(args) != 1 || args[0] == "" {
		c.fail("A single node name must be specified to force leave.\n")
		return cli.RunResultHelp
	}
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	if err := client.Agent().ForceLeaveOptions(args[0], api.ForceLeaveOpts{Prune: c.prune, WAN: c.wan}, nil); err != nil {
		return c.fail("Error force leaving: %s", err)
	}
	return 0
}
