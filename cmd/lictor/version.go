package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"strings"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/version"
)

// versionCommand prints which Lictor this is.
type versionCommand struct {
	*program
	format string
}

func newVersion(p *program) cli.Command {
	c := &versionCommand{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Prints the version",
			usage:    "version [options]",
			about: `
Prints Lictor's version and that of the Consul it follows. In JSON, Version is
the version of that Consul with Lictor's own behind the plus sign.`,
			examples: `
    $ {program} version
    $ {program} version -format=json`,
			status: []exitStatus{
				{0, "printed"},
				{1, "wrong options"},
			},
		},
		groups:  []optionGroup{options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *versionCommand) define(fs *flag.FlagSet) {
	fs.StringVar(&c.format, "format", "pretty", "The output `format`: pretty or json.")
}

func (c *versionCommand) run(args []string) int {
	c.ignoreArguments(args)
	switch c.format {
	case "pretty":
		fmt.Fprint(c.out, versionText())
	case "json":
		text, err := json.MarshalIndent(describeVersion(), "", "    ")
		if err != nil {
			return c.fail("Error outputting version: %s", err)
		}
		c.say("%s", text)
	default:
		return c.fail("Error outputting version: Unknown format: %s", c.format)
	}
	return 0
}

func versionText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Lictor v%s\n", version.Lictor)
	fmt.Fprintf(&b, "Follows Consul v%s; speaks protocol %d by default, understands %d to %d\n",
		version.Consul, version.ProtocolDefault, version.ProtocolMin, version.ProtocolMax)
	if build := version.ReadBuild(); build.Revision != "" {
		fmt.Fprintf(&b, "Revision %s\nBuild Date %s\n", build.Revision, build.Date)
	}
	return b.String()
}

// versionJSON is the machine-readable form of the version.
type versionJSON struct {
	Version           string // the Consul followed, with Lictor's version as metadata
	VersionPrerelease string
	VersionMetadata   string
	Lictor            string
	Consul            string
	Revision          string
	BuildDate         string
	RPC               rpcVersions
}

// rpcVersions are the versions of the agent protocol.
type rpcVersions struct {
	Default, Min, Max int
}

func describeVersion() versionJSON {
	build := version.ReadBuild()
	return versionJSON{
		Version:           version.Full,
		VersionPrerelease: version.Prerelease,
		VersionMetadata:   version.Metadata,
		Lictor:            version.Lictor,
		Consul:            version.Consul,
		Revision:          build.Revision,
		BuildDate:         build.Date,
		RPC:               rpcVersions{version.ProtocolDefault, version.ProtocolMin, version.ProtocolMax},
	}
}
