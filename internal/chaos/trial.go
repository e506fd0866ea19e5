//go:build heavy && linux

package chaos

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/history"
	"github.com/lictor-dr/lictor/internal/testproc"
)

const (
	judgeLimit = time.Minute     // for each key
	other      = 100             // the client of what is not the load's
	leaderWait = 5 * time.Second // how long an old leader may not know it after a fault has ended
)

// A trial is a cluster under load that faults strike.
type trial struct {
	t       *testing.T
	rng     *rand.Rand
	cluster *cluster
	load    *load
	indexes *indexes

	indexesGoBack bool // as a restore makes them

	faults  []span
	longest time.Duration // until the cluster took writes again once a fault had ended
}

// A span is when a fault was there.
type span struct {
	what     string
	from, to time.Duration // in the time of the history
}

// newTrial starts the load on a cluster that takes writes.
func newTrial(t *testing.T, c *cluster, lockers int) *trial {
	t.Helper()
	tr := &trial{t: t, rng: dice(t), cluster: c}
	body := strings.NewReader(`{"Node":"` + lockNode + `","Address":"192.0.2.1"}`)
	if _, err := c.ask(c.servers[0], http.MethodPut, "/v1/catalog/register", body); err != nil {
		t.Fatalf("register the node of the sessions: %v", err)
	}
	tr.indexes = watchIndexes(c)
	tr.load = newLoad(c, split(tr.rng), lockers)
	return tr
}

// A fault breaks something. What it returns ends it; then all servers must run, with nothing between them.
type fault struct {
	name   string
	strike func(*trial) (end func() error, err error)
}

// suffer strikes with random ones of the faults as long as the test may take, and judges what the clients have seen.
func (tr *trial) suffer(faults ...fault) {
	tr.t.Helper()
	over := time.Now().Add(spell)
	for time.Now().Before(over) && !tr.t.Failed() {
		pause(nil, between(tr.rng, 500*time.Millisecond, 2*time.Second))
		f := faults[tr.rng.IntN(len(faults))]
		if err := tr.once(f); err != nil {
			tr.t.Errorf("%s: %v", f.name, err)
		}
	}
	tr.close()
}

// once strikes with a fault, waits, ends it, and waits until the cluster is well.
func (tr *trial) once(f fault) error {
	began := tr.load.recorder.Now()
	end, err := f.strike(tr)
	if err != nil {
		return err
	}
	pause(nil, between(tr.rng, time.Second, 5*time.Second))
	err = end()
	tr.note(f.name, began)
	return errors.Join(err, tr.recover())
}

func (tr *trial) note(what string, began time.Duration) {
	tr.faults = append(tr.faults, span{what, began, tr.load.recorder.Now()})
	tr.t.Logf("%.3f-%.3f %s", began.Seconds(), tr.load.recorder.Now().Seconds(), what)
}

// recover waits until the cluster is well.
func (tr *trial) recover() error {
	began := time.Now()
	err := tr.cluster.ready()
	tr.longest = max(tr.longest, time.Since(began))
	if err != nil {
		return fmt.Errorf("%v after the fault has ended: %w", readyLimit, err)
	}
	return nil
}

// leader is the leader now, which must be there.
func (tr *trial) leader() (leader *server, err error) {
	err = testproc.Eventually(readyLimit, func() error {
		if leader = tr.cluster.leader(); leader == nil {
			return errors.New("there is no leader")
		}
		return nil
	})
	return leader, err
}

// close ends the trial: everything is mended, the load stops, and what was seen is judged.
func (tr *trial) close() {
	tr.t.Helper()
	if err := tr.cluster.mend(tr.t); err != nil {
		tr.t.Errorf("mend: %v", err)
	}
	if err := tr.recover(); err != nil {
		tr.t.Errorf("at the end: %v", err)
	}
	tr.load.stop()
	tr.readAll()
	if err := tr.cluster.equal(); err != nil {
		tr.t.Errorf("the servers differ: %v", err)
	}
	if err := tr.indexes.stop(); err != nil && !tr.indexesGoBack {
		tr.t.Error(err)
	}
	ops := tr.load.recorder.Operations()
	report := history.Check(ops, judgeLimit)
	tr.judge(report)
	if tr.t.Failed() {
		tr.keep(ops, report)
	}
}

// readAll reads every key a last time, as part of the history: so each acknowledged write is there, or another after it.
func (tr *trial) readAll() {
	known := map[string]bool{}
	w := tr.load.client(other, split(tr.rng))
	for _, o := range tr.load.recorder.Operations() {
		if !strings.HasPrefix(o.Key, prefix) || known[o.Key] {
			continue
		}
		known[o.Key] = true
		err := testproc.Eventually(readyLimit, func() error {
			if last := w.Read(tr.t.Context(), w.server(), o.Key); last.Outcome != history.OK {
				return errors.New(last.Error)
			}
			return nil
		})
		if err != nil {
			tr.t.Errorf("read %s a last time: %v", o.Key, err)
		}
	}
}

// judge reports what a history has shown.
func (tr *trial) judge(r history.Report) {
	tr.t.Helper()
	for _, v := range r.Violations {
		tr.t.Errorf("VIOLATION at %s: %s", v.Key, v.Text)
	}
	for _, key := range r.Undecided {
		tr.t.Errorf("%s could not be judged within %v", key, judgeLimit)
	}
	var oldest time.Duration
	unexplained := 0
	for _, s := range r.Stale {
		oldest = max(oldest, s.Age)
		if !tr.during(s.Call) {
			unexplained++
			tr.t.Logf("stale although nothing was broken: %v, by %v", s.Operation, s.Age)
		}
	}
	if tr.load.acked.Load() == 0 || len(tr.faults) == 0 {
		tr.t.Errorf("%d writes acknowledged, %d faults: the test tests nothing", tr.load.acked.Load(), len(tr.faults))
	}
	tr.t.Logf("summary: %d servers, %d faults, %d operations, %d writes acknowledged, %d failed, %d unknown, %d violations, "+
		"%d stale default reads (the oldest by %v, %d outside of faults), well again after at most %v", len(tr.cluster.servers), len(tr.faults),
		r.Operations, tr.load.acked.Load(), r.Failed, r.Unknown, len(r.Violations), len(r.Stale), oldest.Round(time.Millisecond), unexplained,
		tr.longest.Round(time.Millisecond))
}

// during tells whether a fault was there, or had just ended.
func (tr *trial) during(at time.Duration) bool {
	for _, f := range tr.faults {
		if at >= f.from && at <= f.to+leaderWait {
			return true
		}
	}
	return false
}

// keep writes down what there is to know about a trial that has failed.
func (tr *trial) keep(ops []history.Operation, r history.Report) {
	dir, err := tr.cluster.keepLogs()
	if dir == "" {
		tr.t.Error(err)
		return
	}
	var faults strings.Builder
	fmt.Fprintf(&faults, "%s LICTOR_SEED=%d\n", tr.t.Name(), seed)
	for _, f := range tr.faults {
		fmt.Fprintf(&faults, "%.6f-%.6f %s\n", f.from.Seconds(), f.to.Seconds(), f.what)
	}
	errs := []error{err, os.WriteFile(filepath.Join(dir, "faults"), []byte(faults.String()), 0o600)}
	errs = append(errs, writeTo(filepath.Join(dir, "history.ndjson"), func(f *os.File) error { return history.Write(f, ops) }))
	for _, v := range r.Violations {
		page := filepath.Join(dir, strings.ReplaceAll(v.Key, "/", "-")+".html")
		errs = append(errs, writeTo(page, func(f *os.File) error { return history.Draw(f, ops, v.Key, judgeLimit) }))
	}
	tr.t.Errorf("what there is to know is in %s (%v); judge it again: LICTOR_CHAOS_HISTORY=%s/history.ndjson", dir, errors.Join(errs...), dir)
}

func writeTo(path string, write func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
