//go:build heavy && unix

package soak

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/storetest"
	"github.com/lictor-dr/lictor/internal/testproc"
)

const (
	bucket = "backups"
	prefix = "consul-snapshot/" // that agents put before names
)

// freshness is how long before it commits or deletes an agent may have read the lock. It is shorter than any stop of a process here.
const freshness = 8 * time.Second

// A depot is a store that several agents share: an S3 server that judges every request that changes something, before it is served.
type depot struct {
	s3     *storetest.S3Server
	retain int

	mu      sync.Mutex // guards what follows, and is held while something is changed
	commits []commit
	deleted int
	wrong   []string
	gate    *gate
}

// A commit is an entry that was written.
type commit struct {
	by    *member
	entry inventory.Entry
	at    time.Time
}

// A gate holds up the first request that fits, once.
type gate struct {
	fits func(by *member, what string) bool
	hit  chan *member
	open chan struct{}
}

func newDepot(t testing.TB, retain int) *depot {
	return &depot{s3: storetest.S3(t, bucket), retain: retain}
}

// shut makes a gate for the first request of a kind: "put archive", "get entry", "list" and so on.
func (d *depot) shut(fits func(by *member, what string) bool) *gate {
	g := &gate{fits, make(chan *member, 1), make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate = g
	return g
}

// pass waits at the gate, if there is one for this request.
func (d *depot) pass(by *member, what string) {
	d.mu.Lock()
	g := d.gate
	if g == nil || !g.fits(by, what) {
		d.mu.Unlock()
		return
	}
	d.gate = nil
	d.mu.Unlock()
	g.hit <- by
	<-g.open
}

// serve answers requests of one agent.
func (d *depot) serve(by *member, w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	name := strings.TrimPrefix(r.URL.Path, "/"+bucket+"/"+prefix)
	what := kind(r, name)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the agent is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	d.pass(by, what)
	switch what {
	case "put entry", "delete entry", "delete archive":
		d.mu.Lock()
		defer d.mu.Unlock()
		if what == "put entry" {
			d.judgeCommit(by, name, body, began)
		} else {
			d.judgeDelete(by, name, began)
		}
	}
	d.s3.ServeHTTP(w, r)
}

func kind(r *http.Request, name string) string {
	method := strings.ToLower(r.Method)
	switch {
	case strings.HasSuffix(name, ".json"):
		return method + " entry"
	case strings.HasSuffix(name, ".snap"):
		return method + " archive"
	}
	return "list"
}

// object reads an object past all judges, nil if it is not there.
func (d *depot) object(name string) []byte {
	r := httptest.NewRequest(http.MethodGet, "/"+bucket+"/"+prefix+name, nil)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 the test")
	w := httptest.NewRecorder()
	d.s3.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return nil
	}
	return w.Body.Bytes()
}

// blame notes that a promise was broken. It is called with the lock held.
func (d *depot) blame(by *member, format string, args ...any) {
	d.wrong = append(d.wrong, fmt.Sprintf("agent %d: %s", by.PID(), fmt.Sprintf(format, args...)))
}

func (d *depot) judgeCommit(by *member, name string, body []byte, began time.Time) {
	var e inventory.Entry
	if err := json.Unmarshal(body, &e); err != nil {
		d.blame(by, "writes %s: %v", name, err)
		return
	}
	if err := whole(&e, d.object(e.Name)); err != nil || e.Proof != inventory.Proven || name != e.Name+".json" {
		d.blame(by, "commits %s as %s, %s: %v", name, e.Proof, e.Reason, err)
	}
	d.judgeLock(by, "commits "+e.ID, began)
	if n := len(d.commits); n > 0 {
		last := d.commits[n-1].entry
		if e.ID == last.ID && e.SHA256 == last.SHA256 && e.Fresh().After(last.Fresh()) {
			return // nothing has changed since: only that is new
		}
		if !newer(e.ID, last.ID) {
			d.blame(by, "commits %s after %s", e.ID, last.ID)
		}
	}
	d.commits = append(d.commits, commit{by, e, time.Now()})
}

// judgeLock checks that an agent has read lately that it has the lock.
func (d *depot) judgeLock(by *member, does string, began time.Time) {
	if last := by.lastHeld(); began.Sub(last) > freshness {
		d.blame(by, "%s %v after it last read that it holds the lock", does, began.Sub(last).Round(time.Millisecond))
	}
}

func (d *depot) judgeDelete(by *member, name string, began time.Time) {
	d.judgeLock(by, "deletes "+name, began)
	d.deleted++
	good, newest := d.good()
	archive := strings.TrimSuffix(name, ".json")
	switch {
	case d.object(archive) == nil: // the entry of an archive that is gone already
	case good[archive] == "":
		d.blame(by, "deletes %s, which is nobody's backup", name)
	case archive == newest:
		d.blame(by, "deletes %s, the newest proven backup", name)
	case len(good) <= d.retain:
		d.blame(by, "deletes %s of %d backups, %d are to be kept", name, len(good), d.retain)
	}
}

// good are the backups that are there, with their IDs, and the name of the newest.
func (d *depot) good() (all map[string]string, newest string) {
	all = map[string]string{}
	for _, key := range d.s3.Keys(bucket) {
		name, ok := strings.CutSuffix(path.Base(key), ".snap.json")
		if name += ".snap"; !ok || d.object(name) == nil {
			continue
		}
		var e inventory.Entry
		if json.Unmarshal(d.object(name+".json"), &e) == nil && e.Proof == inventory.Proven {
			all[name] = e.ID
			if newest == "" || newer(e.ID, all[newest]) {
				newest = name
			}
		}
	}
	return all, newest
}

// newer tells whether one ID is newer than another.
func newer(a, b string) bool { return len(a) > len(b) || len(a) == len(b) && a > b }

// whole checks that an archive is what its entry says.
func whole(e *inventory.Entry, archive []byte) error {
	if archive == nil {
		return errors.New("its archive is not there")
	}
	if sum := sha256.Sum256(archive); hex.EncodeToString(sum[:]) != e.SHA256 || int64(len(archive)) != e.Size {
		return fmt.Errorf("its archive has %d bytes with SHA-256 %x, the entry says %d and %s", len(archive), sum, e.Size, e.SHA256)
	}
	return nil
}

// after waits for a backup that was committed after a moment, by another than one agent if that is not nil.
func (d *depot) after(t testing.TB, moment time.Time, not *member, limit time.Duration) commit {
	t.Helper()
	var found commit
	err := testproc.Eventually(limit, func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, c := range d.commits {
			if c.at.After(moment) && c.by != not {
				found = c
				return nil
			}
		}
		return fmt.Errorf("%d backups so far, none since", len(d.commits))
	})
	if err != nil {
		t.Fatalf("no backup is taken: %v", err)
	}
	return found
}

// audit checks what is left at the end: no promise was broken, every entry has a whole archive that decodes, and foreign files are as they
// were.
func (d *depot) audit(t testing.TB, foreign map[string][]byte) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.wrong {
		t.Error(w)
	}
	for name, content := range foreign {
		if !bytes.Equal(d.object(name), content) {
			t.Errorf("the foreign %s has changed", name)
		}
	}
	good, _ := d.good()
	if len(good) > d.retain+1 {
		t.Errorf("%d backups are left, %d are to be kept", len(good), d.retain)
	}
	dir := t.TempDir()
	for name := range good {
		for _, each := range []string{name, name + ".json"} {
			if err := os.WriteFile(filepath.Join(dir, each), d.object(each), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if out, err := tool(dir, "snapshot", "verify", "-store="+dir, "all").CombinedOutput(); err != nil {
		t.Errorf("verify %v: %v\n%s", slices.Sorted(maps.Keys(good)), err, out)
	}
	by := map[*member]int{}
	for _, c := range d.commits {
		by[c.by]++
	}
	t.Logf("%d backups committed by %d agents, %d objects deleted, %d backups at the end", len(d.commits), len(by), d.deleted, len(good))
}
