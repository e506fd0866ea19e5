package main

import (
	"flag"

	"github.com/hashicorp/cli"
)

// transferLeader makes another server the leader.
type transferLeader struct {
	*program
	connection
	id string
}

func newTransferLeader(p *program) cli.Command {
	c := &transferLeader{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Transfers the leadership to another server",
			usage:    "operator raft transfer-leader [options]",
			about: `
Makes another server the leader of Raft: the one with the given ID, or the one
whose log is furthest. Writes wait for the moment that it takes. Do this
before the machine of the leader is stopped: an election would take longer.

With ACLs enabled this needs a token that grants operator:write.`,
			examples: `
    $ {program} operator raft transfer-leader
    $ {program} operator raft transfer-leader \
        -id=e949a5c0-1c5a-4b59-8ef0-4aa1b2b7c9d5`,
			status: []exitStatus{
				{0, "another server leads"},
				{1, "wrong arguments, no server to transfer to, or the agent failed"},
			},
		},
		groups:  []optionGroup{c.serverOptions(), options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *transferLeader) define(fs *flag.FlagSet) {
	fs.StringVar(&c.id, "id", "", "The `ID` of the server that is to lead, as list-peers shows it. The default is any.")
}

func (c *transferLeader) run(args []string) int {
	c.ignoreArguments(args)
	c.warnStaleWrite(c.program)
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	answer, err := client.Operator().RaftLeaderTransfer(c.id, nil)
	if err != nil {
		return c.fail("Error transferring leadership: %s", err)
	}
	if !answer.Success {
		return c.fail("Error transferring leadership: the leader did not succeed; see its log, and operator raft list-peers")
	}
	c.say("Success")
	return 0
}
