package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/snapshotagent"
)

// snapshotStatus tells how old a state could be brought back now.
type snapshotStatus struct {
	*program
	storeFlags
	formatFlag
	agent string
	rpo   time.Duration
}

// The exit codes of the command, beside 1.
const (
	objectiveMet    = 0
	objectiveMissed = 2
)

// defaultAgent is where a snapshot agent answers that is not told otherwise.
const defaultAgent = "127.0.0.1:5001"

func newSnapshotStatus(p *program) cli.Command {
	c := &snapshotStatus{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Shows how old the newest proven snapshot is",
			usage:    "snapshot status [options]",
			about: `
Shows for each destination the newest snapshot that is proven, how old the
state in it is, and whether that meets the objective (rpo).

It asks the snapshot agent: at -agent, else where the configuration of
-config-file has it listen, else at 127.0.0.1:5001. If no agent answers at the
address in a configuration, and with -store, the entries in the stores are
read instead.

The objective is that of -rpo, else the agent's or the configuration's.
Without any, the statement is derived: the agent's own measure, two intervals,
or, for a store alone, whether there is a proven snapshot at all.`,
			examples: `
    $ {program} snapshot status
    $ {program} snapshot status -store=/srv/snapshots -rpo=2h
    $ {program} snapshot status -config-file=snapshot.json -format=json`,
			status: []exitStatus{
				{objectiveMet, "the objective is met in every destination"},
				{1, "wrong arguments, nobody answers, or a store could not be listed"},
				{objectiveMissed, "the objective is missed"},
			},
		},
		groups:  []optionGroup{options("Store Options", c.storeFlags.define), options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *snapshotStatus) define(fs *flag.FlagSet) {
	fs.StringVar(&c.agent, "agent", "", "The `address`, host:port or a URL, where a snapshot agent serves /health.")
	fs.DurationVar(&c.rpo, "rpo", 0, "The objective: how old the state may be, a `duration` such as 2h. It replaces the configured one.")
	c.formatFlag.define(fs)
}

func (c *snapshotStatus) run(args []string) int {
	if len(args) > 0 {
		return c.fail("Too many arguments (expected 0, got %d)", len(args))
	}
	if !c.known(c.program) {
		return 1
	}
	if c.rpo < 0 || c.agent != "" && c.store != "" {
		return c.fail("Error reading the status: -rpo must not be negative, and -agent and -store are two ways to ask: use one of them")
	}
	ctx, stop := interruptible()
	defer stop()
	health, err := c.ask(ctx)
	if health == nil {
		return c.fail("Error reading the status: %s", err)
	}
	code := c.show(health)
	if err != nil {
		return c.fail("Error reading the status: %s", err)
	}
	return code
}

// ask asks an agent, or looks into the stores. With an error there may be a part of the answer.
func (c *snapshotStatus) ask(ctx context.Context) (*snapshotagent.Health, error) {
	if c.store != "" {
		return c.survey(ctx)
	}
	address := cmp.Or(c.agent, defaultAgent)
	if len(c.files) > 0 {
		config, err := c.config()
		if err != nil {
			return nil, err
		}
		if address = cmp.Or(c.agent, config.Listen); address == "" {
			return c.survey(ctx)
		}
	}
	health, err := askAgent(ctx, address)
	var unreachable *net.OpError
	switch {
	case err == nil:
		c.judge(health)
		return health, nil
	case errors.As(err, &unreachable) && len(c.files) > 0 && c.agent == "":
		c.warn("no snapshot agent answers at %s: reading the stores", address)
		return c.survey(ctx)
	}
	return nil, fmt.Errorf("%w; name the agent with -agent, or a store with -store or -config-file", err)
}

// survey looks into the stores.
func (c *snapshotStatus) survey(ctx context.Context) (*snapshotagent.Health, error) {
	stores, err := c.open(ctx, c.program)
	if err != nil {
		return nil, err
	}
	defer closeStores(c.program, stores)
	name, covered, err := snapshotagent.Survey(ctx, stores, c.cluster, time.Now())
	if covered == nil {
		return nil, err
	}
	rpo, health := c.rpo, &snapshotagent.Health{Cluster: name}
	if c.configured != nil {
		rpo, health.MaxAge = cmp.Or(rpo, c.configured.RPO), c.configured.MaxAge().Seconds()
	}
	health.RPO, health.Destinations = snapshotagent.Judge(covered, rpo)
	health.Healthy = true
	for _, d := range covered {
		if limit := cmp.Or(rpo, time.Duration(health.MaxAge*float64(time.Second))); d.ID == "" || limit > 0 && d.Age > limit {
			health.Healthy, health.Reason = false, d.Name+" has no proven snapshot that is new enough"
		}
		if d.Newest.IsZero() || health.LastProven != nil && !d.Newest.After(*health.LastProven) {
			continue
		}
		newest := d.Newest.UTC()
		health.LastProven, health.Age = &newest, d.Age.Seconds()
	}
	return health, err
}

// judge replaces the agent's objective by that of the command line.
func (c *snapshotStatus) judge(h *snapshotagent.Health) {
	if c.rpo == 0 {
		return
	}
	var covered []snapshotagent.Covered
	for _, d := range h.Destinations {
		one := snapshotagent.Covered{Name: d.Name, ID: d.ID, Age: snapshotagent.Never, Behind: d.Behind}
		if d.Age != nil {
			one.Age, one.Newest = time.Duration(*d.Age*float64(time.Second)), *d.Newest
		}
		covered = append(covered, one)
	}
	h.RPO, h.Destinations = snapshotagent.Judge(covered, c.rpo)
}

// askAgent reads the health of an agent.
func askAgent(ctx context.Context, address string) (*snapshotagent.Health, error) {
	base := address
	if !strings.Contains(base, "://") {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("%q is not host:port: %w", address, err)
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		base = "http://" + net.JoinHostPort(host, port)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/health?format=json", nil)
	if err != nil {
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err
		}
		return nil, fmt.Errorf("ask the agent at %s: %w", address, err)
	}
	defer response.Body.Close()
	health := &snapshotagent.Health{}
	if err := json.NewDecoder(response.Body).Decode(health); err != nil || health.RPO.State == "" {
		return nil, fmt.Errorf("what answers at %s, with %s, is no snapshot agent of this version", address, response.Status)
	}
	return health, nil
}

// show prints the statement, and returns the exit code.
func (c *snapshotStatus) show(h *snapshotagent.Health) int {
	code := objectiveMet
	if h.RPO.State == "missed" || h.RPO.State == "none" && !h.Healthy {
		code = objectiveMissed
	}
	if c.json() {
		return max(code, c.sayJSON(c.say, h))
	}
	c.say("Cluster:    %s", printable(h.Cluster))
	c.say("Objective:  %s", statement(h))
	if h.Node != "" {
		role := "waits to take over"
		if h.Leading {
			role = "holds the lock"
		}
		c.say("Agent:      on %s, %s", printable(h.Node), role)
	}
	if h.Healthy {
		c.say("Health:     OK")
	} else {
		c.say("Health:     %s", printable(h.Reason))
	}
	for _, line := range []struct{ label, text string }{{"Last run:   failed: %s", h.LastError}, {"Lock:       %s", h.Trouble}} {
		if line.text != "" {
			c.say(line.label, printable(line.text))
		}
	}
	if h.NextRun != nil {
		c.say("Next run:   %s", h.NextRun.UTC().Format(time.RFC3339))
	}
	c.say("")
	c.table(h)
	return code
}

// statement is the objective in words.
func statement(h *snapshotagent.Health) string {
	switch objective := time.Duration(h.RPO.Objective * float64(time.Second)); {
	case objective > 0:
		return fmt.Sprintf("%s, %s", objective, h.RPO.State)
	case h.MaxAge > 0:
		most := time.Duration(h.MaxAge * float64(time.Second))
		return fmt.Sprintf("none configured; by its interval a proven snapshot must not be older than %s", most)
	}
	return "none configured; -rpo gives one"
}

func (c *snapshotStatus) table(h *snapshotagent.Health) {
	rows := [][]string{{"Destination", "Newest proven", "State of", "Age", "Objective"}}
	for _, d := range h.Destinations {
		row := []string{d.Name, cmp.Or(d.ID, "none"), "", "", "-"}
		if d.Newest != nil && d.Age != nil {
			row[2], row[3] = d.Newest.UTC().Format("2006-01-02T15:04:05Z"), time.Duration(*d.Age*float64(time.Second)).Round(time.Second).String()
		}
		if d.Met != nil {
			row[4] = map[bool]string{true: "met", false: "missed"}[*d.Met]
		}
		rows = append(rows, row)
	}
	writeTable(c.out, rows)
}
