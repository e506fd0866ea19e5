package main

import (
	"bufio"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"strconv"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"
)

// kvGet prints one value, or the values or names under a prefix.
type kvGet struct {
	kvCommand
	recurse   bool
	keys      bool
	separator string
	detailed  bool
	base64    bool
}

func newKVGet(p *program) cli.Command {
	c := &kvGet{kvCommand: kvCommand{program: p}}
	return c.leaf(manual{
		synopsis: "Retrieves or lists data from the key-value store",
		usage:    "kv get [options] [KEY_OR_PREFIX]",
		about: `
Prints the value of a key, followed by a newline. With -recurse or -keys the
argument is a prefix: all that lies under it is printed, and nothing at all is
no error. One slash in front of the argument is dropped.`,
		examples: `
The value, then the value with its metadata:

    $ {program} kv get redis/config/connections
    $ {program} kv get -detailed redis/config/connections

Everything under a prefix as KEY:VALUE, then the names at its first level:

    $ {program} kv get -recurse redis/
    $ {program} kv get -keys redis/`,
		status: []exitStatus{
			{0, "printed; with -recurse or -keys also if nothing was found"},
			{1, "no such key, wrong arguments, or the agent could not be asked"},
		},
	}, c.define, c.run)
}

func (c *kvGet) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.recurse, "recurse", false, "Print KEY:VALUE for every key under the prefix.")
	fs.BoolVar(&c.keys, "keys", false, "Print the names of the keys under the prefix, without values.")
	fs.StringVar(&c.separator, "separator", "/",
		"With -keys: cut each name after the first `string` past the prefix. With an empty string all names are printed whole.")
	fs.BoolVar(&c.detailed, "detailed", false, "Print the key's metadata with its value.")
	fs.BoolVar(&c.base64, "base64", false, "Print values in base64.")
}

func (c *kvGet) run(args []string) int {
	if len(args) > 1 {
		return c.fail("Too many arguments (expected 1, got %d)", len(args))
	}
	key := ""
	if len(args) == 1 {
		key = cleanKey(args[0])
	}
	if key == "" && !c.recurse && !c.keys {
		return c.fail("Error! Missing KEY argument")
	}
	c.warnIgnored()

	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	switch {
	case c.keys:
		return c.printKeys(client, key)
	case c.recurse:
		return c.printTree(client, key)
	}
	return c.printOne(client, key)
}

func (c *kvGet) warnIgnored() {
	if c.keys && (c.recurse || c.detailed || c.base64) {
		c.warn("-keys prints names only; -recurse, -detailed and -base64 are ignored with it")
	}
	if !c.keys && c.separator != "/" {
		c.warn("-separator has no effect without -keys and is ignored")
	}
}

func (c *kvGet) printOne(client *api.Client, key string) int {
	pair, _, err := client.KV().Get(key, c.query())
	if err != nil {
		return c.fail("Error querying Consul agent: %s", err)
	}
	if pair == nil {
		return c.fail("Error! No key exists at: %s", key)
	}
	if c.detailed {
		c.writeDetails(c.out, pair)
		return 0
	}
	c.say("%s", c.value(pair))
	return 0
}

func (c *kvGet) printTree(client *api.Client, prefix string) int {
	pairs, _, err := client.KV().List(prefix, c.query())
	if err != nil {
		return c.fail("Error querying Consul agent: %s", err)
	}
	w := bufio.NewWriter(c.out)
	defer w.Flush()
	for i, pair := range pairs {
		if !c.detailed {
			fmt.Fprintf(w, "%s:%s\n", pair.Key, c.value(pair))
			continue
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		c.writeDetails(w, pair)
	}
	return 0
}

func (c *kvGet) printKeys(client *api.Client, prefix string) int {
	keys, _, err := client.KV().Keys(prefix, c.separator, c.query())
	if err != nil {
		return c.fail("Error querying Consul agent: %s", err)
	}
	w := bufio.NewWriter(c.out)
	defer w.Flush()
	for _, key := range keys {
		fmt.Fprintln(w, key)
	}
	return 0
}

func (c *kvGet) value(pair *api.KVPair) []byte {
	if c.base64 {
		return base64.StdEncoding.AppendEncode(nil, pair.Value)
	}
	return pair.Value
}

// writeDetails writes the block of one pair. The values start in column 18.
func (c *kvGet) writeDetails(w io.Writer, pair *api.KVPair) {
	session := pair.Session
	if session == "" {
		session = "-"
	}
	for _, line := range []struct {
		name, value string
		show        bool
	}{
		{"CreateIndex", strconv.FormatUint(pair.CreateIndex, 10), true},
		{"Flags", strconv.FormatUint(pair.Flags, 10), true},
		{"Key", pair.Key, true},
		{"LockIndex", strconv.FormatUint(pair.LockIndex, 10), true},
		{"ModifyIndex", strconv.FormatUint(pair.ModifyIndex, 10), true},
		{"Namespace", pair.Namespace, pair.Namespace != ""},
		{"Partition", pair.Partition, pair.Partition != ""},
		{"Session", session, true},
		{"Value", string(c.value(pair)), true},
	} {
		if line.show {
			fmt.Fprintf(w, "%-17s%s\n", line.name, line.value)
		}
	}
}
