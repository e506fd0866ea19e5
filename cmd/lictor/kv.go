package main

import (
	"flag"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/cli"
)

// kvCommand is what the commands of the group kv have in common.
type kvCommand struct {
	*program
	connection
}

// leaf builds a command of the group with the group's own options. define is
// nil for a command that has no others.
func (k *kvCommand) leaf(m manual, define func(*flag.FlagSet), execute func([]string) int) cli.Command {
	return &leaf{
		program: k.program,
		manual:  m,
		groups: []optionGroup{
			k.serverOptions(),
			options("Command Options", func(fs *flag.FlagSet) {
				k.tenancyFlags.define(fs)
				if define != nil {
					define(fs)
				}
			}),
		},
		execute: execute,
	}
}

// cleanKey drops one leading slash of a key or prefix, as Consul's commands
// do, and a second one as its client library does, so that what is printed is
// what is read or deleted.
func cleanKey(key string) string {
	return strings.TrimPrefix(strings.TrimPrefix(key, "/"), "/")
}

// readData returns the bytes that a DATA argument stands for: the content of
// the file after an @, standard input for a lone -, else the argument itself.
// A failure is already printed when it returns false.
func (p *program) readData(arg string) ([]byte, bool) {
	if name, found := strings.CutPrefix(arg, "@"); found {
		data, err := os.ReadFile(name)
		if err != nil {
			p.fail("Error! Failed to read file: %s", err)
		}
		return data, err == nil
	}
	if arg == "-" {
		data, err := io.ReadAll(p.in)
		if err != nil {
			p.fail("Error! Failed to read standard input: %s", err)
		}
		return data, err == nil
	}
	return []byte(arg), true
}
