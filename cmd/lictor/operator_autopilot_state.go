package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"
)

// autopilotState prints how the servers are.
type autopilotState struct {
	*program
	connection
	formatFlag
}

func newAutopilotState(p *program) cli.Command {
	c := &autopilotState{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Displays the current Autopilot state",
			usage:    "operator autopilot state [options]",
			about: `
Prints how the servers are, as the leader sees them: whether all are healthy,
how many may be lost before there is no quorum (Failure Tolerance), who leads,
who votes, and each server with what its health was judged by. Look at it
before and after a server is stopped.

Redundancy zones and upgrades (Consul Enterprise) are in the JSON alone. With
ACLs enabled this needs a token that grants operator:read.`,
			examples: `
    $ {program} operator autopilot state
    $ {program} operator autopilot state -format=json`,
			status: []exitStatus{
				{0, "printed, healthy or not"},
				{1, "wrong arguments, no leader (see -stale), or the agent failed"},
			},
		},
		groups:  []optionGroup{c.serverOptions(), options("Command Options", c.formatFlag.define)},
		execute: c.run,
	}
}

func (c *autopilotState) run(args []string) int {
	return report(c.program, args, &c.connection, &c.formatFlag, "Error querying Autopilot state",
		(*api.Operator).AutopilotState, func(state *api.AutopilotState) { writeAutopilotState(c.out, state) })
}

func writeAutopilotState(w io.Writer, state *api.AutopilotState) {
	writeFields(w, "", 30, []field{
		{"Healthy", state.Healthy},
		{"Failure Tolerance", state.FailureTolerance},
		{"Optimistic Failure Tolerance", state.OptimisticFailureTolerance},
		{"Leader", state.Leader},
	})
	writeIDs(w, "Voters", state.Voters)
	if len(state.ReadReplicas) > 0 {
		writeIDs(w, "Read Replicas", state.ReadReplicas)
	}
	fmt.Fprintln(w, "Servers:")
	for _, id := range slices.Sorted(maps.Keys(state.Servers)) {
		server := state.Servers[id]
		writeAutopilotServer(w, &server)
	}
}

func writeIDs(w io.Writer, title string, ids []string) {
	fmt.Fprintln(w, title+":")
	for _, id := range ids {
		fmt.Fprintln(w, "   "+id)
	}
}

func writeAutopilotServer(w io.Writer, s *api.AutopilotServer) {
	fmt.Fprintln(w, "   "+s.ID)
	writeFields(w, "      ", 16, []field{
		{"Name", s.Name},
		{"Address", s.Address},
		{"Version", s.Version},
		{"Status", s.Status},
		{"Node Type", s.NodeType},
		{"Node Status", s.NodeStatus},
		{"Healthy", s.Healthy},
		{"Stable Since", s.StableSince.UTC().Format(time.RFC3339)},
		{"Last Contact", s.LastContact},
		{"Last Term", s.LastTerm},
		{"Last Index", s.LastIndex},
	})
	if len(s.Meta) == 0 {
		return
	}
	fmt.Fprintln(w, "      Meta:")
	for _, name := range slices.Sorted(maps.Keys(s.Meta)) {
		fmt.Fprintf(w, "         %q: %q\n", name, s.Meta[name])
	}
}

// field is a line of the state.
type field struct {
	name  string
	value any
}

// writeFields writes lines whose values are in the same column.
func writeFields(w io.Writer, indent string, width int, fields []field) {
	for _, f := range fields {
		fmt.Fprintf(w, "%s%-*s%v\n", indent, width, f.name+":", f.value)
	}
}
