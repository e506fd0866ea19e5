package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/drill"
)

// prove rebuilds the archive in an engine of its own and compares that with the archive.
func (d *demo) prove(ctx context.Context) (string, error) {
	report, err := drill.Run(ctx, d.open(archiveName))
	if err != nil {
		return "", err
	}
	if !report.Proven() {
		return "", different(report.Differences)
	}
	return fmt.Sprintf("%d of %d records equal, %d kinds", report.Records, report.Records, len(report.Families)), nil
}

// open opens a file in the demo's directory, again and again.
func (d *demo) open(name string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(d.path(name)) }
}

// compareArchives compares two archives record by record, and tells how many records there are.
func (d *demo) compareArchives(before, after string) (records int64, err error) {
	first, second := drill.Archive(d.open(before)), drill.Archive(d.open(after))
	differences, err := digest.Compare(first, second)
	if err != nil {
		return 0, err
	}
	if len(differences) > 0 {
		return 0, different(differences)
	}
	set, err := digest.Of(second)
	return set.Records(), err
}

func different(all []digest.Difference) error {
	const most = 5
	var b strings.Builder
	for _, x := range all[:min(most, len(all))] {
		fmt.Fprintf(&b, "\n    %s %s: %s", x.Type, x.Name, x.What)
	}
	if len(all) > most {
		fmt.Fprintf(&b, "\n    and %d more", len(all)-most)
	}
	return fmt.Errorf("%w:%s", ErrDifferent, b.String())
}

// compareKeys compares the keys that are there with what has been written.
func compareKeys(written, got map[string]entry) error {
	var wrong []string
	for key, want := range written {
		if e, ok := got[key]; !ok || !e.equal(want) {
			wrong = append(wrong, key)
		}
	}
	for key := range got {
		if _, ok := written[key]; !ok {
			wrong = append(wrong, key)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %d keys, %q among them", ErrDifferent, len(wrong), slices.Min(wrong))
	}
	return nil
}

// read returns all keys, as the leader has them.
func read(ctx context.Context, client *api.Client) (map[string]entry, error) {
	all, _, err := list(client, (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx))
	return all, err
}

// readStale returns all keys as the server that is asked has them, and what it says of its leader.
func readStale(ctx context.Context, client *api.Client) (map[string]entry, *api.QueryMeta, error) {
	return list(client, (&api.QueryOptions{AllowStale: true}).WithContext(ctx))
}

func list(client *api.Client, options *api.QueryOptions) (map[string]entry, *api.QueryMeta, error) {
	pairs, meta, err := client.KV().List("", options)
	if err != nil {
		return nil, nil, err
	}
	all := map[string]entry{}
	for _, p := range pairs {
		all[p.Key] = entry{p.Value, p.Flags, p.Session}
	}
	return all, meta, nil
}
