package main

import (
	"context"
	"encoding/hex"
	"maps"
	"time"

	"github.com/lictor-dr/lictor/internal/comparison"
	"github.com/lictor-dr/lictor/internal/progress"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/restore"
)

// restoring is a restore that is about to be carried out.
type restoring struct {
	plan   *restore.Plan
	target *restore.Cluster
	from   *restore.Fetched // nil for a file
	began  time.Time
}

// carryOut restores what was checked, or shows what that would do.
func (c *snapshotRestore) carryOut(ctx context.Context, r *restoring) int {
	c.announce(r.plan)
	guard, err := c.guard(r)
	if err != nil {
		return c.refuse(err)
	}
	if c.dryRun {
		return c.preview(ctx, r, guard)
	}
	after, err := c.after(r.target)
	if err != nil {
		return c.refuse(err)
	}
	checked := time.Now()
	run := &restore.Run{Plan: r.plan, Target: r.target, Guard: guard, After: after, Kept: c.kept, Progress: progress.New(c.err)}
	outcome, err := run.Do(ctx)
	if err != nil {
		c.refuse(explainSafety(ctx, err))
		if s := outcome.Safety; s != nil && s.Location != "" {
			c.tell("The safety snapshot of the target stays: %s", s.Location)
		}
		return 1
	}
	return c.report(ctx, r, outcome, checked)
}

// restoredSnapshot is the result as JSON. Durations are in seconds.
type restoredSnapshot struct {
	Restored     bool
	Backup       *restoredBackup `json:",omitempty"` // out of a store
	ID           string
	Index        uint64 // of the snapshot
	Term         uint64
	Size         int64  // of the records that were sent
	Bytes        int64  // that were sent
	SHA256       string // of what was sent
	Records      map[string]int64
	AllowedTypes map[record.Type]int64 // records let through, by type
	DroppedTypes map[record.Type]int64 // records left out, by type
	Safety       *safetyResult         `json:",omitempty"`
	Aftermath    *restore.Aftermath
	Comparison   *comparison.Result `json:",omitempty"`
	NotCompared  string             `json:",omitempty"` // why there is no comparison, where one was to be
	Warnings     []string
	Durations    struct{ Check, Send, Total float64 }
}

// report tells the result: on standard output in Consul's words, with the comparison, and what of it will not last, for people, beside it.
func (c *snapshotRestore) report(ctx context.Context, r *restoring, o *restore.Outcome, checked time.Time) int {
	code := 0
	if !o.Equal() {
		code = 2
	}
	if c.format == "json" {
		return max(code, c.sayJSON(c.say, c.resultOf(r, o, checked)))
	}
	c.say("Restored snapshot")
	if o.Comparison != nil {
		_ = o.Comparison.Write(c.out) // which remembers a failure
	}
	if o.Aftermath.Loses() {
		writeAftermath(c.err, o.Aftermath)
	}
	if o.NotCompared != nil {
		c.notCompared(ctx, o.NotCompared)
	}
	if s := o.Safety; s != nil && !s.Empty {
		c.tell("To go back to the state before: %s", c.wayBack(s, r))
	}
	return code
}

// notCompared says that the restore has happened, and what is not known of it.
func (c *snapshotRestore) notCompared(ctx context.Context, err error) {
	c.tell("Not compared: %s", err)
	switch {
	case restore.Denied(err):
		c.tell("Hint: the snapshot is restored, and its tokens with it; the token of this command may not save any more, so that the target " +
			"is not known to be equal. Name a token of the snapshot that has acl:write with -token-after-file")
	case ctx.Err() != nil:
		c.tell("Hint: the snapshot is restored; the target was not compared with it, because that was interrupted")
	default:
		c.tell("Hint: the snapshot is restored; the target is not known to be equal to it")
	}
}

func (c *snapshotRestore) resultOf(r *restoring, o *restore.Outcome, checked time.Time) *restoredSnapshot {
	p := r.plan
	rep, m := p.Report, p.Report.Meta
	result := &restoredSnapshot{
		Restored: true, Backup: backupOf(r.from), ID: m.ID, Index: m.Index, Term: m.Term, Size: rep.StateSize, Bytes: rep.Bytes,
		SHA256: hex.EncodeToString(rep.SHA256[:]), Records: rep.Records(),
		AllowedTypes: counts(p.Allowed), DroppedTypes: counts(p.Dropped), Safety: c.safetyOf(o.Safety, r), Aftermath: o.Aftermath,
		Comparison: o.Comparison, Warnings: append([]string{}, c.warnings...),
	}
	if o.NotCompared != nil {
		result.NotCompared = o.NotCompared.Error()
	}
	result.Durations.Check = seconds(checked.Sub(r.began))
	result.Durations.Send = seconds(o.Restored.Sub(checked))
	result.Durations.Total = seconds(time.Since(r.began))
	return result
}

// counts is never null in JSON.
func counts(m map[record.Type]int64) map[record.Type]int64 {
	out := map[record.Type]int64{}
	maps.Copy(out, m)
	return out
}
