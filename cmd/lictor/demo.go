package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/demo"
	"github.com/lictor-dr/lictor/internal/progress"
)

// demoCommand shows a disaster and its recovery.
type demoCommand struct {
	*program
	keep    bool
	servers int
}

func newDemo(p *program) cli.Command {
	c := &demoCommand{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Shows a state saved, proven, destroyed and brought back",
			usage:    "demo [options]",
			about: `
Starts a server, fills it, saves a snapshot, proves it by rebuilding it in a
second engine, kills the server and deletes its data, restores the snapshot
into a fresh server and compares everything, in a few seconds.

With -servers=3 it does so with a cluster: its leader is killed while writes
go on, and no acknowledged write may be lost; another server is killed, and
what is left, without a quorum, still gives a snapshot with -stale; all is
deleted, and a fresh cluster gets everything back, on every server. That takes
about ten seconds.

It works in a new temporary directory, whose path it prints and in which it
leaves the archive, and listens on loopback only.`,
			examples: `
    $ {program} demo
    $ {program} demo -servers=3
    $ {program} demo -keep`,
			status: []exitStatus{
				{0, "everything came back"},
				{1, "a record differs, or a step failed: a line on standard error says which"},
			},
		},
		groups:  []optionGroup{options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *demoCommand) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.keep, "keep", false, "Leave what was restored running, and print how to reach and stop it.")
	fs.IntVar(&c.servers, "servers", 1, "How many servers the cluster has, a `number`: 1, 3 or 5. More than one lose their leader, then "+
		"their quorum, and then everything.")
}

func (c *demoCommand) run(args []string) int {
	if len(args) > 0 {
		return c.fail("Too many arguments (expected 0, got %d)", len(args))
	}
	executable, err := os.Executable()
	if err != nil {
		return c.fail("Error finding this program: %s", err)
	}
	// A closed terminal or pipe must not leave servers behind either.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	err = demo.Run(ctx, demo.Options{
		Out: c.out, Terminal: progress.New(c.out.w) != nil, Keep: c.keep, Servers: c.servers,
		Program: executable, Name: c.name, Call: c.call(executable),
	})
	if errors.Is(err, context.Canceled) {
		return c.fail("Demo interrupted: its servers are stopped, its directory is gone")
	}
	if err != nil {
		return c.fail("Error running demo: %s", err)
	}
	return 0
}

// call is what to type to call the program again. What `go run` has built is gone by then.
func (c *demoCommand) call(executable string) string {
	if strings.Contains(executable, "/go-build") {
		return "go run ./cmd/lictor"
	}
	return c.name
}
