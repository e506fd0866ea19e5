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
	servers   []string
}

func parse(args []string) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("compare", flag.ContinueOnError)
	fs.Usage = func() {
		fmt.Fprint(fs.Output(), usage)
		fs.PrintDefaults()
	}
	fs.IntVar(&o.load.Keys, "keys", standard.Keys, "`number` of keys")
	fs.IntVar(&o.load.Value, "value", standard.Value, "`bytes` of each value")
	fs.IntVar(&o.conns, "conns", 32, "`number` of connections for reads and writes; they are also measured with one")
	fs.IntVar(&o.runs, "runs", 7, "`times` that saves, restores and inspect are repeated; the median counts")
	fs.DurationVar(&o.span, "span", 5*time.Second, "how `long` reads and writes are measured, each time")
	fs.StringVar(&o.fill, "fill", "restore", "how the load gets into the servers: `restore` of an archive, or put, key by key")
	fs.StringVar(&o.format, "format", "text", "output `format`: text or json")
	fs.StringVar(&o.lictor, "lictor", "", "the lictor `binary` to start a server with, if no server is named")
	fs.BoolVar(&o.overwrite, "overwrite", false, "replace the state of servers that hold other keys")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	o.servers = fs.Args()
	return o, o.check()
}

func (o *options) check() error {
	switch {
	case o.load.Keys < 1 || o.load.Keys > 9_999_999:
		return fmt.Errorf("-keys=%d is not between 1 and 9999999", o.load.Keys)
	case o.load.Value < 1 || o.load.Value > 512<<10:
		return fmt.Errorf("-value=%d is not between 1 and the 524288 bytes that a server takes", o.load.Value)
	case o.conns < 1, o.runs < 1, o.span <= 0:
		return errors.New("-conns, -runs and -span must be above 0")
	case o.fill != "restore" && o.fill != "put":
		return fmt.Errorf("-fill=%s is neither restore nor put", o.fill)
	case o.format != "text" && o.format != "json":
		return fmt.Errorf("-format=%s is neither text nor json", o.format)
	case len(o.servers) == 0 && o.lictor == "":
		return errors.New("name servers to measure, or the binary to start one with -lictor")
	}
	return nil
}

func main() {
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
	if o.format == "json" {
		return o.report.writeJSON(os.Stdout)
	}
	return o.report.writeText(os.Stdout)
}

// open finds the servers, or starts one, which stop ends.
func (o *options) open(ctx context.Context, dir string) (stop func() error, err error) {
	if len(o.servers) == 0 {
		t, stop, err := startOwn(ctx, o.lictor, dir)
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
