//go:build unix

package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	// read reads what fill wrote, with the indexes, which an archive carries too. What a server adds by itself is left out.
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
	theirs := consul(t)
	exchange(t, theirs, lictor)
	exchange(t, lictor, theirs)
}

// exchange carries each family from a server of one program to one of the other, and from there to a new one of the first.
func exchange(t *testing.T, from, to program) {
	for _, f := range families {
		t.Run(fmt.Sprintf("%s from %s to %s and back", f.name, from.name, to.name), func(t *testing.T) { f.carry(t, from, to) })
	}
}

func (f family) carry(t *testing.T, from, to program) {
	first := serve(t, from, f.acls)
	if err := f.fill(first.client); err != nil {
		t.Fatalf("fill %s: %v", from.name, err)
	}
	want, err := f.text(first)
	if err != nil {
		t.Fatalf("read what %s was filled with: %v", from.name, err)
	}
	if !strings.Contains(want, "interop") {
		t.Fatalf("nothing to carry: %s was filled, and answers %s", from.name, want)
	}
	there := first.save(t)
	to.inspects(t, there)
	second := serve(t, to, f.acls)
	second.restore(t, there)
	f.same(t, second, want)

	back := second.save(t)
	from.inspects(t, back)
	third := serve(t, from, f.acls)
	third.restore(t, back)
	f.same(t, third, want)
}

// text is what a server has of the family, as JSON.
func (f family) text(s *server) (string, error) {
	value, err := f.read(s.client)
	if err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(value, "", " ")
	return string(text), err
}

// same waits until a server has what is wanted: after a restore it has some start-up work to do.
func (f family) same(t *testing.T, s *server, want string) {
	t.Helper()
	err := s.Await(patience, func() error {
		got, err := f.text(s)
		if err != nil {
			return err
		}
		return difference(want, got)
	})
	if err != nil {
		t.Fatalf("restored into %s: %v", s.program.name, err)
	}
}

// save fetches an archive into a file.
func (s *server) save(t *testing.T) (path string) {
	t.Helper()
	body, _, err := s.client.Snapshot().Save(nil)
	if err != nil {
		t.Fatalf("save from %s: %v", s.program.name, err)
	}
	defer body.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "state.snap"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.Copy(file, body); err != nil {
		t.Fatalf("save from %s: %v", s.program.name, err)
	}
	return file.Name()
}

// restore wants the archive to replace all that the server has.
func (s *server) restore(t *testing.T, archive string) {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const stray = "stray"
	if _, err := s.client.KV().Put(&api.KVPair{Key: stray}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Snapshot().Restore(nil, file); err != nil {
		t.Fatalf("restore into %s: %v", s.program.name, err)
	}
	err = s.Await(patience, func() error {
		pair, _, err := s.client.KV().Get(stray, consistent())
		if err == nil && pair != nil {
			err = fmt.Errorf("the key %q is still there", stray)
		}
		return err
	})
	if err != nil {
		t.Fatalf("after the restore into %s: %v", s.program.name, err)
	}
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
