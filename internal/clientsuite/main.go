package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"
	"time"
)

const usage = `Usage: api-suite [options]

Runs the tests of Consul's official Go client against Lictor, and prints a line for
each and how many have passed. The exit code is 1 unless all have, and 2 for a wrong
command line. Tests that need a second server are reported apart and do not count.

Options:
`

// options are what the command line says.
type options struct {
	lictor   string
	list     string
	waiting  string
	run      *regexp.Regexp
	count    int
	parallel int
	timeout  time.Duration
	verbose  bool
	failures bool
}

func parse(args []string) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("api-suite", flag.ContinueOnError)
	fs.Usage = func() {
		fmt.Fprint(fs.Output(), usage)
		fs.PrintDefaults()
	}
	run := fs.String("run", "", "run only the tests whose names match the `regexp`")
	fs.IntVar(&o.count, "count", 1, "run each test so many `times`; it has passed if it passed every time")
	fs.IntVar(&o.parallel, "parallel", 2*runtime.NumCPU(), "`number` of tests that run at a time; most of the time they wait")
	fs.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how `long` a test may take")
	fs.BoolVar(&o.verbose, "v", false, "print all that the tests and their servers say")
	fs.BoolVar(&o.failures, "failures", false, "print the first error of each test that has failed")
	fs.StringVar(&o.lictor, "lictor", "", "the lictor `binary` to test")
	fs.StringVar(&o.list, "list", "testdata/api-suite.txt", "`file` that lists the tests")
	fs.StringVar(&o.waiting, "waiting", "testdata/api-suite-clusters.txt", "`file` that lists those of them that need a second server")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	var err error
	if o.run, err = regexp.Compile(*run); err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	return o, o.check(fs.Args())
}

func (o *options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q: tests are named with -run", rest[0])
	case o.count < 1, o.parallel < 1, o.timeout <= 0:
		return errors.New("-count, -parallel and -timeout must be above 0")
	case o.lictor == "":
		return errors.New("name the binary to test with -lictor")
	}
	return nil
}

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "api-suite:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	passed, err := o.all(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "api-suite:", err)
	}
	if err != nil || !passed {
		os.Exit(1)
	}
}

// all runs the tests and tells whether every one that counts has passed.
func (o *options) all(ctx context.Context) (passed bool, err error) {
	tests, err := readList(o.list, o.waiting)
	if err != nil {
		return false, err
	}
	if tests = tests.matching(o.run); len(tests) == 0 {
		return false, fmt.Errorf("no test of %s matches %q", o.list, o.run)
	}
	dir, err := os.MkdirTemp("", "lictor-api-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := build(ctx, dir, o.lictor)
	if err != nil {
		return false, fmt.Errorf("build the suite of %s: %w", client, err)
	}
	s.timeout = o.timeout
	r := &report{out: os.Stdout, verbose: o.verbose, failures: o.failures}
	for _, results := range s.run(ctx, tests, o.count, o.parallel) {
		r.add(<-results)
	}
	if err := ctx.Err(); err != nil {
		return false, errors.New("stopped by a signal")
	}
	return r.finish(), nil
}
