package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/hashicorp/consul/api"
	"golang.org/x/term"

	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/progress"
	"github.com/lictor-dr/lictor/internal/selective"
	"github.com/lictor-dr/lictor/internal/undofile"
)

// A selectiveRun brings what is meant of a source back into a living datacenter: it makes a plan and shows it, asks, writes the undo file,
// carries the plan out, compares, and tells what came of it. Several commands end in one.
type selectiveRun struct {
	*program
	config  *api.Config // of the target, as api.NewClient has completed it
	filter  *diff.Filter
	all     bool // the filter means all that there is, and was not given
	renames []selective.Rename
	delete  bool
	dryRun  bool
	yes     bool
	json    bool
	limit   int
	// undoFile is where the way back is kept; empty stands for a file with a name of its own, which begins with undoBase.
	undoFile, undoBase string
	// piped tells that standard input is the source, so that nobody can answer.
	piped bool
	// terminal tells whether somebody can answer; nil asks standard input.
	terminal func() bool

	doing string // what fails, in messages
}

// run restores out of a source, and returns the exit code.
func (c *selectiveRun) run(ctx context.Context, source digest.Source, name string) int {
	c.doing = "restoring snapshot"
	plan, err := selective.Make(ctx, c.target(), source, c.options(name))
	if err != nil {
		return c.broken(ctx, err)
	}
	defer plan.Close()
	for _, term := range plan.Unmatched {
		if c.all {
			break
		}
		then := ""
		if c.delete {
			then = "; with -delete all that the datacenter has of it is removed"
		}
		c.warn("the snapshot has nothing for %s%s", printable(term), then)
	}
	undo := c.undoFile
	if undo == "" && plan.Len() > 0 {
		if undo, err = freeUndo(c.undoBase, &plan.Cluster); err != nil {
			return c.broken(ctx, err)
		}
	}
	return c.carryOut(ctx, plan, undo)
}

// takeBack takes a restore back, and returns the exit code.
func (c *selectiveRun) takeBack(ctx context.Context, path string, anyCluster bool) int {
	c.doing = "undoing the restore"
	file, err := undofile.Open(path)
	if err != nil {
		return c.broken(ctx, err)
	}
	defer file.Close()
	plan, err := selective.Undo(ctx, c.target(), file, anyCluster, c.options(path))
	if errors.Is(err, selective.ErrOtherCluster) {
		err = fmt.Errorf("%w; -any-cluster undoes it there all the same", err)
	}
	if err != nil {
		return c.broken(ctx, err)
	}
	defer plan.Close()
	return c.carryOut(ctx, plan, "")
}

func (c *selectiveRun) target() *selective.Target { return &selective.Target{Config: c.config} }

func (c *selectiveRun) options(name string) selective.Options {
	return selective.Options{
		Filter: c.filter, Renames: c.renames, Delete: c.delete, Source: name, Scratch: scratchFile, Progress: progress.New(c.err),
	}
}

// broken says why nothing was done.
func (c *selectiveRun) broken(ctx context.Context, err error) int {
	return c.fail("Error %s: %s", c.doing, interrupted(ctx, err))
}

// carryOut shows a plan, asks, and carries it out.
func (c *selectiveRun) carryOut(ctx context.Context, plan *selective.Plan, undo string) int {
	for _, text := range plan.Warnings {
		c.warn("%s", printable(text))
	}
	if c.dryRun {
		return c.preview(plan, undo)
	}
	if !c.json {
		if err := c.show(plan); err != nil {
			return c.fail("Error printing the plan: %s", err)
		}
	}
	if plan.Len() == 0 {
		return c.report(ctx, plan, &selective.Outcome{}, nil)
	}
	if err := c.confirm(ctx, plan, undo); err != nil {
		return c.broken(ctx, err)
	}
	if _, err := os.Lstat(undo); undo != "" && err == nil {
		c.tell("%s is of a restore that was broken off; it is extended, so that undo leads back to before that one", printable(undo))
	}
	outcome, err := plan.Apply(ctx, undo)
	code := c.report(ctx, plan, outcome, err)
	if undo != "" && outcome.Undo == "" {
		c.tell("Hint: -undo=FILE keeps the way back elsewhere")
	}
	return code
}

// show prints the plan for people.
func (c *selectiveRun) show(plan *selective.Plan) error {
	out := bufio.NewWriterSize(c.out, 64<<10)
	return errors.Join(plan.WriteText(out, c.limit), out.Flush())
}

func (c *selectiveRun) preview(plan *selective.Plan, undo string) int {
	var err error
	if c.json {
		err = c.showJSON(plan, map[string]any{"DryRun": true, "Undo": undo})
	} else {
		err = c.show(plan)
	}
	if err != nil {
		return c.fail("Error printing the plan: %s", err)
	}
	if !c.json {
		if undo != "" {
			c.say("The way back would be kept in %s", printable(undo))
		}
		c.say("Dry run: nothing was changed.")
	}
	return 0
}

func (c *selectiveRun) showJSON(plan *selective.Plan, more map[string]any) error {
	out := bufio.NewWriterSize(c.out, 64<<10)
	return errors.Join(plan.WriteJSON(out, more), out.Flush())
}

// confirm asks whether the plan is to be carried out. Without somebody to ask the answer is no.
func (c *selectiveRun) confirm(ctx context.Context, plan *selective.Plan, undo string) error {
	if c.yes {
		return nil
	}
	if c.piped {
		return errors.New("standard input is the snapshot, so that nobody can say yes there: -yes says it; nothing was changed")
	}
	if !c.canAsk() {
		return errors.New("standard input is no terminal, so that nobody can say yes there: -yes says it; nothing was changed")
	}
	at := plan.Cluster
	fmt.Fprintf(c.err, "\nThis changes datacenter %s, whose leader is %s, through %s:\n  %s.\n", printable(cmp.Or(at.Datacenter, "(unknown)")),
		printable(cmp.Or(at.Leader, "not known")), printable(at.Address), plan.Summary())
	if undo != "" {
		fmt.Fprintf(c.err, "  The way back is kept in %s.\n", printable(undo))
	}
	fmt.Fprint(c.err, "Go on? Only yes is taken for yes: ")
	answer := make(chan string, 1)
	go func() { // which ends with the process, if nobody answers
		line, _ := bufio.NewReader(io.LimitReader(c.in, 1<<10)).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(c.err)
		return context.Cause(ctx)
	case text := <-answer:
		if text != "yes" {
			return errors.New("the answer was not yes; nothing was changed")
		}
	}
	return nil
}

func (c *selectiveRun) canAsk() bool {
	if c.terminal != nil {
		return c.terminal()
	}
	f, ok := c.in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// report tells what came of a plan, and returns the exit code: 1 if it was broken off or something was refused, 2 if the datacenter is not
// as it was planned.
func (c *selectiveRun) report(ctx context.Context, plan *selective.Plan, o *selective.Outcome, err error) int {
	code := 0
	switch {
	case err != nil || len(o.Failed) > 0:
		code = 1
	case !o.Equal() || len(plan.Changed) > 0:
		code = 2
	}
	if c.json {
		if jsonErr := c.showJSON(plan, map[string]any{"DryRun": false, "Undo": o.Undo, "Outcome": outcomeJSON(ctx, o, err)}); jsonErr != nil {
			return c.fail("Error printing the result: %s", jsonErr)
		}
	} else if plan.Len() == 0 {
		c.say("Nothing to do")
	} else {
		c.tellOutcome(o)
	}
	if err != nil {
		c.fail("Error %s: %s", c.doing, interrupted(ctx, err))
		if o.NotDone > 0 && (o.Undo != "" || plan.Undoing) {
			c.tell("Hint: %s; the same command again goes on where this one stopped", undone(o))
		}
	}
	if o.Undo != "" && o.Done()+o.NotDone > 0 {
		name := c.name
		if name == consulSnapshotName { // which has no such command
			name = "lictor"
		}
		c.tell("To take it back: %s snapshot undo %s", name, shellWord(o.Undo))
	}
	return code
}

func undone(o *selective.Outcome) string {
	return fmt.Sprintf("%s done, %d not, or not known to be", plural(o.Done(), "change")+" "+was(o.Done()), o.NotDone)
}

func was(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// tellOutcome tells people what was done and what was not.
func (c *selectiveRun) tellOutcome(o *selective.Outcome) {
	for _, count := range o.Applied {
		c.say("%s: %d created, %d updated, %d deleted", diff.Plural(count.Family), count.Added, count.Changed, count.Removed)
	}
	if o.Already > 0 {
		c.say("As they were to be when they were about to be written: %d", o.Already)
	}
	for _, list := range []struct {
		heading string
		all     []selective.Finding
	}{{"Left alone", o.Conflicts}, {"Refused", o.Failed}, {"Differs", o.Remaining}} {
		for i, f := range list.all {
			if c.limit > 0 && i == c.limit {
				c.say("%s: … and %d more", list.heading, len(list.all)-i)
				break
			}
			c.say("%s: %s %s: %s", list.heading, f.Family, printable(f.Name), printable(f.Text))
		}
	}
	switch {
	case o.NotRead != nil:
		c.say("Not compared: %s", o.NotRead)
	case o.Compared && len(o.Remaining) == 0 && o.Done() > 0:
		c.say("Compared: what was written is what it was to be")
	}
}

// outcomeJSON is an outcome as JSON.
func outcomeJSON(ctx context.Context, o *selective.Outcome, err error) any {
	type finding struct{ Family, Name, Text string }
	list := func(all []selective.Finding) []finding {
		out := []finding{}
		for _, f := range all {
			out = append(out, finding{diff.Word(f.Family), f.Name, f.Text})
		}
		return out
	}
	text := func(err error) string {
		if err == nil {
			return ""
		}
		return interrupted(ctx, err).Error()
	}
	return struct {
		Equal                        bool
		Applied                      any
		Already, NotDone             int64
		Conflicts, Failed, Remaining []finding
		Compared                     bool
		NotCompared, Error           string `json:",omitempty"`
	}{o.Equal(), selective.CountsJSON(o.Applied), o.Already, o.NotDone, list(o.Conflicts), list(o.Failed), list(o.Remaining), o.Compared,
		text(o.NotRead), text(err)}
}

// freeUndo is a name for an undo file that begins with base: that of a restore into this cluster that was broken off, which is to be gone
// on with, or else one that is not there yet.
func freeUndo(base string, at *selective.Cluster) (string, error) {
	dc := strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_", r)) {
			return r
		}
		return '-'
	}, at.Datacenter)
	for n := 1; n < 10_000; n++ {
		path := fmt.Sprintf("%s.%s.undo", base, cmp.Or(dc, "unknown"))
		if n > 1 {
			path = fmt.Sprintf("%s.%s.%d.undo", base, cmp.Or(dc, "unknown"), n)
		}
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
			return path, nil
		}
		f, err := undofile.Open(path)
		if err != nil {
			continue // somebody else's, or damaged: it is left as it is
		}
		goesOn := f.Finished.IsZero() && selective.Extendable(f, at)
		if err := f.Close(); err != nil {
			return "", err
		}
		if goesOn {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no free name for an undo file beside %s: name one with -undo", base)
}
