package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"strings"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"
)

// kvImport writes what kvExport printed.
type kvImport struct {
	kvCommand
	prefix string
}

func newKVImport(p *program) cli.Command {
	c := &kvImport{kvCommand: kvCommand{program: p}}
	return c.leaf(manual{
		synopsis: "Imports a tree stored as JSON to the key-value store",
		usage:    "kv import [options] DATA",
		about: `
Writes the keys of a JSON array made by "kv export". DATA is taken literally,
unless it starts with @, when the rest is the name of a file to read, or is a
lone -, which stands for standard input. Existing keys are overwritten, others
stay as they are.

All of DATA is checked before the first key is written. The keys are then
written one after the other, not in a transaction. A key that the server
refuses does not keep the others from being written; if the server cannot be
reached, or fails, the import stops there.`,
		examples: `
    $ {program} kv import @redis.json
    $ {program} kv export redis/ | {program} kv import -prefix=copy/ -`,
		status: []exitStatus{
			{0, "every key was written"},
			{1, "DATA is wrong and nothing was written, or not every key was written"},
		},
	}, c.define, c.run)
}

func (c *kvImport) define(fs *flag.FlagSet) {
	fs.StringVar(&c.prefix, "prefix", "", "A `string` to put in front of the name of each key.")
}

func (c *kvImport) run(args []string) int {
	if len(args) == 0 || args[0] == "" {
		return c.fail("Error! Missing DATA argument")
	}
	if len(args) > 1 {
		return c.fail("Too many arguments (expected 1, got %d)", len(args))
	}
	c.warnStaleWrite(c.program)
	data, ok := c.readData(args[0])
	if !ok {
		return 1
	}
	pairs, ok := c.decode(data)
	if !ok {
		return 1
	}
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	return c.write(client.KV(), pairs)
}

// decode checks the whole of data. A fault is already printed when it returns
// false.
func (c *kvImport) decode(data []byte) (api.KVPairs, bool) {
	var entries []kvEntry
	if err := json.Unmarshal(data, &entries); err != nil {
		c.fail("Cannot unmarshal data: %s", err)
		return nil, false
	}
	pairs := make(api.KVPairs, len(entries))
	for i, entry := range entries {
		if entry.Key == "" {
			c.fail("Error! Entry %d of %d has no key", i+1, len(entries))
			return nil, false
		}
		value, err := base64.StdEncoding.DecodeString(entry.Value)
		if err != nil {
			c.fail("Error base 64 decoding value for key %s: %s", entry.Key, err)
			return nil, false
		}
		pairs[i] = &api.KVPair{
			Key:       c.prefix + entry.Key,
			Flags:     entry.Flags,
			Value:     value,
			Namespace: entry.Namespace,
			Partition: entry.Partition,
		}
	}
	return pairs, true
}

func (c *kvImport) write(kv *api.KV, pairs api.KVPairs) int {
	code := 0
	for _, pair := range pairs {
		_, err := kv.Put(pair, c.writeOptions(pair))
		if err == nil {
			c.say("Imported: %s", pair.Key)
			continue
		}
		code = c.fail("Error! Failed writing data for key %s: %s", pair.Key, err)
		if !concernsKey(pair.Key, err) {
			return code
		}
	}
	return code
}

// writeOptions sends a key back to the namespace and partition it came from,
// unless a flag names another.
func (c *kvImport) writeOptions(pair *api.KVPair) *api.WriteOptions {
	o := &api.WriteOptions{Namespace: pair.Namespace, Partition: pair.Partition}
	if c.namespace != "" {
		o.Namespace = c.namespace
	}
	if c.partition != "" {
		o.Partition = c.partition
	}
	return o
}

// concernsKey tells whether a failed write says something about this key alone:
// the client library would not send it, or the server answered that the request
// is wrong or not allowed.
func concernsKey(key string, err error) bool {
	if strings.HasPrefix(key, "/") {
		return true
	}
	var status api.StatusError
	return errors.As(err, &status) && status.Code >= 400 && status.Code < 500 && status.Code != 429
}
