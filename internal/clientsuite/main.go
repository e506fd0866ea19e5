package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const usage = `Usage: scripts/api-suite [options]

Runs tests of Consul's official Go client, ` + client + ` ` + version + `,
against the lictor of this tree, which they find as "consul". It prints a line for
each test, with the reason under one that has failed, and how many have passed. The
go command fetches the client and what its tests need from the Go module proxy.

The tests that must pass are in testdata/api-suite.txt. All other tests of the client
are in testdata/api-suite-rest.txt, with what is known of them: they pass, they are
open, or they need a part of Consul that Lictor does not serve.

Options:
`

const exits = `
Exit code: 0 if all tests that were run and must pass have passed, in every run; 1 if
not, or if the tests could not be built; 2 for a wrong command line.

Examples:
  scripts/api-suite -failures                       what must pass, and does not
  scripts/api-suite -run 'Lock|Semaphore' -count 9   the same tests 9 times in a row
  scripts/api-suite -also TestAPI_AgentHost -v      one more, with all that it says
  scripts/api-suite -all -failures                  the whole suite
  scripts/api-suite -follower                       over a follower of three servers
`

// options are what the command line says.
type options struct {
	choice
	lictor   string
	lists    string
	count    int
	parallel int
	timeout  time.Duration
	verbose  bool
	brief    bool
	follower bool
}

// parse reads the command line. What it prints for -h goes to help.
func parse(args []string, help io.Writer) (*options, error) {
	o := &options{choice: choice{also: map[string]bool{}}}
	fs := flag.NewFlagSet("api-suite", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // the caller prints errors
	run := fs.String("run", "", "run only tests whose names match the `regexp`")
	also := fs.String("also", "", "run these `tests` too, by name, separated by commas, whatever the lists and -run say")
	fs.BoolVar(&o.all, "all", false, "run the whole suite; those of the rest that are said to pass must pass, too")
	fs.IntVar(&o.count, "count", 1, "run each test so many `times` in a row; it has passed if it passed every time")
	fs.IntVar(&o.parallel, "parallel", 4, "`number` of tests that run at a time; each takes a block of ports, of which there are about 15")
	fs.DurationVar(&o.timeout, "timeout", 2*time.Minute, "`time` that a test may take")
	fs.BoolVar(&o.brief, "failures", false, "of the tests that must pass, print only those that have not")
	fs.BoolVar(&o.follower, "follower", false, "let the tests talk to a follower: two more servers are started beside the one that a test starts; without -run,\n"+
		"those of KV, locks, sessions, catalog, health and ACLs are run that testdata/api-suite-follower.txt does not leave out")
	fs.BoolVar(&o.verbose, "v", false, "print all that the tests and their servers say")
	fs.StringVar(&o.lists, "lists", "testdata", "`folder` with the lists of tests")
	fs.StringVar(&o.lictor, "lictor", "", "`binary` to test; the default is the one that the script has built")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(help, usage)
		fs.SetOutput(help)
		fs.PrintDefaults()
		fmt.Fprint(help, exits)
	}
	if err != nil {
		return nil, err
	}
	if o.follower && *run == "" {
		*run = followed
	}
	if o.run, err = regexp.Compile(*run); err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	for name := range strings.SplitSeq(*also, ",") {
		if name != "" {
			o.also[name] = true
		}
	}
	return o, o.check(fs.Args())
}

func (o *options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q: name tests with -run or -also", rest[0])
	case o.count < 1, o.parallel < 1, o.timeout <= 0:
		return errors.New("-count, -parallel and -timeout must be above 0")
	case o.verbose && o.brief:
		return errors.New("-v and -failures contradict each other")
	case o.lictor == "":
		return errors.New("name the binary to test with -lictor")
	}
	return nil
}

// followed are the tests that are run with a follower unless others are named.
const followed = `(?i)kv|lock|semaphore|session|catalog|health|acl`

func main() {
	if invokedAsConsul() {
		os.Exit(follow(os.Args[1:]))
	}
	o, err := parse(os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "api-suite: %v; scripts/api-suite -h lists the options\n", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	good, err := o.execute(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "api-suite:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

// execute runs the tests and tells whether every one that must pass has.
func (o *options) execute(ctx context.Context) (good bool, err error) {
	listed, err := readTests(o.lists, o.follower)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "api-suite-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := build(ctx, dir, o.lictor, o.follower)
	if err != nil {
		return false, err
	}
	s.timeout = o.timeout
	tests, left, err := o.of(listed, s.tests)
	if err != nil {
		return false, err
	}
	fmt.Printf("%s %s: running %d of its %d tests\n", client, version, len(tests), len(s.tests))
	r := &report{out: os.Stdout, verbose: o.verbose, brief: o.brief}
	r.begin(left)
	for _, results := range s.run(ctx, tests, o.count, o.parallel) {
		if res := <-results; ctx.Err() == nil {
			r.add(res)
		}
	}
	if ctx.Err() != nil {
		return false, errors.New("stopped by a signal")
	}
	return r.finish(), nil
}
