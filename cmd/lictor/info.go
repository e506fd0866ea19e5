package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/hashicorp/cli"
)

// info prints the agent's statistics.
type info struct {
	*program
	connection
}

func newInfo(p *program) cli.Command {
	c := &info{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Provides debugging information for operators",
			usage:    "info [options]",
			about: `
Prints what the agent tells about itself, in sections: on a server among them
the state of Raft and of the gossip pools.`,
			examples: `
    $ {program} info
    $ {program} info | grep 'leader_addr'`,
			status: []exitStatus{
				{0, "printed"},
				{1, "wrong arguments, or the agent could not be asked"},
			},
		},
		groups:  []optionGroup{c.clientOptions()},
		execute: c.run,
	}
}

func (c *info) run(args []string) int {
	c.ignoreArguments(args)
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	self, err := client.Agent().Self()
	if err != nil {
		return c.fail("Error querying agent: %s", err)
	}
	stats, ok := self["Stats"]
	if !ok {
		return c.fail("Error querying agent: its answer holds no statistics")
	}
	w := bufio.NewWriter(c.out)
	defer w.Flush()
	writeStats(w, stats)
	return 0
}

func writeStats(w io.Writer, stats map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(stats)) {
		section, ok := stats[name].(map[string]any)
		if !ok {
			continue // not a section: nothing that has a place in the listing
		}
		fmt.Fprintf(w, "%s:\n", name)
		for _, key := range slices.Sorted(maps.Keys(section)) {
			fmt.Fprintf(w, "\t%s = %v\n", key, section[key])
		}
	}
}
