package main

import (
	"encoding/base64"
	"encoding/json"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"
)

// kvEntry is one key in the file that export writes and import reads.
type kvEntry struct {
	Key       string `json:"key"`
	Flags     uint64 `json:"flags"`
	Value     string `json:"value"` // base64
	Namespace string `json:"namespace,omitempty"`
	Partition string `json:"partition,omitempty"`
}

// kvExport prints a part of the store as JSON.
type kvExport struct {
	kvCommand
}

func newKVExport(p *program) cli.Command {
	c := &kvExport{kvCommand{program: p}}
	return c.leaf(manual{
		synopsis: "Exports a tree from the key-value store as JSON",
		usage:    "kv export [options] [PREFIX]",
		about: `
Prints all keys under a prefix as a JSON array for "kv import": key, flags and
value in base64. Without a prefix that is the whole store. One slash in front
of the prefix is dropped. Indexes, locks and sessions are not exported; a
snapshot keeps those.`,
		examples: `
    $ {program} kv export redis/ > redis.json`,
		status: []exitStatus{
			{0, "printed, also if there was nothing to export"},
			{1, "wrong arguments, or the agent could not be asked"},
		},
	}, nil, c.run)
}

func (c *kvExport) run(args []string) int {
	if len(args) > 1 {
		return c.fail("Too many arguments (expected 1, got %d)", len(args))
	}
	prefix := ""
	if len(args) == 1 {
		prefix = cleanKey(args[0])
	}
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	pairs, _, err := client.KV().List(prefix, c.query())
	if err != nil {
		return c.fail("Error querying Consul agent: %s", err)
	}
	text, err := json.MarshalIndent(exportEntries(pairs), "", "\t")
	if err != nil {
		return c.fail("Error exporting data: %s", err)
	}
	c.say("%s", text)
	return 0
}

func exportEntries(pairs api.KVPairs) []kvEntry {
	entries := make([]kvEntry, len(pairs))
	for i, pair := range pairs {
		entries[i] = kvEntry{
			Key:       pair.Key,
			Flags:     pair.Flags,
			Value:     base64.StdEncoding.EncodeToString(pair.Value),
			Namespace: pair.Namespace,
			Partition: pair.Partition,
		}
	}
	return entries
}
