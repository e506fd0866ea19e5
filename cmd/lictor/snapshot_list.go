package main

import (
	"cmp"
	"flag"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// snapshotList shows the backups in stores.
type snapshotList struct {
	*program
	storeFlags
	format string
}

func newSnapshotList(p *program) cli.Command {
	c := &snapshotList{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Lists the snapshots in a store",
			usage:    "snapshot list [options]",
			about: `
Lists the snapshots that the snapshot agent has put into a directory, S3,
Azure Blob Storage or Google Cloud Storage, newest first, with their proof:

    proven    read back from the store, rebuilt and compared
    unproven  sound as far as it was looked at; -format=json says why
    bad       failed its proof; the last three are kept as .snap.bad
    foreign   an archive without an entry, such as the Enterprise agent's;
              "snapshot adopt" takes it over
    lost      an entry without its archive
    damaged   the entry cannot be read, or the archive has another size

Archives of consul-snapshot are shown as such, with the host that made them:
those beside the snapshots, and those below backups/ or a year, with their
whole names, by which the other commands read them. Nothing here deletes them.
In a bucket they are found with -store='s3://BUCKET/', or with the prefix that
they have.

A column tells whom encrypted ones are for, if there are any, by the
fingerprints of their public keys: the first 16 digits of the SHA-256 of the
key's text. Clusters may share a store; -cluster leaves the others out. A
snapshot whose state has collapsed stops the deletion of old ones: a warning
says so.`,
			examples: `
    $ {program} snapshot list -store=/srv/snapshots
    $ {program} snapshot list -store='s3://bucket?region=eu-west-1'
    $ {program} snapshot list -store='s3://bucket/backups?region=eu-west-1'
    $ {program} snapshot list -config-file=snapshot.json -format=json`,
			status: []exitStatus{
				{0, "all stores were listed, also if they are empty"},
				{1, "wrong arguments, or a store could not be listed"},
			},
		},
		groups:  []optionGroup{options("Store Options", c.storeFlags.define), options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *snapshotList) define(fs *flag.FlagSet) {
	fs.StringVar(&c.format, "format", "pretty", "The output `format`: pretty or json.")
}

// listed is a backup as it is shown.
type listed struct {
	ID          string
	Time        time.Time
	Index       uint64
	Size        int64
	Proof       string
	Cluster     string
	Host        string `json:",omitempty"` // where consul-snapshot made an archive
	Encryption  string `json:",omitempty"` // whom it is encrypted for
	Destination string
	Location    string
	Reason      string           `json:",omitempty"` // why it is not proven
	Collapse    string           `json:",omitempty"` // what its state has lost, for which nothing is deleted
	Entry       *inventory.Entry `json:",omitempty"`
}

func (c *snapshotList) run(args []string) int {
	if len(args) > 0 {
		return c.fail("Too many arguments (expected 0, got %d)", len(args))
	}
	if c.format != "pretty" && c.format != "json" {
		return c.fail("Error listing snapshots: Unknown format: %s", c.format)
	}
	ctx, stop := interruptible()
	defer stop()
	stores, err := c.open(ctx, c.program)
	if err != nil {
		return c.fail("Error listing snapshots: %s", err)
	}
	defer closeStores(c.program, stores)
	all, code := []listed{}, 0
	for _, store := range stores {
		inv, err := inventory.List(ctx, store, nil)
		if err != nil {
			code = c.fail("Error listing snapshots: %s", err)
			continue
		}
		lost := c.collapses(store, inv)
		for _, list := range [][]inventory.Backup{inv.Backups, inv.Bad} {
			for i := range list {
				if b := &list[i]; c.cluster == "" || b.Entry != nil && b.Entry.Cluster == c.cluster {
					one := show(store, b)
					one.Collapse = lost[b.Name]
					all = append(all, one)
					c.warnOfStrays(store, b)
				}
			}
		}
		if c.cluster != "" {
			continue
		}
		old, err := oldArchives(ctx, store)
		if err != nil {
			code = c.fail("Error listing snapshots: %s", err)
		}
		all = append(all, old...)
	}
	if c.format == "json" {
		return max(code, c.sayJSON(c.say, all))
	}
	c.table(all)
	return code
}

// collapses warns of states that have shrunk too much, and returns what was lost by the name of the archive.
func (c *snapshotList) collapses(store blobstore.Store, inv *inventory.Inventory) map[string]string {
	lost := map[string]string{}
	for _, cluster := range inv.Clusters() {
		if c.cluster != "" && c.cluster != cluster {
			continue
		}
		all := inv.Collapses(cluster, c.maxShrink())
		for _, one := range all {
			lost[one.Name] = one.String()
		}
		if len(all) > 0 {
			c.warn("nothing of cluster %s is deleted from %s any more: %s; if that is meant: %s snapshot prune -accept-collapse",
				printable(cluster), store, all[0], c.name)
		}
	}
	return lost
}

// warnOfStrays tells of what an interrupted rekey has left: it may be what nobody should be able to read any more.
func (c *snapshotList) warnOfStrays(store blobstore.Store, b *inventory.Backup) {
	for _, name := range b.Strays {
		c.warn("%s is another archive of %s, which its entry does not name; if that is of an interrupted rekey, the same again deletes it",
			store.Location(name), b.ID)
	}
}

func (c *snapshotList) table(all []listed) {
	rows := [][]string{{"ID", "Time", "Index", "Size", "Proof", "Cluster", "Destination"}}
	encrypted := slices.ContainsFunc(all, func(l listed) bool { return l.Encryption != "" })
	if encrypted {
		rows[0] = slices.Insert(rows[0], 6, "Encryption")
	}
	for _, l := range all {
		index := ""
		if l.Index > 0 {
			index = strconv.FormatUint(l.Index, 10)
		}
		whose := l.Cluster
		if l.Host != "" {
			whose = "host " + l.Host
		}
		row := []string{printable(l.ID), l.Time.UTC().Format("2006-01-02T15:04:05Z"), index, formatSize(l.Size), l.Proof, printable(whose), l.Destination}
		if encrypted {
			row = slices.Insert(row, 6, cmp.Or(l.Encryption, "none"))
		}
		rows = append(rows, row)
	}
	writeTable(c.out, rows)
}

// show describes a backup.
func show(store blobstore.Store, b *inventory.Backup) listed {
	l := listed{
		ID: b.ID, Time: inventory.IDTime(b.ID), Size: b.Size, Destination: store.String(), Location: store.Location(b.Name), Entry: b.Entry,
	}
	switch e := b.Entry; {
	case b.EntryError != nil:
		l.Proof, l.Reason = "damaged", b.EntryError.Error()
	case e == nil:
		l.Proof = "foreign"
	case !b.Archive && e.Proof != inventory.Bad:
		l.Proof, l.Reason = "lost", "the archive is not there"
	case b.Archive && b.Size != e.Size:
		l.Proof, l.Reason = "damaged", "the archive has another size than its entry says"
	default:
		l.Proof, l.Reason = string(e.Proof), e.Reason
	}
	if b.Entry != nil {
		l.Index, l.Cluster = b.Entry.Index, b.Entry.Cluster
	}
	switch {
	case b.Entry != nil && b.Entry.Encryption != nil:
		l.Encryption = b.Entry.Encryption.Whom()
	case b.Entry == nil && strings.HasSuffix(strings.TrimSuffix(b.Name, ".bad"), ageExtension):
		l.Encryption = "recipients that are not known"
	}
	return l
}
