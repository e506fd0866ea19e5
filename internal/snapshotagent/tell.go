package snapshotagent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/alarm"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/registration"
)

// mood is what hooks believe of the agent.
type mood struct {
	mu      sync.Mutex // guards what follows
	failing bool       // the last run failed
	overdue bool       // the backups cannot be relied on
	locked  bool       // there is trouble with the lock
	stopped bool       // nothing is deleted any more
	trouble *clock.Moment
}

// bad tells whether a recovery is to be told once all is well.
func (m *mood) bad() bool { return m.failing || m.overdue || m.locked || m.stopped }

// event is what hooks are told, but for what has happened.
func (a *Agent) event(s *Status) alarm.Event {
	current := a.current.Load()
	e := alarm.Event{
		Cluster: a.named(), Node: a.config.Node, Leading: s.Leading, Time: a.now().UTC(), Failures: s.Failing,
		LastGood: optional(s.LastProven), Next: optional(s.NextRun), RPO: alarm.Objective{State: "none"},
	}
	a.mu.Lock()
	e.Datacenter = a.datacenter
	a.mu.Unlock()
	for _, c := range s.Covered {
		e.Destinations = append(e.Destinations, alarm.Destination{Name: c.Name, Behind: c.Behind, Newest: optional(c.Newest)})
	}
	if current.RPO > 0 {
		e.RPO = alarm.Objective{State: "met", Seconds: current.RPO.Seconds(), Age: s.Oldest().Seconds()}
		if s.Missed(current.RPO) != "" {
			e.RPO.State = "missed"
		}
	}
	return e
}

// subject is the cluster for people.
func subject(e *alarm.Event) string {
	return cmp.Or(e.Cluster, "a cluster that has not said its name yet")
}

// optional is a time that may be missing.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// tellRun tells hooks how a run has ended that began at a moment.
func (a *Agent) tellRun(began clock.Moment, err error) {
	s := a.Status()
	if current := a.current.Load(); current.Interval > 0 && a.config.Elector != nil {
		s.NextRun = began.Wall.Add(current.Interval)
	}
	e := a.event(&s)
	if err != nil {
		a.tellFailure(&e, err)
		return
	}
	e.ID, e.Index, e.Proof, e.Reason = s.LastID, s.Index, string(inventory.Proven), registration.Presentable(s.Unproven)
	e.Text = fmt.Sprintf("Consul backup %s of %s is saved and proven", s.LastID, subject(&e))
	kinds := []alarm.Kind{alarm.Success, alarm.Proven}
	if s.Unproven != "" {
		e.Proof, kinds = string(inventory.Unproven), kinds[:1]
		e.Text = fmt.Sprintf("Consul backup %s of %s is saved, but unproven: %s", s.LastID, subject(&e), e.Reason)
	}
	a.mood.mu.Lock()
	defer a.mood.mu.Unlock()
	m := &a.mood
	bad, stopped := m.bad(), m.stopped
	m.failing, m.overdue = false, m.overdue && a.unhealthy(&s) != ""
	if s.Trouble == "" {
		m.locked, m.trouble = false, nil
	}
	if m.stopped = a.deletionStopped(&s, stopped); bad && !m.bad() {
		kinds = append([]alarm.Kind{alarm.Recovery}, kinds...)
	}
	a.alarm.Tell(e, kinds...)
	if m.stopped && !stopped {
		a.alert(&s, StageRetention, s.collapsed())
	}
}

// tellFailure tells hooks of a run that failed.
func (a *Agent) tellFailure(e *alarm.Event, err error) {
	var at *failed
	if errors.As(err, &at) {
		e.Stage = string(at.stage)
	}
	e.Reason = registration.Presentable(err.Error())
	e.Text = fmt.Sprintf("Consul backup of %s failed: %s", subject(e), e.Reason)
	a.mood.mu.Lock()
	defer a.mood.mu.Unlock()
	a.mood.failing = true
	a.alarm.Tell(*e, alarm.Failure)
}

// unhealthy is why the backups cannot be relied on, by the settings in force.
func (a *Agent) unhealthy(s *Status) string {
	current := a.current.Load()
	return s.Unhealthy(current.MaxAge, current.RPO)
}

// patience is how long there may be trouble with the lock before hooks are told: an election of Consul's takes seconds.
const patience = time.Minute

// The time between two looks of the vigil.
const (
	shortestVigil = time.Second
	longestVigil  = 10 * time.Second
)

// vigil watches for what no run tells: that there are none.
func (a *Agent) vigil(ctx context.Context) {
	for {
		left := a.review()
		if clock.Sleep(ctx, a.clock, min(max(left, shortestVigil), longestVigil)) != nil {
			return
		}
	}
}

// review compares the status with what is expected, and tells hooks and Consul what has changed. It returns the time until something may be
// overdue.
func (a *Agent) review() (left time.Duration) {
	s, current := a.Status(), a.current.Load()
	reason := a.unhealthy(&s)
	a.showMissed(&s, reason)
	a.mood.mu.Lock()
	defer a.mood.mu.Unlock()
	switch m := &a.mood; {
	case reason != "" && !m.overdue:
		m.overdue = true
		a.alert(&s, "", reason)
	case reason == "" && m.overdue:
		m.overdue = false
		a.relief(&s)
	}
	a.judgeLock(&s)
	a.judgeDeletion(&s)
	left = current.MaxAge - s.Age
	if current.RPO > 0 {
		left = min(left, current.RPO-s.Oldest())
	}
	return left
}

// showMissed shows in Consul what is wrong for a reason. Whoever leads does that, and whoever cannot know that another one does.
func (a *Agent) showMissed(s *Status, reason string) {
	switch r := a.config.Registrar; {
	case r == nil:
	case s.Leading:
		r.Missed(cmp.Or(s.Missed(a.current.Load().RPO), s.Damaged))
	case s.Trouble != "":
		r.Missed(reason)
	default:
		r.Missed("")
	}
}

// judgeLock tells hooks of trouble with the lock that lasts. The caller holds the mood.
func (a *Agent) judgeLock(s *Status) {
	now, m := a.clock.Now(), &a.mood
	switch {
	case s.Trouble == "":
		m.trouble = nil
		if m.locked {
			m.locked = false
			a.relief(s)
		}
	case m.trouble == nil:
		m.trouble = &now
	case !m.locked && now.Since(*m.trouble) >= patience:
		m.locked = true
		a.alert(s, StageLock, s.Trouble)
	}
}

// judgeDeletion tells hooks that nothing is deleted any more, and that it is again. The caller holds the mood.
func (a *Agent) judgeDeletion(s *Status) {
	was := a.mood.stopped
	a.mood.stopped = a.deletionStopped(s, was)
	switch {
	case a.mood.stopped && !was:
		a.alert(s, StageRetention, s.collapsed())
	case was && !a.mood.stopped:
		a.relief(s)
	}
}

// deletionStopped tells whether nothing is deleted, given whether it was so before: that has ended once every destination shows it.
func (a *Agent) deletionStopped(s *Status, before bool) bool {
	if s.collapsed() != "" {
		return true
	}
	return before && slices.ContainsFunc(a.current.Load().destinations, func(d *destination) bool {
		_, listed := s.Retained[d.name]
		return !listed
	})
}

// takeAsTold takes for told what runs before this process have told.
func (a *Agent) takeAsTold() {
	s := a.Status()
	a.mood.mu.Lock()
	defer a.mood.mu.Unlock()
	a.mood.stopped = s.collapsed() != ""
}

// alert tells hooks of a failure that is not that of a run. The caller holds the mood.
func (a *Agent) alert(s *Status, stage Stage, reason string) {
	a.log.Error("backups are in danger", "reason", reason)
	e := a.event(s)
	e.Stage, e.Reason = string(stage), registration.Presentable(reason)
	e.Text = fmt.Sprintf("Consul backups of %s are in danger: %s", subject(&e), e.Reason)
	a.alarm.Tell(e, alarm.Failure)
}

// relief tells hooks that nothing is wrong any more, if that is so. The caller holds the mood.
func (a *Agent) relief(s *Status) {
	if a.mood.bad() {
		return
	}
	e := a.event(s)
	e.Text = fmt.Sprintf("Consul backups of %s are in order again", subject(&e))
	a.alarm.Tell(e, alarm.Recovery)
}
