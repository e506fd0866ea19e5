package main

import (
	"encoding/base64"
	"flag"
	"fmt"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"
)

// kvPut writes one key.
type kvPut struct {
	kvCommand
	flags       uint64
	base64      bool
	cas         bool
	modifyIndex uint64
	session     string
	acquire     bool
	release     bool
}

func newKVPut(p *program) cli.Command {
	c := &kvPut{kvCommand: kvCommand{program: p}}
	return c.leaf(manual{
		synopsis: "Sets or updates data in the key-value store",
		usage:    "kv put [options] KEY [DATA]",
		about: `
Writes DATA to a key, replacing what is there. DATA is taken literally, unless
it starts with @, when the rest is the name of a file to read, or is a lone -,
which stands for standard input. Without DATA the key gets an empty value.

Flags of the key that are not given with -flags are set to 0.`,
		examples: `
Write a short value, a file, and a value that begins with @:

    $ {program} kv put redis/config/connections 5
    $ {program} kv put config/app @app.json
    $ printf @home | {program} kv put twitter/name -

Write only if the key does not exist, then only if nobody changed it:

    $ {program} kv put -cas -modify-index=0 config/app @app.json
    $ {program} kv put -cas -modify-index=844 config/app @app.json`,
		status: []exitStatus{
			{0, "the key was written, or the lock taken or given back"},
			{1, "not known to be written: wrong arguments, a check or lock, or an error"},
		},
	}, c.define, c.run)
}

func (c *kvPut) define(fs *flag.FlagSet) {
	fs.Uint64Var(&c.flags, "flags", 0, "An unsigned 64-bit `number` to keep with the key.")
	fs.BoolVar(&c.base64, "base64", false, "DATA is base64; write what it decodes to.")
	fs.BoolVar(&c.cas, "cas", false, "Write only if the key's ModifyIndex is that of -modify-index.")
	fs.Uint64Var(&c.modifyIndex, "modify-index", 0,
		"With -cas: the ModifyIndex the key must have, as a `number`; 0 means that it must not exist.")
	fs.StringVar(&c.session, "session", "", "The `ID` of the session that takes or gives back the lock.")
	fs.BoolVar(&c.acquire, "acquire", false, "Lock the key with -session, and write it.")
	fs.BoolVar(&c.release, "release", false, "Unlock the key held by -session, and write it.")
}

func (c *kvPut) run(args []string) int {
	if refusal := c.refusal(args); refusal != "" {
		return c.fail("Error! %s", refusal)
	}
	c.warnIgnored()
	data, ok := c.data(args)
	if !ok {
		return 1
	}
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	return c.put(client.KV(), &api.KVPair{
		Key:         args[0],
		Value:       data,
		Flags:       c.flags,
		ModifyIndex: c.modifyIndex,
		Session:     c.session,
	})
}

// refusal tells why nothing is to be sent, or is empty.
func (c *kvPut) refusal(args []string) string {
	switch {
	case len(args) == 0 || args[0] == "":
		return "Missing KEY argument"
	case len(args) > 2:
		return fmt.Sprintf("Too many arguments (expected 1 or 2, got %d)", len(args))
	case c.acquire && c.release:
		return "Cannot specify both -acquire and -release"
	case c.cas && (c.acquire || c.release):
		return "Cannot specify -cas together with -acquire or -release"
	case (c.acquire || c.release) && c.session == "":
		return "Missing -session (required with -acquire and -release)"
	}
	return ""
}

func (c *kvPut) warnIgnored() {
	c.warnStaleWrite(c.program)
	if c.modifyIndex != 0 && !c.cas {
		c.warn("-modify-index has no effect without -cas and is ignored")
	}
	if c.session != "" && !c.acquire && !c.release {
		c.warn("-session has no effect without -acquire or -release and is ignored")
	}
}

// data returns the value to write. A failure is already printed when it
// returns false.
func (c *kvPut) data(args []string) ([]byte, bool) {
	if len(args) < 2 {
		return nil, true
	}
	data, ok := c.readData(args[1])
	if !ok || !c.base64 {
		return data, ok
	}
	decoded, err := base64.StdEncoding.DecodeString(string(data))
	if err != nil {
		c.fail("Error! Cannot base 64 decode data: %s", err)
	}
	return decoded, err == nil
}

func (c *kvPut) put(kv *api.KV, pair *api.KVPair) int {
	written, err := c.send(kv, pair)
	if err != nil {
		return c.fail("Error! Failed writing data: %s", err)
	}
	if !written {
		return c.fail("Error! %s", c.denial(pair.Key))
	}
	switch {
	case c.acquire:
		c.say("Success! Lock acquired on: %s", pair.Key)
	case c.release:
		c.say("Success! Lock released on: %s", pair.Key)
	default:
		c.say("Success! Data written to: %s", pair.Key)
	}
	return 0
}

func (c *kvPut) send(kv *api.KV, pair *api.KVPair) (written bool, err error) {
	switch {
	case c.cas:
		written, _, err = kv.CAS(pair, nil)
	case c.acquire:
		written, _, err = kv.Acquire(pair, nil)
	case c.release:
		written, _, err = kv.Release(pair, nil)
	default:
		_, err = kv.Put(pair, nil)
		written = true
	}
	return written, err
}

// denial says what it means that the server answered false.
func (c *kvPut) denial(key string) string {
	switch {
	case c.acquire:
		return "Did not acquire lock"
	case c.release:
		return "Did not release lock"
	case c.modifyIndex == 0:
		return fmt.Sprintf("Did not write to %s: CAS performed with index=0 and key already exists.", key)
	}
	return fmt.Sprintf("Did not write to %s: CAS failed", key)
}
