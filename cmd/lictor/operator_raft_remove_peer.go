package main

import (
	"flag"

	"github.com/hashicorp/cli"
)

// removePeer takes a server out of Raft.
type removePeer struct {
	*program
	connection
	address string
	id      string
}

func newRemovePeer(p *program) cli.Command {
	c := &removePeer{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Removes a server from the Raft configuration",
			usage:    "operator raft remove-peer [options]",
			about: `
Takes a server out of the Raft configuration: it has no vote any more, and is
sent no more entries. This is for a server that is gone and that force-leave
cannot remove, because the members no longer know it. A server that runs
should leave instead.

Every server counts for the quorum until it is removed. With ACLs enabled this
needs a token that grants operator:write.`,
			examples: `
    $ {program} operator raft list-peers
    $ {program} operator raft remove-peer \
        -id=e949a5c0-1c5a-4b59-8ef0-4aa1b2b7c9d5
    $ {program} operator raft remove-peer -address=10.0.0.3:8300`,
			status: []exitStatus{
				{0, "the server is removed"},
				{1, "wrong arguments, no such server, no leader, or the agent failed"},
			},
		},
		groups:  []optionGroup{c.serverOptions(), options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *removePeer) define(fs *flag.FlagSet) {
	fs.StringVar(&c.address, "address", "", "The `address` of the server to remove, as list-peers shows it: IP:port.")
	fs.StringVar(&c.id, "id", "", "The `ID` of the server to remove, as list-peers shows it.")
}

func (c *removePeer) run(args []string) int {
	c.ignoreArguments(args)
	switch {
	case c.address == "" && c.id == "":
		return c.fail("Error removing peer: an address or id is required for the peer to remove")
	case c.address != "" && c.id != "":
		return c.fail("Error removing peer: cannot give both an address and id")
	}
	c.warnStaleWrite(c.program)
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	what, name, remove := "address", c.address, client.Operator().RaftRemovePeerByAddress
	if c.id != "" {
		what, name, remove = "id", c.id, client.Operator().RaftRemovePeerByID
	}
	if err := remove(name, nil); err != nil {
		return c.fail("Error removing peer: %s", err)
	}
	c.say("Removed peer with %s %q", what, name)
	return 0
}
