package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const usage = `Usage: compare [options] NAME=ADDR,PID[,BINARY] ...
       compare [options] -lictor=BINARY

Times save, restore, inspect, reads and writes, and reads the memory, of servers
with Consul's API that run on this machine. ADDR is host:port of the HTTP API;
BINARY is the command whose "snapshot inspect" is timed. With more than one
server it prints ratios, first / other. Without a server it starts one of its own
with a temporary data directory, and stops it at the end.

THE WHOLE STATE OF THE SERVERS IS REPLACED. A server that holds keys which do not
begin with compare/ is refused without -overwrite. An ACL token is taken from
CONSUL_HTTP_TOKEN.

Options:
`

// options are what the command line says.
type options struct {
	comparison
	format    string
	lictor    string
	overwrite bool
	guard     bool
	servers   []string
}

func parse(args []string) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("compare", flag.ContinueOnError)
	fs.Usage = func() {
		fmt.Fprint(fs.Output(), usage)
		fs.PrintDefaults()
	}
	name := fs.String("load", "keys", "the `load`: keys (200,000 of 512 bytes), million (1,000,000 of them), values (1,000 of 500 kB), or catalog\n"+
		"(5,000 nodes, 20,000 services, 40,000 checks, 10,000 sessions)")
	fs.IntVar(&o.load.Keys, "keys", 0, "`number` of keys, other than the load's")
	fs.IntVar(&o.load.Value, "value", 0, "`bytes` of each value, other than the load's")
	fs.IntVar(&o.conns, "conns", 32, "`number` of connections for reads and writes; they are also measured with one")
	fs.IntVar(&o.runs, "runs", 7, "`times` that saves, restores and inspect are repeated; the median counts")
	fs.DurationVar(&o.span, "span", 5*time.Second, "how `long` reads and writes are measured, each time")
	fs.StringVar(&o.fill, "fill", "restore", "how the load gets into the servers: `restore` of an archive, or put, key by key")
	fs.IntVar(&o.waiting, "waiting", -1, "`number` of blocking queries that wait at a time; by default 10000 for a server of its own, and 0 for others,\n"+
		"whose limits.http_max_conns_per_client must allow them")
	fs.BoolVar(&o.restart, "restart", true, "kill and start again the server, if it is one of its own")
	fs.StringVar(&o.format, "format", "text", "output `format`: text or json")
	fs.BoolVar(&o.guard, "guard", false, "fail if the first server is slower, beside what the machine can do at most, than it once was")
	fs.StringVar(&o.lictor, "lictor", "", "the lictor `binary` to start a server with, if no server is named")
	fs.BoolVar(&o.overwrite, "overwrite", false, "replace the state of servers that hold other keys")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	o.servers = fs.Args()
	if err := o.complete(fs, *name); err != nil {
		return nil, err
	}
	return o, o.check()
}

// maxWaiting is how many blocking queries may be asked for.
const maxWaiting = 20_000

// complete sets what the command line leaves to the load, and to the servers.
func (o *options) complete(fs *flag.FlagSet, name string) error {
	l, ok := loads[name]
	if !ok {
		return fmt.Errorf("-load=%s is none of keys, million, values and catalog", name)
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if l.Keys == 0 && (given["keys"] || given["value"]) {
		return fmt.Errorf("-load=%s has no keys, so that -keys and -value say nothing", name)
	}
	if given["keys"] {
		l.Keys = o.load.Keys
	}
	if given["value"] {
		l.Value = o.load.Value
	}
	o.load = l
	if o.waiting < 0 && len(o.servers) == 0 {
		o.waiting = min(10_000, openFiles()-3_000)
	}
	o.waiting = max(o.waiting, 0)
	return nil
}

func (o *options) check() error {
	keys := o.load.catalog == catalog{}
	switch {
	case keys && (o.load.Keys < 1 || o.load.Keys > 9_999_999):
		return fmt.Errorf("-keys=%d is not between 1 and 9999999", o.load.Keys)
	case keys && (o.load.Value < 1 || o.load.Value > 512<<10):
		return fmt.Errorf("-value=%d is not between 1 and the 524288 bytes that a server takes", o.load.Value)
	case !keys && o.fill == "put":
		return errors.New("-fill=put writes keys, and a catalog has none")
	case o.waiting > maxWaiting:
		return fmt.Errorf("-waiting=%d is more than %d", o.waiting, maxWaiting)
	case o.conns < 1, o.runs < 1, o.span <= 0:
		return errors.New("-conns, -runs and -span must be above 0")
	case o.fill != "restore" && o.fill != "put":
		return fmt.Errorf("-fill=%s is neither restore nor put", o.fill)
	case o.format != "text" && o.format != "json":
		return fmt.Errorf("-format=%s is neither text nor json", o.format)
	case o.guard && o.load != standard:
		return errors.New("-guard knows what the standard load took, and no other: leave -load, -keys and -value out")
	case len(o.servers) == 0 && o.lictor == "":
		return errors.New("name servers to measure, or the binary to start one with -lictor")
	}
	return nil
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == bareArgument {
		fmt.Fprintln(os.Stderr, "compare:", serveBare())
		os.Exit(1)
	}
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = o.run(ctx)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "lictor-compare-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.files, err = writeFiles(dir, o.load); err != nil {
		return fmt.Errorf("write the load: %w", err)
	}
	stop, err := o.open(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var names []string
	for _, t := range o.targets {
		names = append(names, t.name)
	}
	o.report = newReport(names)
	o.report.load, o.report.conns, o.report.files = o.load, o.conns, o.files
	o.report.loadAvg[0] = loadAverage()
	if err := o.comparison.run(ctx); err != nil {
		return err
	}
	o.report.loadAvg[1] = loadAverage()
	write := o.report.writeText
	if o.format == "json" {
		write = o.report.writeJSON
	}
	if err := write(os.Stdout); err != nil || !o.guard {
		return err
	}
	return o.report.guard(os.Stdout)
}

// open finds the servers, or starts one, which stop ends.
func (o *options) open(ctx context.Context, dir string) (stop func() error, err error) {
	if len(o.servers) == 0 {
		t, stop, err := startOwn(ctx, o.lictor, dir, o.waiting)
		o.targets = []*target{t}
		return stop, err
	}
	for _, text := range o.servers {
		t, err := parseTarget(text)
		if err != nil {
			return nil, err
		}
		if err := t.check(ctx, o.overwrite); err != nil {
			return nil, err
		}
		o.targets = append(o.targets, t)
	}
	return func() error { return nil }, nil
}

// loadAverage is how busy the machine was during the last minute.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(b), " ")
	return one
}
