package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/lictor-dr/lictor/internal/inspect"
	"github.com/lictor-dr/lictor/internal/kvarchive"
)

// oldCensus is what an archive of consul-snapshot holds, in JSON. Stats are those of the records that a snapshot would have of it.
type oldCensus struct {
	oldHead
	Documents   []oldDocument
	Warnings    []string       `json:",omitempty"`
	Stats       []inspect.Stat // as snapshots have them
	StatsKV     []inspect.Stat
	TotalSize   int64
	TotalSizeKV int64
}

// oldDocument is one document of an archive.
type oldDocument struct {
	Kind    string
	Name    string
	Entries int
	Size    int64 // bytes
	SHA256  string
	Null    bool `json:",omitempty"` // nothing came from Consul
}

// inspectOld prints what an archive of consul-snapshot holds.
func (c *snapshotInspect) inspectOld(ctx context.Context, a *kvarchive.Archive) int {
	s, err := survey(ctx, a)
	if err != nil {
		return c.fail("Error reading snapshot: %s", err)
	}
	census, err := inspect.CountRecords(a.Source(ctx), c.options)
	if err != nil {
		return c.fail("Error reading snapshot: %s", err)
	}
	all := oldCensus{
		oldHead: headOf(a), Documents: documentsOf(a, s), Warnings: s.warnings,
		Stats: census.Stats, StatsKV: census.StatsKV, TotalSize: census.TotalSize, TotalSizeKV: census.TotalSizeKV,
	}
	for _, warning := range all.Warnings {
		c.warn("%s", warning)
	}
	if c.format == "json" {
		text, err := json.MarshalIndent(all, "", "   ")
		if err != nil {
			return c.fail("Error outputting enhanced snapshot data: %s", err)
		}
		c.say("%s", text)
		return 0
	}
	writeOldCensus(c.out, a, &all)
	return 0
}

func documentsOf(a *kvarchive.Archive, s *oldSurvey) (all []oldDocument) {
	entries := map[kvarchive.Kind]int{
		kvarchive.Keys: s.Keys, kvarchive.Queries: s.Queries, kvarchive.LegacyACLs: s.LegacyACLs, kvarchive.ACLs: s.Tokens + s.Policies + s.Roles,
	}
	for _, kind := range []kvarchive.Kind{kvarchive.Keys, kvarchive.Queries, kvarchive.LegacyACLs, kvarchive.ACLs} {
		if d := a.Document(kind); d.Name != "" {
			all = append(all, oldDocument{kind.String(), d.Name, entries[kind], d.Size, d.SHA256, d.Null})
		}
	}
	return all
}

// writeOldCensus writes the tables of the pretty format.
func writeOldCensus(w io.Writer, a *kvarchive.Archive, o *oldCensus) {
	t := tabwriter.NewWriter(w, 8, 8, 6, ' ', 0)
	fmt.Fprintf(t, " Format\t%s %s\n", o.Format, printable(o.Version))
	if o.Started != nil {
		fmt.Fprintf(t, " Started\t%s\n Ended\t%s\n", stampOf(*o.Started), stampOf(*o.Ended))
	}
	if o.NodeName != "" {
		fmt.Fprintf(t, " Node\t%s\n", printable(o.NodeName))
	}
	encrypted := "no"
	if a.Encrypted {
		encrypted = "yes"
	}
	fmt.Fprintf(t, " Encrypted\t%s\n", encrypted)
	fmt.Fprint(t, "\n Document\tEntries\tSize\tSHA-256\n ----\t----\t----\t----\n")
	for _, d := range o.Documents {
		entries := fmt.Sprint(d.Entries)
		if d.Null {
			entries = "null"
		}
		fmt.Fprintf(t, " %s\t%s\t%s\t%s\n", d.Name, entries, formatSize(d.Size), d.SHA256)
	}
	t.Flush()
	t = tabwriter.NewWriter(w, 8, 8, 6, ' ', 0)
	writeStatTable(t, "Type", o.Stats, o.TotalSize)
	if len(o.StatsKV) > 0 {
		writeStatTable(t, "Key Name", o.StatsKV, o.TotalSizeKV)
	}
	t.Flush()
}
