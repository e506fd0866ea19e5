package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inspect"
)

// snapshotInspect prints what a snapshot holds, without a server.
type snapshotInspect struct {
	*program
	keyFlags
	format  string
	options inspect.Options
}

func newSnapshotInspect(p *program) cli.Command {
	c := &snapshotInspect{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Displays information about a snapshot file",
			usage:    "snapshot inspect [options] FILE",
			about: `
Verifies a snapshot file, walks its records to the last one, and prints its
metadata and how many records of each type it holds, largest first. No server
is needed. FILE may also be the state.bin in a server's data directory, with
its meta.json beside it, or "-" for standard input. A file that is encrypted
is decrypted to a private temporary file first, whatever its name.

Of an archive of consul-snapshot it prints when, of what and by which version
it was made, and its documents with their checksums; then the records that a
snapshot would have of what it holds.`,
			examples: `
    $ {program} snapshot inspect backup.snap
    $ {program} snapshot inspect -identity=key.txt backup.snap.age
    $ {program} snapshot inspect consul-1.consul.snapshot.1795246816.tar.gz

Where the keys are, two levels deep, then the level below "redis":

    $ {program} snapshot inspect -kvdetails backup.snap
    $ {program} snapshot inspect -kvdetails -kvdepth=3 -kvfilter=redis/ \
        backup.snap`,
			status: []exitStatus{
				{0, "the file is sound and was printed"},
				{1, "wrong arguments, or the file cannot be read or is damaged"},
			},
		},
		groups:  []optionGroup{options("Command Options", c.define), options("Decryption Options", c.keyFlags.defineOld)},
		execute: c.run,
	}
}

func (c *snapshotInspect) define(fs *flag.FlagSet) {
	fs.StringVar(&c.format, "format", "pretty", "The output `format`: pretty or json.")
	fs.BoolVar(&c.options.KVDetails, "kvdetails", false, "Count the keys by prefix, too.")
	fs.IntVar(&c.options.KVDepth, "kvdepth", 2,
		"With -kvdetails: the `number` of parts of a key, separated by slashes, that make a group.")
	fs.StringVar(&c.options.KVFilter, "kvfilter", "", "With -kvdetails: count only keys that start with this `prefix`.")
}

func (c *snapshotInspect) run(args []string) int {
	sparing()
	switch {
	case len(args) == 0:
		return c.fail("Missing FILE argument")
	case len(args) > 1:
		return c.fail("Too many arguments (expected 1, got %d)", len(args))
	case c.format != "pretty" && c.format != "json":
		return c.fail("Error outputting enhanced snapshot data: Unknown format: %s", c.format)
	}
	if !c.options.KVDetails && (c.options.KVDepth != 2 || c.options.KVFilter != "") {
		c.warn("-kvdepth and -kvfilter have no effect without -kvdetails and are ignored")
	}
	old, looks, err := c.openOld(context.Background(), c.program, args[0])
	var sealed *sealedError
	switch {
	case errors.As(err, &sealed):
		return c.fail("Error decrypting snapshot: %s", err)
	case err != nil:
		return c.fail("Error reading snapshot: %s", err)
	case old != nil:
		defer old.Close()
		return c.inspectOld(context.Background(), old)
	}
	census, ok := c.take(args[0], looks)
	if !ok {
		return 1
	}
	if c.format == "json" {
		text, err := json.MarshalIndent(census, "", "   ")
		if err != nil {
			return c.fail("Error outputting enhanced snapshot data: %s", err)
		}
		c.say("%s", text)
		return 0
	}
	writeCensus(c.out, census)
	return 0
}

// take reads the file, or standard input, once and to its end. A failure is
// already printed when it returns false.
func (c *snapshotInspect) take(path, looks string) (*inspect.Census, bool) {
	if path == "-" {
		encrypted, in := encryption.Sniff(c.in)
		if encrypted {
			return c.decrypted(c.decrypt(c.program, in))
		}
		return c.count(looks, func(state archive.StateFunc) (*archive.Result, error) { return archive.Read(in, state) })
	}
	if isEncryptedFile(path) {
		return c.decrypted(c.decryptFile(c.program, path))
	}
	file, err := archive.OpenFile(path)
	var badMeta *archive.RawMetaError
	switch {
	case errors.As(err, &badMeta):
		c.fail("Error %s", badMeta)
		return nil, false
	case err != nil:
		c.fail("Error opening snapshot file: %s", err)
		return nil, false
	}
	defer file.Close()
	return c.count(looks, file.Read)
}

// decrypted takes the census of what was decrypted.
func (c *snapshotInspect) decrypted(spool *backup.Spool, err error) (*inspect.Census, bool) {
	if err != nil {
		c.fail("Error decrypting snapshot: %s", err)
		return nil, false
	}
	defer spool.Close()
	return c.count("", readSpool(spool))
}

// count takes the census of what read reads.
func (c *snapshotInspect) count(looks string, read readArchive) (*inspect.Census, bool) {
	var census *inspect.Census
	result, err := read(func(_ *archive.Meta, r io.Reader) (err error) {
		census, err = inspect.Count(r, c.options)
		return err
	})
	var badRecords *archive.StateError
	switch {
	case errors.As(err, &badRecords):
		c.fail("Error extracting snapshot data: %s", badRecords)
		return nil, false
	case err != nil:
		c.fail("Error reading snapshot: %s", unreadable(err, looks))
		return nil, false
	}
	m := result.Meta
	census.Meta = inspect.Meta{ID: m.ID, Size: m.Size, Index: m.Index, Term: m.Term, Version: m.Version}
	return census, true
}

// writeCensus writes the tables of the pretty format.
func writeCensus(w io.Writer, c *inspect.Census) {
	t := tabwriter.NewWriter(w, 8, 8, 6, ' ', 0)
	fmt.Fprintf(t, " ID\t%s\n", c.Meta.ID)
	fmt.Fprintf(t, " Size\t%d\n", c.Meta.Size)
	fmt.Fprintf(t, " Index\t%d\n", c.Meta.Index)
	fmt.Fprintf(t, " Term\t%d\n", c.Meta.Term)
	fmt.Fprintf(t, " Version\t%d\n", c.Meta.Version)
	writeStatTable(t, "Type", c.Stats, c.TotalSize)
	if len(c.StatsKV) > 0 {
		writeStatTable(t, "Key Name", c.StatsKV, c.TotalSizeKV)
	}
	t.Flush()
}

func writeStatTable(w io.Writer, title string, stats []inspect.Stat, total int64) {
	const rule = " ----\t----\t----\n"
	fmt.Fprintf(w, "\n %s\tCount\tSize\n%s", title, rule)
	for _, s := range stats {
		fmt.Fprintf(w, " %s\t%d\t%s\n", printable(s.Name), s.Count, formatSize(s.Sum))
	}
	fmt.Fprintf(w, "%s Total\t\t%s\n", rule, formatSize(total))
}

// printable quotes a name that would break the table or talk to the terminal.
func printable(name string) string {
	if strings.ContainsFunc(name, unicode.IsControl) {
		return strconv.Quote(name)
	}
	return name
}

// formatSize gives a number of bytes in the largest unit of 1024 that leaves at
// least one of it, with one decimal unless that is 0.
func formatSize(n int64) string {
	if n == 0 {
		return "0"
	}
	value, unit := float64(n), 0
	units := []string{"B", "KB", "MB", "GB", "TB"}
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	return strings.TrimSuffix(strconv.FormatFloat(value, 'f', 1, 64), ".0") + units[unit]
}
