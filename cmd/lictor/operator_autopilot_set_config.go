package main

import (
	"errors"
	"flag"
	"strconv"
	"time"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"
)

// autopilotSetConfig changes the configuration of autopilot.
type autopilotSetConfig struct {
	*program
	connection
	changes []func(*api.AutopilotConfiguration) // one for each flag given
}

func newAutopilotSetConfig(p *program) cli.Command {
	c := &autopilotSetConfig{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Modifies the current Autopilot configuration",
			usage:    "operator autopilot set-config [options]",
			about: `
Changes the configuration of autopilot. What is not given stays as it is. If
somebody else changes the configuration at the same moment, nothing is
written, and the command fails. With ACLs enabled this needs a token that
grants operator:write.`,
			examples: `
    $ {program} operator autopilot set-config -cleanup-dead-servers=false
    $ {program} operator autopilot set-config -last-contact-threshold=500ms`,
			status: []exitStatus{
				{0, "written, or nothing was to be changed"},
				{1, "not known to be written: wrong arguments, a change in between, an error"},
			},
		},
		groups:  []optionGroup{c.serverOptions(), options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *autopilotSetConfig) define(fs *flag.FlagSet) {
	fs.BoolFunc("cleanup-dead-servers",
		"Whether failed servers are removed when a new one has joined, a `boolean`: =true or =false.",
		setting(c, strconv.ParseBool, func(conf *api.AutopilotConfiguration, v bool) { conf.CleanupDeadServers = v }))
	fs.Func("last-contact-threshold",
		"A server is unhealthy if it has not heard from the leader for this `duration`, such as 200ms.",
		setting(c, parseSpan, func(conf *api.AutopilotConfiguration, v time.Duration) {
			conf.LastContactThreshold = api.NewReadableDuration(v)
		}))
	fs.Func("max-trailing-logs", "A server is unhealthy if its log is more than this `number` of entries behind the leader's.",
		setting(c, parseNumber, func(conf *api.AutopilotConfiguration, v uint64) { conf.MaxTrailingLogs = v }))
	fs.Func("min-quorum", "Failed servers are not removed if fewer than this `number` of voters would be left; 0 for no such limit.",
		setting(c, parseNumber, func(conf *api.AutopilotConfiguration, v uint64) { conf.MinQuorum = uint(v) }))
	fs.Func("server-stabilization-time", "A new server gets its vote once it has been healthy for this `duration`, such as 10s.",
		setting(c, parseSpan, func(conf *api.AutopilotConfiguration, v time.Duration) {
			conf.ServerStabilizationTime = api.NewReadableDuration(v)
		}))
	c.defineEnterprise(fs)
}

// defineEnterprise registers what only Consul Enterprise acts on. It can be
// cleared, where a restored state has it set, but not set.
func (c *autopilotSetConfig) defineEnterprise(fs *flag.FlagSet) {
	const clear = " Refused unless it is empty, which clears it."
	fs.Func("redundancy-zone-tag", "The `name` of the node metadata that says which zone a server is in (Consul Enterprise)."+clear,
		setting(c, onlyEmpty, func(conf *api.AutopilotConfiguration, v string) { conf.RedundancyZoneTag = v }))
	fs.Func("upgrade-version-tag", "The `name` of the node metadata that holds a server's version (Consul Enterprise)."+clear,
		setting(c, onlyEmpty, func(conf *api.AutopilotConfiguration, v string) { conf.UpgradeVersionTag = v }))
	fs.BoolFunc("disable-upgrade-migration",
		"Whether migration to new versions is off, a `boolean` (Consul Enterprise). Refused unless it is =false, which clears it.",
		setting(c, onlyFalse, func(conf *api.AutopilotConfiguration, v bool) { conf.DisableUpgradeMigration = v }))
}

// setting makes the function of a flag that, given, adds a change.
func setting[V any](c *autopilotSetConfig, parse func(string) (V, error), set func(*api.AutopilotConfiguration, V)) func(string) error {
	return func(text string) error {
		v, err := parse(text)
		if err != nil {
			return err
		}
		c.changes = append(c.changes, func(conf *api.AutopilotConfiguration) { set(conf, v) })
		return nil
	}
}

var errEnterprise = errors.New("this is a feature of Consul Enterprise, which neither Lictor nor Consul without it acts on")

func onlyEmpty(text string) (string, error) {
	if text != "" {
		return "", errEnterprise
	}
	return "", nil
}

func onlyFalse(text string) (bool, error) {
	v, err := strconv.ParseBool(text)
	if err == nil && v {
		err = errEnterprise
	}
	return false, err
}

func parseNumber(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, strconv.IntSize)
	if err != nil {
		return 0, errors.New("not a whole number from 0")
	}
	return n, nil
}

func parseSpan(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errors.New("not a duration from 0, such as 200ms or 10s")
	}
	return d, nil
}

func (c *autopilotSetConfig) run(args []string) int {
	c.ignoreArguments(args)
	c.warnStaleWrite(c.program)
	if len(c.changes) == 0 {
		c.warn("no option was given, so nothing is changed")
		return 0
	}
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	config, err := client.Operator().AutopilotGetConfiguration(nil)
	if err != nil {
		return c.fail("Error querying Autopilot configuration: %s", err)
	}
	for _, change := range c.changes {
		change(config)
	}
	written, err := client.Operator().AutopilotCASConfiguration(config, nil)
	switch {
	case err != nil:
		return c.fail("Error setting Autopilot configuration: %s", err)
	case !written:
		return c.fail("Configuration could not be atomically updated, please try again")
	}
	c.say("Configuration updated!")
	return 0
}
