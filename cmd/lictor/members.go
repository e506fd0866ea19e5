package main

import (
	"flag"
	"net"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"
)

// exitNoMembers is the exit code when no member matches.
const exitNoMembers = 2

// members prints the members of the gossip pool.
type members struct {
	*program
	connection
	formatFlag
	detailed bool
	wan      bool
	status   string
	filter   string
	segment  string
}

func newMembers(p *program) cli.Command {
	c := &members{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Lists the members of a cluster",
			usage:    "members [options]",
			about: `
Prints the members of the cluster that the agent knows by gossip, sorted by
name, with their status: alive, leaving, left, failed or none.`,
			examples: `
    $ {program} members
    $ {program} members -status='left|failed'
    $ {program} members -detailed -filter='Tags.role == "consul"'
    $ {program} members -format=json`,
			status: []exitStatus{
				{0, "printed"},
				{1, "wrong arguments, or the agent could not be asked"},
				{exitNoMembers, "no member matches; nothing is printed"},
			},
		},
		groups:  []optionGroup{c.clientOptions(), options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *members) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.detailed, "detailed", false, "Print all tags of each member. The JSON has them always.")
	fs.BoolVar(&c.wan, "wan", false,
		"Print the servers of all datacenters instead. Only an agent that is a server knows them.")
	fs.StringVar(&c.status, "status", ".*", "Print only members whose status matches the regular `expression`.")
	fs.StringVar(&c.filter, "filter", "", "Print only members that match the filter `expression`; the agent evaluates it.")
	fs.StringVar(&c.segment, "segment", api.AllSegments,
		"Print only members of the network segment of this `name` (Consul Enterprise). The default stands for all segments.")
	c.definePartition(fs)
	c.formatFlag.define(fs)
}

func (c *members) run(args []string) int {
	c.ignoreArguments(args)
	if !c.known(c.program) {
		return 1
	}
	wanted, err := regexp.Compile(c.status)
	if err != nil {
		return c.fail("Failed to compile status regexp: %s", err)
	}
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	list, err := client.Agent().MembersOpts(api.MembersOpts{WAN: c.wan, Segment: c.segment, Filter: c.filter})
	if err != nil {
		return c.fail("Error retrieving members: %s", err)
	}
	list = slices.DeleteFunc(list, func(m *api.AgentMember) bool {
		return !wanted.MatchString(memberStatus(m))
	})
	if len(list) == 0 {
		return exitNoMembers
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	switch {
	case c.json():
		return c.sayJSON(c.say, list)
	case c.detailed:
		writeTable(c.out, detailedMemberRows(list))
	default:
		writeTable(c.out, memberRows(list))
	}
	return 0
}

func memberRows(list []*api.AgentMember) [][]string {
	rows := [][]string{{"Node", "Address", "Status", "Type", "Build", "Protocol", "DC", "Partition", "Segment"}}
	for _, m := range list {
		build, _, _ := strings.Cut(m.Tags["build"], ":")
		partition := m.Tags["ap"]
		if partition == "" {
			partition = "default"
		}
		rows = append(rows, []string{
			m.Name, memberAddress(m), memberStatus(m), memberType(m), build, m.Tags["vsn"], m.Tags["dc"],
			partition, memberSegment(m),
		})
	}
	return rows
}

func detailedMemberRows(list []*api.AgentMember) [][]string {
	rows := [][]string{{"Node", "Address", "Status", "Tags"}}
	for _, m := range list {
		tags := make([]string, 0, len(m.Tags))
		for name, value := range m.Tags {
			tags = append(tags, name+"="+value)
		}
		sort.Strings(tags)
		rows = append(rows, []string{m.Name, memberAddress(m), memberStatus(m), strings.Join(tags, ",")})
	}
	return rows
}

func memberAddress(m *api.AgentMember) string {
	return net.JoinHostPort(m.Addr, strconv.Itoa(int(m.Port)))
}

func memberStatus(m *api.AgentMember) string {
	names := []string{"none", "alive", "leaving", "left", "failed"}
	if m.Status < 0 || m.Status >= len(names) {
		return "unknown"
	}
	return names[m.Status]
}

func memberType(m *api.AgentMember) string {
	switch m.Tags[api.MemberTagKeyRole] {
	case api.MemberTagValueRoleServer:
		return "server"
	case "node":
		return "client"
	}
	return "unknown"
}

// memberSegment names the segment; servers are in all of them.
func memberSegment(m *api.AgentMember) string {
	switch {
	case m.IsConsulServer():
		return "<all>"
	case m.Tags["segment"] == "":
		return "<default>"
	}
	return m.Tags["segment"]
}
