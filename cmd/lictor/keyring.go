package main

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"
)

// maxRelayFactor is the highest value of -relay-factor.
const maxRelayFactor = 5

// keyring changes and lists the gossip keys of a cluster.
type keyring struct {
	*program
	connection
	formatFlag
	install     string
	use         string
	remove      string
	list        bool
	listPrimary bool
	localOnly   bool
	relayFactor uint
}

func newKeyring(p *program) cli.Command {
	c := &keyring{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Manages gossip layer encryption keys",
			usage:    "keyring [options]",
			about: `
Changes and lists the keys that the members of a cluster encrypt their gossip
with. Each member holds one or more: it encrypts with the primary one, and
understands all of them. A change goes to all members that are alive, and
fails if one of them could not do it, which is told by name; repeat it then.

Each datacenter has a pool of its own (LAN), and the servers of all of them
share another (WAN). A list shows, and a change reaches, all of these pools,
whichever datacenter the agent is in. A datacenter that cannot be reached is
named, and keeps the others from nothing. One that is gone for good is known
no longer once its servers have been made to leave: force-leave -wan.

To replace a key, install the new one, use it, and remove the old one. List
the keys in between, to see that each step has reached every member: [3/3].

A key in the arguments can be seen in the list of processes. Instead of the
key itself, @FILE names a file that holds it, and - stands for standard input.
With ACLs enabled this needs a token that grants keyring:read for a list, and
keyring:write for a change.`,
			examples: `
    $ (umask 077; {program} keygen > new.key)
    $ {program} keyring -install=@new.key
    $ {program} keyring -list
    $ {program} keyring -use=@new.key
    $ {program} keyring -list-primary
    $ {program} keyring -remove=@old.key`,
			status: []exitStatus{
				{0, "every member has done it, or the keys were printed"},
				{1, "wrong arguments, no encryption, a member failed, or the agent did"},
			},
		},
		groups:  []optionGroup{c.serverOptions(), options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *keyring) define(fs *flag.FlagSet) {
	fs.StringVar(&c.install, "install", "", "Give all members this `key`. They understand it from now on.")
	fs.StringVar(&c.use, "use", "", "Make this `key` the primary one, that all members encrypt with. It must be installed.")
	fs.StringVar(&c.remove, "remove", "", "Take this `key` away from all members. The primary key cannot be removed.")
	fs.BoolVar(&c.list, "list", false, "Print all keys, each with how many members have it, of how many.")
	fs.BoolVar(&c.listPrimary, "list-primary", false, "Print all keys that are the primary one of a member.")
	fs.BoolVar(&c.localOnly, "local-only", false, "With -list or -list-primary: ask for the pool of one datacenter alone: the agent's, or that of -datacenter.")
	fs.UintVar(&c.relayFactor, "relay-factor", 0,
		"Have each member send its answer through this `number` of others as well, 0 to 5, so that it survives a bad network.")
	c.formatFlag.define(fs)
}

func (c *keyring) run(args []string) int {
	c.ignoreArguments(args)
	if !c.known(c.program) {
		return 1
	}
	if c.actions() == 0 {
		c.fail("One of -install, -use, -remove, -list and -list-primary must be given.\n")
		return cli.RunResultHelp
	}
	if refusal := c.refusal(); refusal != "" {
		return c.fail("%s", refusal)
	}
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	if c.lists() {
		return c.printKeys(client.Operator())
	}
	return c.change(client.Operator())
}

func (c *keyring) lists() bool { return c.list || c.listPrimary }

// actions counts what is to be done. Both lists are one action.
func (c *keyring) actions() int {
	n := 0
	for _, asked := range []bool{c.install != "", c.use != "", c.remove != "", c.lists()} {
		if asked {
			n++
		}
	}
	return n
}

// refusal tells why nothing is to be sent, or is empty.
func (c *keyring) refusal() string {
	switch {
	case c.actions() > 1:
		return "Only a single action is allowed: give one of -install, -use, -remove and -list"
	case c.relayFactor > maxRelayFactor:
		return fmt.Sprintf("Invalid -relay-factor %d: it is a number from 0 to %d", c.relayFactor, maxRelayFactor)
	case c.localOnly && !c.lists():
		return "-local-only is for -list and -list-primary: a change always reaches all members"
	}
	return ""
}

// change performs the one action that is no list.
func (c *keyring) change(operator *api.Operator) int {
	c.warnStaleWrite(c.program)
	for _, action := range []struct {
		argument string
		begun    string
		doing    string
		send     func(string, *api.WriteOptions) error
	}{
		{c.install, "Installing new gossip encryption key...", "installing", operator.KeyringInstall},
		{c.use, "Changing primary gossip encryption key...", "changing the primary", operator.KeyringUse},
		{c.remove, "Removing gossip encryption key...", "removing", operator.KeyringRemove},
	} {
		if action.argument == "" {
			continue
		}
		data, ok := c.readData(action.argument)
		if !ok {
			return 1
		}
		c.say("==> %s", action.begun)
		err := action.send(strings.TrimSpace(string(data)), &api.WriteOptions{RelayFactor: uint8(c.relayFactor)})
		if err != nil {
			return c.fail("Error %s key: %s", action.doing, err)
		}
	}
	return 0
}

func (c *keyring) printKeys(operator *api.Operator) int {
	query := c.query()
	query.RelayFactor, query.LocalOnly = uint8(c.relayFactor), c.localOnly
	if !c.json() {
		c.say("==> Gathering installed %sencryption keys...", map[bool]string{true: "primary "}[!c.list])
	}
	pools, err := operator.KeyringList(query)
	if err != nil {
		return c.fail("Error listing keys: %s", err)
	}
	if c.json() {
		return c.sayJSON(c.say, pools)
	}
	if c.list {
		c.printPools(pools, func(pool *api.KeyringResponse) map[string]int { return pool.Keys })
	}
	if c.list && c.listPrimary {
		c.say("\n==> Gathering installed primary encryption keys...")
	}
	if c.listPrimary {
		c.printPools(pools, func(pool *api.KeyringResponse) map[string]int { return pool.PrimaryKeys })
	}
	return 0
}

// printPools prints keys of each pool, with how many members have them.
func (c *keyring) printPools(pools []*api.KeyringResponse, keys func(*api.KeyringResponse) map[string]int) {
	for _, pool := range pools {
		c.say("\n%s:", poolName(pool))
		for _, node := range slices.Sorted(maps.Keys(pool.Messages)) {
			c.say("  ===> %s: %s", printable(node), printable(pool.Messages[node]))
		}
		counts := keys(pool)
		for _, key := range slices.Sorted(maps.Keys(counts)) {
			c.say("  %s [%d/%d]", key, counts[key], pool.NumNodes)
		}
	}
}

func poolName(pool *api.KeyringResponse) string {
	if pool.WAN {
		return "WAN"
	}
	name := pool.Datacenter + " (LAN)"
	for _, part := range []string{pool.Partition, pool.Segment} {
		if part != "" {
			name += " [" + part + "]"
		}
	}
	return name
}
