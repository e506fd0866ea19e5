//go:build heavy && unix

package tlsmatrix

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lictor-dr/lictor/internal/serverport"
)

var update = flag.Bool("update", false, "write the tables of docs/security.md")

const securityDoc = "../../docs/security.md"

// Every flag of verification with every kind of certificate, as docs/security.md shows it.
func TestTables(t *testing.T) {
	c := newCertificates(t)
	seen := &cells{of: map[string]string{}}
	var https []string
	t.Run("all", func(t *testing.T) {
		t.Run("https", func(t *testing.T) {
			t.Parallel()
			https = httpsTable(t)
		})
		for _, s := range []setting{outgoing, both, all} {
			for _, k := range []kind{right, wrongCA, expired, missing, wrongName} {
				t.Run(s.name+" "+string(k), func(t *testing.T) {
					t.Parallel()
					newcomers(t, c, s, k, seen)
				})
			}
		}
		for _, leads := range principal {
			for _, other := range principal {
				t.Run(other.name+" to "+leads.name, func(t *testing.T) {
					t.Parallel()
					mixed(t, c, leads, other, seen)
				})
			}
		}
	})
	if t.Failed() {
		return
	}
	document(t, "https", https)
	document(t, "reasons", reasonsTable())
	document(t, "newcomers", newcomersTable(seen))
	document(t, "mixed-requests", mixedTable(seen, "requests", "a server's flags ↓, of the agent that asks it →"))
	document(t, "mixed-raft", mixedTable(seen, "raft", "the leader's flags ↓, of the server that joins →"))
}

// cells are what the tests see, by what they tried.
type cells struct {
	mu sync.Mutex
	of map[string]string
}

func (c *cells) put(value string, key ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[fmt.Sprintln(key...)] = value
}

func (c *cells) get(key ...any) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[fmt.Sprintln(key...)]
}

// newcomers join a leader of their own setting with a kind of certificate.
func newcomers(t *testing.T, c certificates, s setting, k kind, seen *cells) {
	leader := leading(t, c, s)
	defer leader.Kill()
	seen.put(asClient(t, c, leader, s, k), s.name, k, "client")
	seen.put(dial(t, c, leader, s, c.of(t, k, "server"), serverport.Raft), s.name, k, "votes")
	seen.put(asServer(t, c, leader, s, s, k), s.name, k, "server")
}

func newcomersTable(seen *cells) []string {
	table := []string{
		"| flags of all agents | newcomer's certificate | a client agent's requests | a server gets Raft's log | its Raft may speak to servers |",
		"| --- | --- | --- | --- | --- |",
	}
	for _, s := range []setting{outgoing, both, all} {
		for _, k := range []kind{right, wrongCA, expired, missing, wrongName} {
			table = append(table, fmt.Sprintf("| %s | %s | %s | %s | %s |", s.name, k,
				seen.get(s.name, k, "client"), seen.get(s.name, k, "server"), seen.get(s.name, k, "votes")))
		}
	}
	return table
}

// reasonsTable is what both sides say of a refusal; each that a test has seen has been looked for.
func reasonsTable() []string {
	table := []string{"| refused: | the agent that dials says | the server's log says |", "| --- | --- | --- |"}
	for _, r := range reasons {
		table = append(table, fmt.Sprintf("| %s | … %s … | … %s … |", r.short, r.dialing, strings.TrimSpace(r.serving)))
	}
	return table
}

// mixed joins agents of one setting to a leader of another; all certificates are right.
func mixed(t *testing.T, c certificates, leads, other setting, seen *cells) {
	leader := leading(t, c, leads)
	defer leader.Kill()
	seen.put(asClient(t, c, leader, other, right), leads.name, other.name, "requests")
	seen.put(asServer(t, c, leader, leads, other, right), leads.name, other.name, "raft")
}

func mixedTable(seen *cells, what, corner string) []string {
	head, line := "| "+corner+" |", "| --- |"
	for _, s := range principal {
		head, line = head+" "+s.name+" |", line+" --- |"
	}
	table := []string{head, line}
	for _, s := range principal {
		row := "| " + s.name + " |"
		for _, other := range principal {
			row += " " + seen.get(s.name, other.name, what) + " |"
		}
		table = append(table, row)
	}
	return table
}

// With good certificates, whether a way is open depends on what who dials says of outgoing connections and on what who serves says of incoming
// ones, and on no other flag: all settings against all, some 240 ways.
func TestNoOtherFlagMatters(t *testing.T) {
	t.Parallel()
	c := newCertificates(t)
	certificate := c.of(t, right, "server")
	known := map[string]string{}
	for _, s := range allSettings {
		leader := leading(t, c, s)
		for _, d := range allSettings {
			for _, protocol := range []serverport.Protocol{serverport.Raft, serverport.Requests} {
				shows := d.cert && (d.out || d.named)
				ways := fmt.Sprint("dials with TLS: ", d.out || d.named, ", shows a certificate: ", shows,
					"; serves TLS: ", s.cert, ", required: ", s.in)
				got := dial(t, c, leader, d, certificate, protocol)
				if want, ok := known[ways]; ok && got != want {
					t.Errorf("%s to %s, %s: %s, others of the kind: %s", d.name, s.name, protocol, got, want)
				}
				known[ways] = got
			}
		}
		leader.Kill()
	}
	for _, ways := range slices.Sorted(maps.Keys(known)) {
		t.Log(ways, "→", known[ways])
	}
	if len(known) < 9 {
		t.Errorf("only %d kinds of ways", len(known))
	}
}

// document writes a table into the document, or compares it.
func document(t *testing.T, name string, table []string) {
	t.Helper()
	b, err := os.ReadFile(securityDoc)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := fmt.Sprintf("<!-- tls %s: begin -->\n", name), fmt.Sprintf("<!-- tls %s: end -->", name)
	before, rest, ok := strings.Cut(string(b), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table %s", securityDoc, name)
	}
	text := strings.Join(table, "\n") + "\n"
	switch {
	case *update:
		if err := os.WriteFile(securityDoc, []byte(before+begin+text+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case old != text:
		t.Errorf("%s does not show what is the case; run this test with -update, and look at what has changed:\n%s", securityDoc, text)
	}
}
