package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/inspect"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/restore"
)

// dryRun is the result of a dry run as JSON.
type dryRun struct {
	Backup       *restoredBackup `json:",omitempty"` // out of a store
	Meta         inspect.Meta
	Stats        []inspect.Stat
	TotalSize    int64
	Origin       *restore.Origin
	Target       *restore.State
	Aftermath    *restore.Aftermath
	AllowedTypes map[record.Type]int64
	DroppedTypes map[record.Type]int64
	Safety       *plannedSafety `json:",omitempty"`
	Warnings     []string
}

// plannedSafety is where the safety snapshot would go, unless the target holds nothing.
type plannedSafety struct {
	Location   string
	Encryption string // whom it would be encrypted for; empty if it would not
}

// preview prints what a restore would do.
func (c *snapshotRestore) preview(ctx context.Context, r *restoring, guard *restore.Guard) int {
	plan := r.plan
	v, err := plan.Preview(ctx, r.target)
	if err != nil {
		return c.refuse(err)
	}
	safety, err := planSafety(ctx, guard, v.Target.Datacenter)
	if err != nil {
		return c.refuse(err)
	}
	if dc := v.Target.Datacenter; dc != "" && len(v.Origin.Datacenters) > 0 && !slices.Contains(v.Origin.Datacenters, dc) {
		c.note("the snapshot is of datacenter %s, the target is %s", printable(strings.Join(v.Origin.Datacenters, ", ")), printable(dc))
	}
	census := plan.Report.Census()
	if c.format == "json" {
		return c.sayJSON(c.say, &dryRun{
			Backup: backupOf(r.from), Safety: safety,
			Meta: census.Meta, Stats: census.Stats, TotalSize: census.TotalSize, Origin: v.Origin, Target: v.Target, Aftermath: v.Aftermath,
			AllowedTypes: counts(plan.Allowed), DroppedTypes: counts(plan.Dropped), Warnings: append([]string{}, c.warnings...),
		})
	}
	writeCensus(c.out, census)
	writeOrigin(c.out, v.Origin)
	writeTarget(c.out, v.Target)
	c.say("")
	writeAftermath(c.out, v.Aftermath)
	if safety != nil {
		writeSafety(c.out, safety)
	}
	c.say("\nDry run: nothing was sent.")
	return 0
}

// planSafety is nil without a guard.
func planSafety(ctx context.Context, guard *restore.Guard, datacenter string) (*plannedSafety, error) {
	if guard == nil {
		return nil, nil
	}
	name := guard.Name(datacenter)
	if err := guard.Depot.Check(ctx, name); err != nil {
		return nil, fmt.Errorf("the safety snapshot of the target has no place: %w", err)
	}
	plan := &plannedSafety{Location: guard.Depot.Location(name)}
	if guard.To != nil {
		plan.Encryption = guard.To.String()
	}
	return plan, nil
}

func writeSafety(w io.Writer, s *plannedSafety) {
	how := ""
	if s.Encryption != "" {
		how = ", encrypted for " + s.Encryption
	}
	fmt.Fprintf(w, "\nBefore, the target's state is saved%s, unless it is empty\n  %s\n", how, printable(s.Location))
}

func writeOrigin(w io.Writer, o *restore.Origin) {
	fmt.Fprintf(w, "\nThe snapshot")
	if len(o.Datacenters) > 0 {
		fmt.Fprintf(w, " is of datacenter %s", printable(strings.Join(o.Datacenters, ", ")))
	}
	if o.SavedAt != nil {
		fmt.Fprintf(w, ", saved %s", o.SavedAt.Format("2006-01-02 15:04:05 MST"))
	}
	fmt.Fprintf(w, "\n  holds %s\n", holdings(&o.Keys, &o.Nodes, &o.Services)+", "+plural(o.Sessions, "session"))
	for _, s := range o.Servers {
		fmt.Fprintf(w, "  server %s\n", printable(describeServer(s)))
	}
}

func describeServer(s restore.Server) string {
	text := s.Name
	if text == "" {
		text = "with ID " + s.ID
	}
	text += " at " + s.Address
	if s.Version != "" {
		text += ", version " + s.Version
	}
	return text
}

func writeTarget(w io.Writer, t *restore.State) {
	fmt.Fprintf(w, "\nThe target is %s", t.Address)
	if !t.Reached {
		fmt.Fprintf(w, ", which does not answer. What a restore would replace is not known\n")
	} else {
		if t.Datacenter != "" {
			fmt.Fprintf(w, ", datacenter %s", printable(t.Datacenter))
		}
		leader := "no leader: a restore will fail"
		if t.Leader != "" {
			leader = "leader " + t.Leader
		}
		fmt.Fprintf(w, ", %s\n  a restore replaces all it holds: %s\n", printable(leader), holdings(t.Keys, t.Nodes, t.Services))
	}
	for _, problem := range t.Problems {
		fmt.Fprintf(w, "  could not ask: %s\n", printable(problem))
	}
}

// holdings counts what a cluster or a snapshot holds.
func holdings(keys, nodes, services *int64) string {
	text := func(n *int64, what string) string {
		if n == nil {
			return "an unknown number of " + what + "s"
		}
		return plural(*n, what)
	}
	return text(keys, "key") + ", " + text(nodes, "node") + ", " + text(services, "service")
}

func writeAftermath(w io.Writer, a *restore.Aftermath) {
	fmt.Fprint(w, "What the cluster does by itself after a restore\n")
	n := int64(len(a.NodesRemoved))
	switch names := someOf(a.NodesRemoved, n); {
	case n == 0:
		fmt.Fprint(w, "  removes no node: those that have an agent are live members of the target\n")
	case !a.MembersKnown:
		fmt.Fprintf(w, "  removes nodes whose agents are no live members of the target; which are live is not known,\n"+
			"  so at most %s: %s\n", plural(n, "node"), names)
	case n == 1:
		fmt.Fprintf(w, "  removes 1 node whose agent is no live member of the target: %s\n", names)
	default:
		fmt.Fprintf(w, "  removes %s whose agents are no live members of the target: %s\n", plural(n, "node"), names)
	}
	if n > 0 {
		fmt.Fprintf(w, "    which ends %s, releases %s and deletes %s locked by sessions with Behavior delete%s\n",
			plural(a.SessionsEnded, "session"), plural(a.LocksReleased, "lock"), plural(a.KeysDeleted, "key"), examples(a))
	}
	if a.TTLSessions > 0 {
		fmt.Fprintf(w, "  ends %s with a TTL twice that time later, unless renewed\n", plural(a.TTLSessions, "session"))
	}
	fmt.Fprint(w, "  forgets lock delays: what was protected by one can be locked at once\n")
	if a.TokenReplaced {
		fmt.Fprint(w, "  replaces the server-management-token\n")
	}
}

func examples(a *restore.Aftermath) string {
	if a.KeysDeleted == 0 {
		return ""
	}
	return ": " + someOf(a.KeysDeletedExamples, a.KeysDeleted)
}

// someOf lists up to ten names of n.
func someOf(names []string, n int64) string {
	shown := make([]string, 0, 10)
	for _, name := range names[:min(10, len(names))] {
		shown = append(shown, printable(name))
	}
	text := strings.Join(shown, ", ")
	if more := n - int64(len(shown)); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
