package main

import (
	"fmt"
	"strconv"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"
)

// listPeers prints the Raft configuration.
type listPeers struct {
	*program
	connection
	formatFlag
}

func newListPeers(p *program) cli.Command {
	c := &listPeers{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Displays the current Raft peer configuration",
			usage:    "operator raft list-peers [options]",
			about: `
Prints the servers that replicate the state: which of them leads, which may
vote, the last entry in the log of each, and how many entries the leader is
ahead of it. Trails Leader By is "-" for the leader, and "unknown" as long as
there is none.`,
			examples: `
    $ {program} operator raft list-peers

Without a leader, ask whichever server answers:

    $ {program} operator raft list-peers -stale
    $ {program} operator raft list-peers -stale -format=json`,
			status: []exitStatus{
				{0, "printed"},
				{1, "wrong arguments, no leader (see -stale), or the agent could not be asked"},
			},
		},
		groups:  []optionGroup{c.serverOptions(), options("Command Options", c.formatFlag.define)},
		execute: c.run,
	}
}

func (c *listPeers) run(args []string) int {
	return report(c.program, args, &c.connection, &c.formatFlag, "Error getting peers: Failed to retrieve raft configuration",
		(*api.Operator).RaftGetConfiguration, func(r *api.RaftConfiguration) { writeTable(c.out, peerRows(r.Servers)) })
}

func peerRows(servers []*api.RaftServer) [][]string {
	rows := [][]string{{
		"Node", "ID", "Address", "State", "Voter", "RaftProtocol", "Commit Index", "Trails Leader By",
	}}
	var newest uint64 // the leader's last index; 0 while there is no leader
	for _, s := range servers {
		if s.Leader {
			newest = s.LastIndex
		}
	}
	for _, s := range servers {
		state := "follower"
		if s.Leader {
			state = "leader"
		}
		rows = append(rows, []string{
			s.Node, s.ID, s.Address, state, strconv.FormatBool(s.Voter), s.ProtocolVersion,
			strconv.FormatUint(s.LastIndex, 10), trails(s, newest),
		})
	}
	return rows
}

// trails tells how far a server is behind the leader. A server that has
// received entries since the leader was asked is not behind.
func trails(s *api.RaftServer, newest uint64) string {
	switch {
	case s.Leader:
		return "-"
	case newest == 0:
		return "unknown"
	case s.LastIndex >= newest:
		return "0 commits"
	case newest-s.LastIndex == 1:
		return "1 commit"
	}
	return fmt.Sprintf("%d commits", newest-s.LastIndex)
}
