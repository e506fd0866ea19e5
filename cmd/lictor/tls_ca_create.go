package main

import (
	"errors"
	"flag"
	"io/fs"
	"strings"
	"time"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/certauthority"
)

// tlsCACreate makes a certificate authority.
type tlsCACreate struct {
	*program
	request certauthority.AuthorityRequest
}

func newTLSCACreate(p *program) cli.Command {
	c := &tlsCACreate{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Creates a certificate authority",
			usage:    "tls ca create [options]",
			about: `
Makes a certificate authority for a cluster and writes it into the current
directory: its certificate to DOMAIN-agent-ca.pem, which goes to every agent,
and its key to DOMAIN-agent-ca-key.pem. Files that exist are never
overwritten.

Whoever has the key can make themselves a server and read everything: it goes
to no agent. Keep it offline.`,
			examples: `
    $ {program} tls ca create
    $ {program} tls ca create -days=3650
    $ {program} tls ca create -domain=example -name-constraint \
          -additional-name-constraint=consul.example.com`,
			status: []exitStatus{
				{0, "both files are written"},
				{1, "wrong options, a file exists, or it cannot be written: there is neither"},
			},
		},
		groups:  []optionGroup{options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *tlsCACreate) define(fs *flag.FlagSet) {
	r := &c.request
	appendVar(fs, &r.AdditionalDomains, "additional-name-constraint", "A `domain` that the authority may sign for as well. Can be given "+
		"multiple times. Only together with -name-constraint.")
	fs.StringVar(&r.ClusterID, "cluster-id", "", "The `ID` of the cluster, which the authority then carries as a SPIFFE URI.")
	fs.StringVar(&r.CommonName, "common-name", "", "The common `name` of the authority. The default is Consul Agent CA and its serial number.")
	fs.IntVar(&r.Days, "days", 1825, "For how many days the authority is valid, a `number`. The default is 1825, five years.")
	domainVar(fs, &r.Domain)
	fs.BoolVar(&r.Constrained, "name-constraint", false, "Let the authority sign for localhost, -domain and each "+
		"-additional-name-constraint only, and for what is below them.")
}

// appendVar registers a flag that may be given several times.
func appendVar(fs *flag.FlagSet, to *[]string, name, usage string) {
	fs.Func(name, usage, func(value string) error {
		*to = append(*to, value)
		return nil
	})
}

func domainVar(fs *flag.FlagSet, to *string) {
	*to = "consul"
	fs.Func("domain", "The `domain` of the cluster, as in the setting domain of its agents. The default is consul.", func(value string) error {
		*to = strings.TrimSuffix(value, ".") // agents take it with the dot
		return nil
	})
}

func (c *tlsCACreate) run(args []string) int {
	c.ignoreArguments(args)
	pair, err := certauthority.NewAuthority(c.request, time.Now())
	if err != nil {
		return c.fail("Error creating CA: %s", err)
	}
	to := authorityFiles(c.request.Domain)
	ctx, stop := interruptible()
	defer stop()
	if err := pair.Write(ctx, to, c.warnAbout); err != nil {
		return c.failedWriting(err)
	}
	return c.saved(to)
}

// authorityFiles are the names of the files of a domain's authority.
func authorityFiles(domain string) certauthority.Files {
	return certauthority.Files{Certificate: domain + "-agent-ca.pem", Key: domain + "-agent-ca-key.pem"}
}

func (c *program) warnAbout(err error) { c.warn("%s", err) }

// failedWriting says why a pair was not written.
func (c *program) failedWriting(err error) int {
	if errors.Is(err, fs.ErrExist) {
		return c.fail("%s: nothing is overwritten. Work in another directory, or move it away first", err)
	}
	return c.fail("Error saving, no file is left: %s", err)
}

func (c *program) saved(files certauthority.Files) int {
	c.say("==> Saved %s", files.Certificate)
	c.say("==> Saved %s", files.Key)
	return 0
}
