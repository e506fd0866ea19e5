package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/certauthority"
)

// tlsCertCreate makes the certificate of an agent or of the command line.
type tlsCertCreate struct {
	*program
	ca, key             string
	server, client, cli bool
	request             certauthority.LeafRequest
}

func newTLSCertCreate(p *program) cli.Command {
	c := &tlsCertCreate{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Creates a certificate",
			usage:    "tls cert create (-server | -client | -cli) [options]",
			about: `
Makes a certificate for a server, a client agent or the command line and
writes it into the current directory: DC-server-DOMAIN-N.pem and
DC-server-DOMAIN-N-key.pem, with the first number N that is free. Files that
exist are never overwritten.

A server's certificate names server.DC.DOMAIN, localhost and 127.0.0.1, with
-node also NODE.server.DC.DOMAIN; a client's client.DC.DOMAIN, localhost and
127.0.0.1. Both serve and ask. The command line's names cli.DC.DOMAIN and
localhost, and can only ask.

A certificate that the authority must not sign, for its name constraint or
because it has expired, is not made.`,
			examples: `
    $ {program} tls cert create -server
    $ {program} tls cert create -server -node=s1 -additional-ipaddress=10.0.0.1
    $ {program} tls cert create -client -dc=dc2
    $ {program} tls cert create -cli -days=30`,
			status: []exitStatus{
				{0, "both files are written"},
				{1, "wrong options, or the authority cannot be used: no file is written"},
			},
		},
		groups:  []optionGroup{options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *tlsCertCreate) define(fs *flag.FlagSet) {
	r := &c.request
	fs.BoolVar(&c.server, "server", false, "Make the certificate of a server.")
	fs.BoolVar(&c.client, "client", false, "Make the certificate of a client agent.")
	fs.BoolVar(&c.cli, "cli", false, "Make the certificate of the command line.")
	fs.StringVar(&c.ca, "ca", "#DOMAIN#-agent-ca.pem", "The `file` with the authority's certificate. The default is "+
		"#DOMAIN#-agent-ca.pem; #DOMAIN# stands for -domain.")
	fs.StringVar(&c.key, "key", "#DOMAIN#-agent-ca-key.pem", "The `file` with the authority's key. The default is #DOMAIN#-agent-ca-key.pem.")
	fs.StringVar(&r.Datacenter, "dc", "dc1", "The `datacenter`. The default is dc1.")
	domainVar(fs, &r.Domain)
	fs.IntVar(&r.Days, "days", 365, "For how many days the certificate is valid, a `number`. The default is 365.")
	fs.StringVar(&r.Node, "node", "", "The `name` of the server's node, for a certificate that names it. Only with -server.")
	appendVar(fs, &r.AdditionalNames, "additional-dnsname", "A DNS `name` more. Can be given multiple times.")
	fs.Func("additional-ipaddress", "An IP `address` more. Can be given multiple times.", func(value string) error {
		ip := net.ParseIP(value)
		if ip == nil {
			return fmt.Errorf("not an IP address")
		}
		r.AdditionalAddresses = append(r.AdditionalAddresses, ip)
		return nil
	})
}

// role is what the certificate is for, if exactly one role is asked for.
func (c *tlsCertCreate) role() (role certauthority.Role, ok bool) {
	asked := 0
	for _, r := range []struct {
		set  bool
		role certauthority.Role
	}{{c.server, certauthority.Server}, {c.client, certauthority.Client}, {c.cli, certauthority.CLI}} {
		if r.set {
			role = r.role
			asked++
		}
	}
	return role, asked == 1
}

func (c *tlsCertCreate) run(args []string) int {
	c.ignoreArguments(args)
	role, ok := c.role()
	if !ok {
		return c.fail("Please provide either -server, -client, or -cli")
	}
	c.request.Role = role
	if c.request.Node != "" && role != certauthority.Server {
		return c.fail("-node is only for -server")
	}
	from := certauthority.Files{Certificate: c.inDomain(c.ca), Key: c.inDomain(c.key)}
	authority, err := loadAuthority(from)
	if err != nil {
		return c.fail("Error reading the CA: %s", err)
	}
	pair, err := authority.Issue(c.request, time.Now())
	if err != nil {
		return c.fail("Error creating the certificate: %s", err)
	}
	c.warnOfEnd(authority)
	return c.write(pair, from)
}

func (c *tlsCertCreate) inDomain(name string) string {
	return strings.ReplaceAll(name, "#DOMAIN#", c.request.Domain)
}

func loadAuthority(from certauthority.Files) (*certauthority.Authority, error) {
	certificate, err := os.ReadFile(from.Certificate)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(from.Key)
	if err != nil {
		return nil, err
	}
	authority, err := certauthority.Load(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", from.Certificate, from.Key, err)
	}
	return authority, nil
}

// warnOfEnd says that the certificate will be of no use before it expires.
func (c *tlsCertCreate) warnOfEnd(authority *certauthority.Authority) {
	if end := authority.Certificate.NotAfter; time.Now().AddDate(0, 0, c.request.Days).After(end) {
		c.warn("the CA expires on %s, and with it this certificate, although it says %d days: replace the CA before",
			end.UTC().Format(time.DateOnly), c.request.Days)
	}
}

const serverWarning = `==> WARNING: Server Certificates grants authority to become a
    server and access all state in the cluster including root keys
    and all ACL tokens. Do not distribute them to production hosts
    that are not server nodes. Store them as securely as CA keys.`

func (c *tlsCertCreate) write(pair *certauthority.Pair, from certauthority.Files) int {
	if c.server {
		c.say("%s", serverWarning)
	}
	c.say("==> Using %s and %s", from.Certificate, from.Key)
	ctx, stop := interruptible()
	defer stop()
	files, err := pair.WriteNumbered(ctx, func(n int) certauthority.Files {
		name := fmt.Sprintf("%s-%s-%s-%d", c.request.Datacenter, c.request.Role, c.request.Domain, n)
		return certauthority.Files{Certificate: name + ".pem", Key: name + "-key.pem"}
	}, c.warnAbout)
	if err != nil {
		return c.failedWriting(err)
	}
	return c.saved(files)
}
