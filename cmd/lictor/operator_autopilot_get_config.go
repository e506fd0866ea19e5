package main

import (
	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"
)

// autopilotGetConfig prints the configuration of autopilot.
type autopilotGetConfig struct {
	*program
	connection
	formatFlag
}

func newAutopilotGetConfig(p *program) cli.Command {
	c := &autopilotGetConfig{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Displays the current Autopilot configuration",
			usage:    "operator autopilot get-config [options]",
			about: `
Prints the configuration of autopilot, which set-config changes; its help says
what each value means. With ACLs enabled this needs a token that grants
operator:read.`,
			examples: `
    $ {program} operator autopilot get-config
    $ {program} operator autopilot get-config -format=json`,
			status: []exitStatus{
				{0, "printed"},
				{1, "wrong arguments, no leader (see -stale), or the agent failed"},
			},
		},
		groups:  []optionGroup{c.serverOptions(), options("Command Options", c.formatFlag.define)},
		execute: c.run,
	}
}

func (c *autopilotGetConfig) run(args []string) int {
	return report(c.program, args, &c.connection, &c.formatFlag, "Error querying Autopilot configuration",
		(*api.Operator).AutopilotGetConfiguration, c.print)
}

func (c *autopilotGetConfig) print(config *api.AutopilotConfiguration) {
	c.say("CleanupDeadServers = %t", config.CleanupDeadServers)
	c.say("LastContactThreshold = %s", config.LastContactThreshold)
	c.say("MaxTrailingLogs = %d", config.MaxTrailingLogs)
	c.say("MinQuorum = %d", config.MinQuorum)
	c.say("ServerStabilizationTime = %s", config.ServerStabilizationTime)
	c.say("RedundancyZoneTag = %q", config.RedundancyZoneTag)
	c.say("DisableUpgradeMigration = %t", config.DisableUpgradeMigration)
	c.say("UpgradeVersionTag = %q", config.UpgradeVersionTag)
}
