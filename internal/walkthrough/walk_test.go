//go:build heavy && linux

package walkthrough

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/testproc"
)

// documents are what is walked through.
const documents = "../../docs/"

// patience is for commands that can be repeated, until they show what they should; that is done every interval.
var (
	patience = flag.Duration("patience", time.Minute, "how long a command that only looks is repeated")
	interval = 200 * time.Millisecond
	draft    = flag.Bool("draft", false, "go on after a difference, to see the next ones as well")
)

func TestMain(m *testing.M) {
	os.Exit(testproc.WithLictor("LICTOR_WALK_BINARY", func(binary string) int {
		program = binary
		return m.Run()
	}))
}

func TestOperations(t *testing.T) {
	for _, tool := range []string{"sh", "curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not there", tool)
		}
	}
	walkThrough(t, "operations.md")
}

func TestMigrating(t *testing.T) {
	for _, tool := range []string{"sh", "curl", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not there", tool)
		}
	}
	walkThrough(t, "migrating-from-consul-snapshot.md")
}

func walkThrough(t *testing.T, document string) {
	t.Helper()
	text, err := os.ReadFile(documents + document)
	if err != nil {
		t.Fatal(err)
	}
	sections, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sections {
		t.Run(s.title, func(t *testing.T) {
			t.Parallel() // they wait most of the time
			newWalk(t, document, sections).section(&s)
		})
	}
}

// A walk is one section on machines of its own.
type walk struct {
	t        *testing.T
	document string
	sections []section
	network  string // the first three numbers of the addresses
	dir      string
	machines map[string]*machine
	known    values
}

func newWalk(t *testing.T, document string, sections []section) *walk {
	w := &walk{t: t, document: document, sections: sections, dir: t.TempDir(), machines: map[string]*machine{}}
	w.network = fmt.Sprintf("127.%d.%d", 1+rand.IntN(250), rand.IntN(256))
	w.machine("admin")
	return w
}

// machine is the machine of a name; it is there from the moment when it is named.
func (w *walk) machine(name string) *machine {
	if m := w.machines[name]; m != nil {
		return m
	}
	var n int
	if _, err := fmt.Sscanf(name, "s%d", &n); err != nil && name != "admin" {
		w.t.Fatalf("there is no machine %q: they are called admin, s1, s2 …", name)
	}
	w.machines[name] = newMachine(w.t, w.dir, name, fmt.Sprintf("%s.%d", w.network, n))
	return w.machines[name]
}

func (w *walk) section(s *section) {
	for _, st := range s.steps {
		began := time.Now()
		if err := w.step(&st); err != nil {
			w.t.Errorf("%s:%d: %s$ %s: %v", w.document, st.line, st.host, st.command, err)
			if !*draft {
				w.t.FailNow()
			}
		}
		w.t.Logf("%5.1f s  %s %s", time.Since(began).Seconds(), st.host, st.command)
	}
}

func (w *walk) step(s *step) error {
	if s.host == "" {
		return w.direct(s)
	}
	m := w.machine(s.host)
	if c := systemctl.FindStringSubmatch(s.command); c != nil {
		if err := w.configure(m); err != nil {
			return err
		}
		return m.control(c[1])
	}
	err := w.command(m, s)
	if repeatable.MatchString(s.command) {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for deadline := time.Now().Add(*patience); err != nil && time.Now().Before(deadline); err = w.command(m, s) {
			<-tick.C
		}
	}
	return err
}

// repeatable are the commands that may be repeated: they change nothing, or, in the case of the bootstrap, nothing unless they succeed.
var repeatable = regexp.MustCompile(`^(curl -s -X PUT \$CONSUL_HTTP_ADDR/v1/acl/bootstrap|` +
	`lictor (members|info|keyring -list|kv get|operator raft list-peers|operator autopilot state|snapshot inspect)|` +
	`journalctl|tail -n|curl -s 127\.0\.0\.1:|echo \| openssl|curl -s (-H @header )?"?\$CONSUL_HTTP_ADDR)`)

func (w *walk) command(m *machine, s *step) error {
	out, code := m.run(w.translate(m, s.command))
	var shown []string
	for _, line := range s.output {
		shown = append(shown, w.translate(m, line))
	}
	learned, err := w.known.match(shown, lines(out))
	if err != nil {
		return fmt.Errorf("exit code %d: %w", code, err)
	}
	if code != 0 && !slices.ContainsFunc(s.output, failure) {
		return fmt.Errorf("exit code %d, although the document shows no error", code)
	}
	w.learn(learned)
	return nil
}

// failure tells whether a line of the document is an error.
func failure(line string) bool {
	return strings.HasPrefix(line, "Error") || strings.Contains(line, " [ERR] ")
}

// learn keeps new values under the names that they have in the document.
func (w *walk) learn(learned values) {
	if w.known == nil {
		w.known = values{}
	}
	maps.Copy(w.known, learned)
}

func lines(text string) []string {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

var (
	address = regexp.MustCompile(`\b10\.0\.0\.`)
	remote  = regexp.MustCompile(`\b(s[0-9]|admin):\x00?`)
	paths   = regexp.MustCompile(`/(etc|var/lib)/lictor\b`)
)

// translate puts the machines of the test in the place of those of the document.
func (w *walk) translate(m *machine, text string) string {
	text = w.known.put(text)
	text = paths.ReplaceAllString(text, "\x00$0") // a path of this machine, or of another if a host stands before it
	if strings.HasPrefix(text, "scp ") {
		text = remote.ReplaceAllStringFunc("cp "+text[4:], func(found string) string {
			name, absolute, _ := strings.Cut(found, ":")
			if absolute == "" {
				return w.machine(name).root + "/home/"
			}
			return w.machine(name).root
		})
	}
	text = strings.ReplaceAll(text, "\x00", m.root)
	text = strings.ReplaceAll(text, "journalctl -u lictor -o cat", "cat "+filepath.Join(m.root, "journal"))
	text = strings.ReplaceAll(text, "127.0.0.1", m.address)
	return address.ReplaceAllString(text, w.network+".")
}

// configure makes the configuration that the agent reads of the one in the machine's /etc/lictor.
func (w *walk) configure(m *machine) error {
	files, err := filepath.Glob(filepath.Join(m.root, "etc/lictor/*.hcl"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(m.root, "run", filepath.Base(file)), []byte(w.translate(m, string(text))), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// direct does what only the test does.
func (w *walk) direct(s *step) error {
	words := strings.Fields(s.command)
	switch words[0] {
	case "write": // write FILE on HOST...
		for _, name := range words[3:] {
			m := w.machine(name)
			path := w.translate(m, words[1])
			if !filepath.IsAbs(path) {
				path = filepath.Join(m.root, "home", path)
			}
			if err := os.WriteFile(path, []byte(w.known.put(strings.Join(s.output, "\n")+"\n")), 0o600); err != nil {
				return err
			}
		}
	case "after": // after section N
		i := slices.IndexFunc(w.sections, func(s section) bool { return s.number() == words[2] })
		if i < 0 {
			return fmt.Errorf("there is no section %s", words[2])
		}
		w.section(&w.sections[i])
	case "destroy":
		for _, name := range words[1:] {
			w.machine(name).destroy()
		}
	case "consul": // consul on HOST
		return w.machine(words[2]).single()
	case "fixture": // fixture NAME on HOST [as FILE]
		name := filepath.Base(words[1])
		if len(words) > 5 {
			name = words[5]
		}
		content, err := os.ReadFile("../../testdata/consul-snapshot-0.3.1/" + words[1])
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(w.machine(words[3]).root, "home", name), content, 0o600)
	default:
		return fmt.Errorf("unknown directive")
	}
	return nil
}
