package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/retention"
)

// snapshotPrune deletes the backups that retention does not keep.
type snapshotPrune struct {
	*program
	storeFlags
	rules  retention.Rules
	given  bool // whether a flag says what to keep
	shrink int  // 0 if no flag says
	dryRun bool
	accept bool
	format string
}

func newSnapshotPrune(p *program) cli.Command {
	c := &snapshotPrune{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Deletes the snapshots that retention does not keep",
			usage:    "snapshot prune [options]",
			about: `
Deletes old snapshots from stores as the snapshot agent does after each run:
by the rules that the configuration has for each destination, or by those
given here for all of them. First it prints the plan: every snapshot in the
store, whether it stays, and why, as in "daily 3/7". -dry-run ends with that.

Each rule keeps the newest snapshot of each of the last so many periods that
have one; a snapshot stays if any rule keeps it. The last proven one always
stays. Other clusters' snapshots, and archives without an entry, are never
touched. A snapshot whose time is in the future, or contradicts its ID because
a clock was set, takes no place in a rule; it stays until the rules have all
they ask for in newer ones.

If a snapshot holds much less than the one before it, nothing is deleted, here
and by the agent, until -accept-collapse says that this is meant: the ones
from before the loss may be all that is left of the data. Only that ends it,
not the next snapshot, nor a state that grows again. Name all destinations
then, with the agent's -config-file.`,
			examples: `
    $ {program} snapshot prune -config-file=snapshot.json -dry-run
    $ {program} snapshot prune -store=/srv/snapshots -keep-daily=7
    $ {program} snapshot prune -config-file=snapshot.json -accept-collapse`,
			status: []exitStatus{
				{0, "what the plan says is deleted; with -dry-run: the plan is printed"},
				{1, "wrong arguments, a store could not be listed (nothing is deleted\n       then), or a deletion failed (nothing more is)"},
				{2, "nothing is deleted because the state has collapsed"},
			},
		},
		groups: []optionGroup{
			options("Store Options", c.storeFlags.define), options("Retention Options", c.defineRules), options("Command Options", c.define),
		},
		execute: c.run,
	}
}

func (c *snapshotPrune) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.dryRun, "dry-run", false, "Print the plan, and delete nothing.")
	fs.BoolVar(&c.accept, "accept-collapse", false, "Record that the state has shrunk for a good reason, and delete again.")
	fs.StringVar(&c.format, "format", "pretty", "The output `format`: pretty or json.")
}

func (c *snapshotPrune) defineRules(fs *flag.FlagSet) {
	rule := func(flag, name, usage string) {
		fs.Func(flag, usage, func(text string) error {
			c.given = true
			return c.rules.Set(name, text)
		})
	}
	rule("retain", "retain", "Keep the newest `number` of snapshots, as the agent's -retain. It excludes the other rules.")
	for _, k := range retention.Keeping {
		rule("keep-"+k.Name, k.Name, k.Usage)
	}
	fs.Func("max-shrink", "By how much, as a `percentage`, the records or the bytes of the state may shrink from one snapshot to the next. "+
		"The default is the configuration's, else "+fmt.Sprint(retention.MaxShrink)+"%. 100% lets it shrink to nothing.", func(text string) (err error) {
		c.shrink, err = retention.ParsePercent(text)
		return err
	})
}

func (c *snapshotPrune) run(args []string) int {
	if len(args) > 0 {
		return c.fail("Too many arguments (expected 0, got %d)", len(args))
	}
	if c.format != "pretty" && c.format != "json" {
		return c.fail("Error pruning snapshots: Unknown format: %s", c.format)
	}
	if err := c.checkRules(); err != nil {
		return c.fail("Error pruning snapshots: %s", err)
	}
	ctx, stop := interruptible()
	defer stop()
	stores, err := c.open(ctx, c.program)
	if err != nil {
		return c.fail("Error pruning snapshots: %s", err)
	}
	defer closeStores(c.program, stores)
	plan, err := c.plan(ctx, stores)
	if err != nil {
		return c.fail("Error pruning snapshots: nothing is deleted: %s", err)
	}
	return c.carryOut(ctx, plan)
}

// checkRules refuses a command line that does not say what to keep.
func (c *snapshotPrune) checkRules() error {
	if !c.given && len(c.files) == 0 {
		return errors.New("nothing says what to keep: use -retain, -keep-… or -config-file")
	}
	if err := c.rules.Check(); err != nil {
		return fmt.Errorf("-retain, -keep-…: %w", err)
	}
	return nil
}

// prunePlan is what is to be done, and what was, as it is shown.
type prunePlan struct {
	DryRun       bool
	Cluster      string
	Collapse     string `json:",omitempty"` // what the state has lost, for which nothing is deleted
	Destinations []*prunedStore
}

// prunedStore is the plan for a store.
type prunedStore struct {
	Destination string
	Keep        string // the rules
	Backups     []prunedBackup
	Deleted     []string // locations of archives

	store     blobstore.Store
	inventory *inventory.Inventory
	keep      inventory.Keep
}

// prunedBackup is what becomes of a backup.
type prunedBackup struct {
	ID       string
	Time     time.Time
	Index    uint64
	Size     int64
	Proof    string
	Cluster  string
	Location string
	Action   string   // keep or remove
	Why      []string // it stays
}

// plan lists the stores and decides.
func (c *snapshotPrune) plan(ctx context.Context, stores []blobstore.Store) (*prunePlan, error) {
	plan := &prunePlan{DryRun: c.dryRun}
	for i, store := range stores {
		inv, err := inventory.List(ctx, store, nil)
		if err != nil {
			return nil, err
		}
		one := &prunedStore{Destination: store.String(), store: store, inventory: inv, Backups: []prunedBackup{}, Deleted: []string{}}
		one.keep = inventory.Keep{Rules: c.rules, Now: time.Now(), MaxShrink: cmp.Or(c.shrink, c.maxShrink())}
		if !c.given {
			one.keep.Retain, one.keep.Rules = c.keep[i].Retain, c.keep[i].Keep
		}
		plan.Destinations = append(plan.Destinations, one)
	}
	var err error
	if plan.Cluster, err = c.which(plan.Destinations); err != nil {
		return nil, err
	}
	for _, d := range plan.Destinations {
		d.keep.Cluster = plan.Cluster
		d.decide()
	}
	return plan, nil
}

// which is the cluster whose backups are deleted: the one that is named, or the only one.
func (c *snapshotPrune) which(stores []*prunedStore) (string, error) {
	if c.cluster != "" {
		return c.cluster, nil
	}
	var names []string
	for _, s := range stores {
		names = append(names, s.inventory.Clusters()...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > 1 {
		return "", fmt.Errorf("the stores have backups of several clusters (%s): choose one with -cluster", printable(strings.Join(names, ", ")))
	}
	return strings.Join(names, ""), nil
}

// decide makes the plan for a store.
func (d *prunedStore) decide() {
	rules := d.keep.Rules
	rules.Retain = max(rules.Retain, d.keep.Retain)
	d.Keep = rules.String()
	for _, one := range inventory.Decide(d.inventory, d.keep) {
		shown := show(d.store, &one.Backup)
		b := prunedBackup{
			ID: one.ID, Time: one.Time(), Index: shown.Index, Size: one.Size, Proof: shown.Proof, Cluster: shown.Cluster, Location: shown.Location,
			Action: "keep", Why: one.Why,
		}
		if !one.Keep {
			b.Action, b.Why = "remove", []string{}
		}
		d.Backups = append(d.Backups, b)
	}
}

// carryOut prints a plan and does what it says.
func (c *snapshotPrune) carryOut(ctx context.Context, plan *prunePlan) int {
	if c.accept {
		if err := c.acceptAll(ctx, plan); err != nil {
			return c.fail("Error pruning snapshots: nothing is deleted: %s", err)
		}
	}
	for _, d := range plan.Destinations {
		if lost := d.inventory.Collapse(plan.Cluster, d.keep.MaxShrink); lost != nil && !(c.accept && c.dryRun) {
			plan.Collapse = lost.String()
		}
	}
	if c.format == "pretty" {
		c.tables(plan)
	}
	code := 0
	switch {
	case plan.Collapse != "":
		c.warn("nothing is deleted: %s; if that is meant, accept it with -accept-collapse", plan.Collapse)
		code = 2
	case !c.dryRun:
		code = c.delete(ctx, plan)
	}
	if c.format == "json" {
		return max(code, c.sayJSON(c.say, plan))
	}
	return code
}

// acceptAll records that the state was meant to shrink, in all stores. A dry run only goes on as if it had.
func (c *snapshotPrune) acceptAll(ctx context.Context, plan *prunePlan) error {
	for _, d := range plan.Destinations {
		for _, lost := range d.inventory.Collapses(plan.Cluster, d.keep.MaxShrink) {
			if c.dryRun {
				continue
			}
			if _, err := inventory.AcceptCollapse(ctx, d.store, lost.Name, time.Now()); err != nil {
				return err
			}
			c.warn("accepted in %s: %s", d.Destination, lost)
		}
		if c.dryRun {
			continue
		}
		inv, err := inventory.List(ctx, d.store, nil)
		if err != nil {
			return err
		}
		d.inventory, d.Backups = inv, d.Backups[:0]
		d.decide()
	}
	return nil
}

// delete does what a plan says, store by store, until something fails.
func (c *snapshotPrune) delete(ctx context.Context, plan *prunePlan) int {
	for _, d := range plan.Destinations {
		done, err := inventory.Prune(ctx, d.store, d.inventory, d.keep)
		for _, b := range done {
			d.Deleted = append(d.Deleted, d.store.Location(b.Name))
			if c.format == "pretty" {
				c.say("Deleted %s", d.store.Location(b.Name))
			}
		}
		if err != nil {
			return c.fail("Error pruning snapshots: nothing more is deleted: %s", err)
		}
	}
	return 0
}

// tables prints a plan.
func (c *snapshotPrune) tables(plan *prunePlan) {
	for _, d := range plan.Destinations {
		kept := 0
		rows := [][]string{{"ID", "Time", "Size", "Proof", "Cluster", "Action", "Why"}}
		for _, b := range d.Backups {
			if b.Action == "keep" {
				kept++
			}
			rows = append(rows, []string{
				b.ID, b.Time.UTC().Format("2006-01-02T15:04:05Z"), formatSize(b.Size), b.Proof, printable(b.Cluster), b.Action, strings.Join(b.Why, ", "),
			})
		}
		c.say("%s", d.Destination)
		c.say("Keeps %s of cluster %s: %d stay, %d go\n", d.Keep, printable(cmp.Or(plan.Cluster, "(none)")), kept, len(d.Backups)-kept)
		writeTable(c.out, rows)
		c.say("")
	}
}
