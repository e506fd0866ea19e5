package main

import (
	"flag"
	"fmt"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"
)

// kvDelete deletes one key, or all under a prefix.
type kvDelete struct {
	kvCommand
	recurse     bool
	cas         bool
	modifyIndex uint64
}

func newKVDelete(p *program) cli.Command {
	c := &kvDelete{kvCommand: kvCommand{program: p}}
	return c.leaf(manual{
		synopsis: "Removes data from the key-value store",
		usage:    "kv delete [options] KEY_OR_PREFIX",
		about: `
Deletes a key. With -recurse the argument is a prefix, and all keys that start
with it go: the prefix "app" takes "apple" with it, "app/" does not. One slash
in front of the argument is dropped. Deleting an absent key succeeds.

The empty prefix stands for the whole store. Nothing is asked, so it must be
written down: -recurse without an argument is refused.`,
		examples: `
    $ {program} kv delete redis/config/connections
    $ {program} kv delete -cas -modify-index=844 redis/config/connections
    $ {program} kv delete -recurse redis/

Delete every key:

    $ {program} kv delete -recurse ""`,
		status: []exitStatus{
			{0, "the key, or the keys, are gone"},
			{1, "not known to be deleted: wrong arguments, a failed check, or an error"},
		},
	}, c.define, c.run)
}

func (c *kvDelete) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.recurse, "recurse", false, "Delete all keys that start with the argument.")
	fs.BoolVar(&c.cas, "cas", false, "Delete only if the key's ModifyIndex is that of -modify-index.")
	fs.Uint64Var(&c.modifyIndex, "modify-index", 0, "With -cas: the ModifyIndex the key must have, as a `number` above 0.")
}

func (c *kvDelete) run(args []string) int {
	if refusal := c.refusal(args); refusal != "" {
		return c.fail("%s", refusal)
	}
	c.warnStaleWrite(c.program)
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	key := cleanKey(args[0])
	switch {
	case c.recurse:
		return c.deleteTree(client.KV(), key)
	case c.cas:
		return c.deleteChecked(client.KV(), key)
	}
	return c.deleteOne(client.KV(), key)
}

// refusal tells why nothing is to be sent, or is empty.
func (c *kvDelete) refusal(args []string) string {
	switch {
	case len(args) > 1:
		return fmt.Sprintf("Too many arguments (expected 1, got %d)", len(args))
	case len(args) == 0 && c.recurse:
		return `Error! Missing PREFIX argument. To delete every key, say so with an empty prefix: -recurse ""`
	case len(args) == 0, cleanKey(args[0]) == "" && !c.recurse:
		return "Error! Missing KEY argument"
	case c.cas && c.recurse:
		return "Cannot specify both -cas and -recurse!"
	case c.cas && c.modifyIndex == 0:
		return "Cannot delete a key that does not exist. Provide a -modify-index greater than than 0."
	case c.modifyIndex != 0 && !c.cas:
		return "Cannot specify -modify-index without -cas!"
	}
	return ""
}

func (c *kvDelete) deleteOne(kv *api.KV, key string) int {
	if _, err := kv.Delete(key, nil); err != nil {
		return c.fail("Error! Failed deleting key %s: %s", key, err)
	}
	c.say("Success! Deleted key: %s", key)
	return 0
}

func (c *kvDelete) deleteChecked(kv *api.KV, key string) int {
	deleted, _, err := kv.DeleteCAS(&api.KVPair{Key: key, ModifyIndex: c.modifyIndex}, nil)
	if err != nil {
		return c.fail("Error! Failed deleting key %s: %s", key, err)
	}
	if !deleted {
		return c.fail("Error! Did not delete key %s: CAS failed", key)
	}
	c.say("Success! Deleted key: %s", key)
	return 0
}

func (c *kvDelete) deleteTree(kv *api.KV, prefix string) int {
	if _, err := kv.DeleteTree(prefix, nil); err != nil {
		return c.fail("Error! Failed deleting keys with prefix %s: %s", prefix, err)
	}
	c.say("Success! Deleted keys with prefix: %s", prefix)
	return 0
}
