//go:build heavy && unix

package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/storetest"
	"github.com/lictor-dr/lictor/internal/testproc"
)

// A post office is who hooks tell: it notes what it is told, and when.
type postOffice struct {
	*httptest.Server

	mu     sync.Mutex // guards what follows
	events []told
	pings  []time.Time // of the dead man's switch
}

type told struct {
	at                    time.Time
	Event, Stage, Reason  string
	Cluster, ID, Proof    string
	Failures              int
	RPO                   struct{ State string }
	LastGood, Next        *time.Time
	Destinations          []struct{ Name string }
	Node, Datacenter      string
	Index                 uint64
	Leading               bool
	authorization, method string
}

func newPostOffice(t *testing.T) *postOffice {
	p := &postOffice{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		if r.URL.Path == "/ping" {
			p.pings = append(p.pings, time.Now())
			return
		}
		e := told{at: time.Now(), authorization: r.Header.Get("Authorization"), method: r.Method}
		if err := json.Unmarshal(body, &e); err != nil {
			t.Errorf("a body that is no JSON: %s", body)
		}
		p.events = append(p.events, e)
	}))
	t.Cleanup(p.Close)
	return p
}

// await waits for an event of a kind after a moment.
func (p *postOffice) await(kind string, after time.Time, limit time.Duration) (e told, err error) {
	err = testproc.Eventually(limit, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, e = range p.events {
			if e.Event == kind && e.at.After(after) {
				return nil
			}
		}
		return fmt.Errorf("no %s among %+v", kind, p.events)
	})
	return e, err
}

// count is how often the dead man's switch was requested.
func (p *postOffice) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pings)
}

// lastPing is when the dead man's switch was last requested.
func (p *postOffice) lastPing() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pings) == 0 {
		return time.Time{}
	}
	return p.pings[len(p.pings)-1]
}

// A trial is a server, a store, an agent with hooks, and what is between them, which can be made to fail.
type trial struct {
	*keeper
	server *process
	office *postOffice
	setup  *setup
	refuse atomic.Pointer[func(http.ResponseWriter, *http.Request) bool] // answers instead of the store, if it does
	denied atomic.Bool                                                   // Consul knows the token no more
	marks  string                                                        // where the command that hangs writes
}

// starting is held by who starts a server and an agent: two that look for free ports at the same time may find the same ones.
var starting sync.Mutex

func (tr *trial) start(t *testing.T) {
	starting.Lock()
	defer starting.Unlock()
	tr.server = backedUp(t, 200, 100)
	tr.keeper = keep(t, tr.proxy(t), tr.setup)
	tr.says(t, "Snapshot agent running", 1, readyLimit)
}

// newTrial has an agent with an objective that has taken backups.
func newTrial(t *testing.T, change func(*setup)) *trial {
	t.Helper()
	tr := &trial{office: newPostOffice(t), marks: filepath.Join(t.TempDir(), "marks")}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("Bearer of-the-hook\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s3 := storetest.S3(t, bucket)
	s3.Refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if answer := tr.refuse.Load(); answer != nil {
			return (*answer)(w, r)
		}
		return false
	}
	tr.setup = &setup{
		interval: 5 * time.Second, rpo: 15 * time.Second, retain: 3, s3: s3.URL, scratch: t.TempDir(),
		hooks: map[string]any{
			"webhook": []any{map[string]any{"url": tr.office.URL + "/hook", "on": []string{"success", "failure", "recovery"},
				"secret_header": "Authorization", "secret_file": secret}},
			"dead_mans_switch": map[string]any{"url": tr.office.URL + "/ping"},
			"command": map[string]any{"args": []string{"sh", "-c", `sleep 1000 & echo $! >> "$0"; wait`, tr.marks}, "on": []string{"success"},
				"timeout": "2s"},
		},
	}
	if change != nil {
		change(tr.setup)
	}
	tr.start(t)
	t.Cleanup(tr.Kill)
	backups := 2
	if tr.setup.interval > 5*time.Second {
		backups = 1
	}
	tr.says(t, "Saved snapshot", backups, lateness)
	err := testproc.Eventually(lateness, func() error { // the run of the last one is over then
		if n := tr.office.count(); n < backups {
			return fmt.Errorf("%d backups, and the dead man's switch was requested %d times", backups, n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// proxy is the way to Consul.
func (tr *trial) proxy(t *testing.T) string {
	to, err := url.Parse(tr.server.base)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.FlushInterval = -1
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tr.denied.Load() {
			http.Error(w, "ACL not found", http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// answer makes the store answer everything, or only writes, like this.
func (tr *trial) answer(status int, code string, writesOnly bool) {
	fn := func(w http.ResponseWriter, r *http.Request) bool {
		if writesOnly && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			return false
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
		return true
	}
	tr.refuse.Store(&fn)
}

// check is the status of one of the checks of the service, as Consul shows it.
func (tr *trial) check(name string) string {
	f := &fleet{server: tr.server}
	all, err := f.instances()
	if err != nil || len(all) == 0 {
		return ""
	}
	if name == "alive" {
		return all[0].alive
	}
	return all[0].saving
}

// atOnce is how many trials there are at a time: they mostly wait.
const atOnce = 5

// seconds until a condition holds, – if that takes too long.
func seconds(began time.Time, limit time.Duration, condition func() bool) string {
	err := testproc.Eventually(limit, func() error {
		if condition() {
			return nil
		}
		return errors.New("not yet")
	})
	if err != nil {
		return "–"
	}
	return fmt.Sprintf("%.1f", time.Since(began).Seconds())
}

// A danger is a way in which backups stop being good.
type danger struct {
	name   string
	change func(*testing.T, *setup)
	inject func(*testing.T, *trial)
	heal   func(*testing.T, *trial) // nil: not
	want   string                   // in the reason that hooks are told
	// What shows it in Consul, if anything can: the check of saving, or that of life.
	saving, alive bool
	dead          bool // the agent tells nothing any more
	pings         bool // backups may go on
	fine          bool // hooks are told, and nobody else
}

// The longest come first.
var dangers = []danger{
	{name: "latest backup cut short, interval 40 s", change: func(t *testing.T, s *setup) {
		s.s3, s.local, s.interval, s.rpo = "", []string{t.TempDir()}, 40*time.Second, time.Minute
	}, inject: cutLatest, heal: func(*testing.T, *trial) {}, want: "damaged or gone", saving: true, pings: true},
	{name: "dead agent: kill -9", inject: func(_ *testing.T, tr *trial) { tr.Kill() }, saving: true, alive: true, dead: true},
	{name: "revoked token", inject: func(_ *testing.T, tr *trial) { tr.denied.Store(true) },
		heal: func(_ *testing.T, tr *trial) { tr.denied.Store(false) }, alive: true},
	{name: "read-only bucket", inject: func(_ *testing.T, tr *trial) { tr.answer(403, "AccessDenied", true) }, heal: heals, want: "AccessDenied", saving: true},
	{name: "expired credentials", inject: func(_ *testing.T, tr *trial) { tr.answer(400, "ExpiredToken", false) }, heal: heals, want: "ExpiredToken", saving: true},
	{name: "wrong region", inject: func(_ *testing.T, tr *trial) { tr.answer(301, "PermanentRedirect", false) }, heal: heals, want: "PermanentRedirect", saving: true},
	{name: "slow store", inject: func(_ *testing.T, tr *trial) { tr.refuse.Store(&hangs) }, want: "is missed", saving: true},
	{name: "no leader: the server hangs", inject: func(t *testing.T, tr *trial) { tr.signal(t, syscall.SIGSTOP) },
		heal: func(t *testing.T, tr *trial) { tr.signal(t, syscall.SIGCONT) }},
	{name: "full disk", change: func(t *testing.T, s *setup) { s.scratch = newDisk(t, 16).path }, inject: fillScratch, heal: freeScratch,
		want: "no space left on device for the next backup", saving: true},
	{name: "size collapse", change: func(_ *testing.T, s *setup) { s.shrink = "50%" }, inject: collapse, heal: acceptCollapse,
		want: "nothing is deleted any more", pings: true, fine: true},
}

// findings are how many seconds it took for each to tell.
type findings struct{ hook, saving, alive, health, recovery string }

// Ways in which backups stop being good, on the real binary: how long until it tells. The interval is 5 s, the objective 15 s.
func TestAgentAlarms(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var table strings.Builder
	at := make(chan struct{}, atOnce)
	var busy sync.WaitGroup
	trial := func(d danger) {
		defer func() { <-at }()
		t.Run(d.name, func(t *testing.T) {
			tr := newTrial(t, func(s *setup) {
				if d.change != nil {
					d.change(t, s)
				}
			})
			began := time.Now()
			d.inject(t, tr)
			found := tr.measure(t, d, began)
			if d.heal != nil {
				healed := time.Now()
				d.heal(t, tr)
				found.recovery = tr.recovers(t, healed)
			}
			if strings.Contains(tr.Said(), "/hook") || strings.Contains(tr.Said(), "of-the-hook") {
				t.Error("the log holds the URL or the secret of a hook")
			}
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(&table, "| %s | %s | %s | %s | %s | %s |\n", d.name, found.hook, found.saving, found.alive, found.health, found.recovery)
		})
	}
	for _, d := range dangers {
		at <- struct{}{}
		busy.Go(func() { trial(d) })
	}
	busy.Wait()
	t.Logf("seconds, with an interval of 5 s and an objective of 15 s:\n| mode | hook | Saving check not passing | Alive check critical | /health 503 "+
		"| recovery told |\n|---|--:|--:|--:|--:|--:|\n%s", table.String())
}

// measure waits for all that can tell of a danger.
func (tr *trial) measure(t *testing.T, d danger, began time.Time) findings {
	found := findings{"–", "–", "–", "–", "–"}
	var busy sync.WaitGroup
	measure := func(into *string, so func() bool) { busy.Go(func() { *into = seconds(began, 3*time.Minute, so) }) }
	if !d.dead {
		busy.Go(func() {
			e, err := tr.office.await("failure", began, 3*time.Minute)
			if err != nil || !strings.Contains(e.Reason, d.want) || e.authorization != "Bearer of-the-hook" || e.method != http.MethodPost {
				t.Errorf("%v: %+v", err, e)
			}
			found.hook = fmt.Sprintf("%.1f", e.at.Sub(began).Seconds())
		})
	}
	if !d.dead && !d.fine {
		measure(&found.health, func() bool { status, _, err := tr.ask("/health"); return err == nil && status == 503 })
	}
	if d.saving {
		measure(&found.saving, func() bool { s := tr.check("saving"); return s == "warning" || s == "critical" })
	}
	if d.alive {
		measure(&found.alive, func() bool { return tr.check("alive") == "critical" })
	}
	busy.Wait()
	if status, body, err := tr.ask("/health"); d.fine && (err != nil || status != 200 || tr.check("saving") != "passing") {
		t.Errorf("/health answers %d, %v: %s; the check is %s", status, err, body, tr.check("saving"))
	}
	if found.health == "–" && !d.dead && !d.fine || found.saving == "–" && d.saving || found.alive == "–" && d.alive {
		t.Errorf("not all have told: %+v; the agent said\n%s", found, tr.Tail(30))
	}
	if ping := tr.office.lastPing(); ping.IsZero() || !d.pings && ping.After(began.Add(tr.setup.interval)) {
		t.Errorf("the dead man's switch was requested %s after", ping.Sub(began))
	}
	return found
}

// recovers waits until hooks are told that all is well.
func (tr *trial) recovers(t *testing.T, healed time.Time) string {
	e, err := tr.office.await("recovery", healed, 3*time.Minute)
	if err != nil {
		t.Errorf("%v; the agent said\n%s", err, tr.Tail(30))
	}
	return fmt.Sprintf("%.1f", e.at.Sub(healed).Seconds())
}

// hangs reads what it is sent, and answers nothing.
var hangs = func(_ http.ResponseWriter, r *http.Request) bool {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
	return true
}

func fillScratch(t *testing.T, tr *trial) {
	(&disk{path: tr.setup.scratch, ballast: filepath.Join(tr.setup.scratch, "ballast")}).fill(t, 16<<10)
}

func freeScratch(t *testing.T, tr *trial) {
	if err := os.Remove(filepath.Join(tr.setup.scratch, "ballast")); err != nil {
		t.Error(err)
	}
}

// A command that hangs is killed with its children, and holds up no backup; new hooks are taken over by SIGHUP.
func TestAgentHookHangs(t *testing.T) {
	t.Parallel()
	tr := newTrial(t, nil)
	tr.says(t, "a hook failed, and is tried again", 2, lateness)
	saved := strings.Count(tr.Said(), "Saved snapshot")
	began := time.Now()
	tr.says(t, "Saved snapshot", saved+4, lateness)
	if took := time.Since(began); took > 4*6*time.Second {
		t.Errorf("four backups took %s with a hook that hangs, by an interval of 5 s", took)
	}
	v := tr.metric(t, `lictor_hook_events_total{hook="command[0]",outcome="retried"}`)
	t.Logf("a hook that hangs: %v tries in vain while backups went on", v)
	tr.setup.hooks = map[string]any{"webhook": map[string]any{"url": tr.office.URL + "/other", "on": []string{"success"}}}
	tr.setup.write(t, tr.config, tr.listen)
	if err := tr.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	tr.says(t, "Configuration reloaded", 1, exitLimit)
	if e, err := tr.office.await("success", time.Now().Add(time.Second), lateness); err != nil || e.authorization != "" {
		t.Errorf("%v: %+v", err, e)
	}
	if code := endOf(t, tr.keeper); code != 0 {
		t.Errorf("exit code %d", code)
	}
	marks, err := os.ReadFile(tr.marks)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range strings.Fields(string(marks)) {
		if cmd, _ := os.ReadFile("/proc/" + pid + "/cmdline"); strings.HasPrefix(string(cmd), "sleep\x001000") {
			t.Errorf("a child of the hook is left: %s", pid)
		}
	}
	if len(strings.Fields(string(marks))) < 2 {
		t.Errorf("the hook ran %d times", len(strings.Fields(string(marks))))
	}
}

// collapse deletes what the server was filled with.
func collapse(t *testing.T, tr *trial) {
	if _, err := tr.server.do(t.Context(), http.MethodDelete, "/v1/kv/kept/?recurse", nil); err != nil {
		t.Error(err)
	}
}

func acceptCollapse(t *testing.T, tr *trial) {
	out, err := tool(t.TempDir(), "snapshot", "prune", "-accept-collapse", "-config-file="+tr.config).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func heals(_ *testing.T, tr *trial) { tr.refuse.Store(nil) }

func (tr *trial) signal(t *testing.T, s syscall.Signal) {
	if err := tr.server.Signal(s); err != nil {
		t.Error(err)
	}
}

// cutLatest cuts the newest archive in a directory short.
func cutLatest(t *testing.T, tr *trial) {
	var newest string
	for _, name := range names(tr.setup.local[0]) {
		if strings.HasSuffix(name, ".snap") {
			newest = name
		}
	}
	if err := os.Truncate(filepath.Join(tr.setup.local[0], newest), 100); err != nil {
		t.Error(err)
	}
}
