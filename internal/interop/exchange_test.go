//go:build clients && unix

package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// A family is a kind of state that an archive carries.
type family struct {
	name string
	acls bool
	// fill writes some of it.
	fill func(*api.Client) error
	// read reads what fill wrote, with the indexes, which an archive carries too. What an agent adds by itself is left out.
	read func(*api.Client) (any, error)
}

var families = []family{
	{"KV", false, fillKV, readKV},
	{"catalog", false, fillCatalog, readCatalog},
	{"sessions", false, fillSessions, readSessions},
	{"prepared queries", false, fillQueries, readQueries},
	{"ACLs", true, fillACLs, readACLs},
}

func TestArchivesWithConsul(t *testing.T) {
	consul := os.Getenv("LICTOR_TEST_CONSUL")
	if consul == "" {
		t.Skip("SKIPPED: LICTOR_TEST_CONSUL names no consul binary to exchange archives with")
	}
	t.Run("from Consul", func(t *testing.T) { exchange(t, consul, lictor) })
	t.Run("from Lictor", func(t *testing.T) { exchange(t, lictor, consul) })
}

// What is done with a Consul is done between two Lictors wherever the tests run.
func TestArchivesBetweenLictors(t *testing.T) { exchange(t, lictor, lictor) }

// exchange carries each family from an agent of one kind to one of the other, and from there to another one of the first kind.
func exchange(t *testing.T, from, to string) {
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			a := startAgent(t, from, f.acls)
			if err := f.fill(a.client); err != nil {
				t.Fatalf("fill: %v", err)
			}
			want := f.text(t, a)
			if !strings.Contains(want, "interop") {
				t.Fatalf("nothing to carry: the agent was filled, and answers %s", want)
			}
			b := startAgent(t, to, f.acls)
			carry(t, a, b)
			same(t, "after the way there", want, f.text(t, b))
			c := startAgent(t, from, f.acls)
			carry(t, b, c)
			same(t, "after the way back", want, f.text(t, c))
		})
	}
}

// carry saves an archive from an agent and restores it into another, whose state it must replace.
func carry(t *testing.T, from, to *agent) {
	t.Helper()
	archive, _, err := from.client.Snapshot().Save(nil)
	if err != nil {
		t.Fatalf("save: %v", err)
	}
	defer archive.Close()
	b, err := io.ReadAll(archive)
	if err != nil {
		t.Fatalf("save: %v", err)
	}
	const stray = "stray"
	if _, err := to.client.KV().Put(&api.KVPair{Key: stray}, nil); err != nil {
		t.Fatal(err)
	}
	if err := to.client.Snapshot().Restore(nil, bytes.NewReader(b)); err != nil {
		t.Fatalf("restore: %v", err)
	}
	if pair, _, err := to.client.KV().Get(stray, consistent()); err != nil || pair != nil {
		t.Errorf("after the restore: %v, %v; want what was there before to be gone", pair, err)
	}
}

// text is what an agent has of the family, as JSON.
func (f family) text(t *testing.T, a *agent) string {
	t.Helper()
	v, err := f.read(a.client)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// same fails the test with the lines around the first one that differs.
func same(t *testing.T, when, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(w) && i < len(g) && w[i] == g[i] {
		i++
	}
	around := func(lines []string) string { return strings.Join(lines[max(0, i-5):min(len(lines), i+5)], "\n") }
	t.Errorf("%s the state differs in line %d; before:\n%s\nafter:\n%s", when, i+1, around(w), around(g))
}

// consistent asks for what has been written before, wherever it was.
func consistent() *api.QueryOptions { return &api.QueryOptions{RequireConsistent: true} }

// each calls a function until it fails, and tells for which of the list it did.
func each[T any](list []T, do func(T) error) error {
	for i, v := range list {
		if err := do(v); err != nil {
			return fmt.Errorf("number %d: %w", i+1, err)
		}
	}
	return nil
}
