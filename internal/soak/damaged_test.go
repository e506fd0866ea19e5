//go:build heavy && unix

package soak

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const fixtures = "../../testdata/damaged"

// A verdict is what a real Consul made of a damaged archive.
type verdict struct {
	name  string
	group string // the heading of the table
	text  string // of the refusal
}

const (
	groupRefused  = "Refused (HTTP 500)"
	groupAccepted = "Accepted (HTTP 200, empty body)"
	groupFatal    = "Accepted as an archive, then fatal (the server process panics)"
)

// verdicts reads the tables in the README of the fixtures.
func verdicts(t *testing.T) (all []verdict) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(fixtures, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	group := ""
	for line := range strings.Lines(string(b)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			group = strings.TrimSpace(heading)
		}
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| `") {
			v := verdict{name: strings.Trim(cells[0], "| `"), group: group}
			if group == groupRefused {
				v.text = strings.Trim(strings.TrimSpace(cells[2]), "`")
			}
			all = append(all, v)
		}
	}
	paths, err := filepath.Glob(filepath.Join(fixtures, "*.snap"))
	if err != nil || len(paths) != len(all) {
		t.Fatalf("%d fixtures, %d verdicts, %v", len(paths), len(all), err)
	}
	return all
}

// matches tells whether body is Consul's text, detail in parentheses behind it allowed. Where a line of both members is missing, Consul
// names either.
func (v verdict) matches(body string) bool {
	for _, text := range []string{v.text, strings.Replace(v.text, `missing for "meta.json"`, `missing for "state.bin"`, 1)} {
		if body == text || strings.HasPrefix(body, text+" (") {
			return true
		}
	}
	return false
}

// Every damaged archive that is sent to a server is refused in the words of a real Consul, and changes nothing. Archives that a real
// Consul dies of are refused as well.
func TestDamagedArchives(t *testing.T) {
	s := newSite(t, t.TempDir())
	p := s.start(t).ready(t)
	kept := populate(t, "kept", 300, 100)
	kept.learn(t, p)
	counts := map[string]int{}
	for _, v := range verdicts(t) {
		counts[v.group]++
		if v.group == groupAccepted {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			a, err := p.restore(context.Background(), fixture(t, v.name))
			checkRefusal(t, v, a, err)
			if got := p.fingerprint(t); got != kept.is {
				t.Error("the refusal changed the state")
			}
			s.clean(t)
		})
	}
	p.takesWrite(t, "probe", "v")
	for _, v := range verdicts(t) {
		if v.group == groupAccepted {
			if a, err := p.restore(context.Background(), fixture(t, v.name)); err != nil || len(a.body) > 0 {
				t.Errorf("%s: %v, body %q; Consul accepts it, with an empty body", v.name, err, a.body)
			}
		}
	}
	if counts[groupRefused] != 51 || counts[groupAccepted] != 20 || counts[groupFatal] != 7 {
		t.Errorf("the groups of the README have changed: %v", counts)
	}
	p.kill()
	s.start(t).ready(t)
	s.clean(t)
}

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(fixtures, name+".snap"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func checkRefusal(t *testing.T, v verdict, a answer, err error) {
	t.Helper()
	if refused(err) == nil || a.status != http.StatusInternalServerError {
		t.Fatalf("not refused with status 500: %v", err)
	}
	if got := a.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	body := string(a.body)
	switch v.group {
	case groupRefused:
		if !v.matches(body) {
			t.Errorf("body\n%q, want\n%q", body, v.text)
		}
	case groupFatal:
		if !strings.HasPrefix(body, "failed to restore snapshot: ") || !strings.HasSuffix(body, "; nothing was changed") {
			t.Errorf("body %q", body)
		}
	}
}
