package history

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// A Report is what a history has shown.
type Report struct {
	Operations, Failed, Unknown int
	Stale                       []Stale     // default reads
	Violations                  []Violation // answers that are impossible
	Undecided                   []string    // keys that could not be judged within the time
}

// A Violation is a fault of one key or lock.
type Violation struct{ Key, Text string }

// Check judges a history. Each key takes at most limit.
func Check(ops []Operation, limit time.Duration) Report {
	report := Report{Operations: len(ops)}
	for _, o := range ops {
		switch o.Outcome {
		case Fail:
			report.Failed++
		case Unknown:
			report.Unknown++
		}
	}
	keys := byKey(ops)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		report.judge(key, keys[key], limit)
	}
	return report
}

// byKey takes a history apart. What concerns all keys goes to each of them.
func byKey(ops []Operation) map[string][]Operation {
	keys := map[string][]Operation{}
	var all []Operation
	for _, o := range ops {
		if o.concernsAll() {
			all = append(all, o)
		} else {
			keys[o.Key] = append(keys[o.Key], o)
		}
	}
	for key, own := range keys {
		if !slices.ContainsFunc(own, Operation.locks) {
			keys[key] = append(own, all...)
		}
	}
	return keys
}

func (r *Report) judge(key string, ops []Operation, limit time.Duration) {
	model, steps := modelOf(ops)
	switch porcupine.CheckOperationsTimeout(model, steps, limit) {
	case porcupine.Illegal:
		r.Violations = append(r.Violations, Violation{key, explain(model, steps, limit)})
	case porcupine.Unknown:
		r.Undecided = append(r.Undecided, key)
	}
	for _, text := range append(impossibleReads(ops), lostSessions(ops)...) {
		r.Violations = append(r.Violations, Violation{key, text})
	}
	r.Stale = append(r.Stale, staleReads(ops)...)
}

// modelOf tells what a key is from what is done to it: a lock or a register.
func modelOf(ops []Operation) (porcupine.Model, []porcupine.Operation) {
	if slices.ContainsFunc(ops, Operation.locks) {
		return lockModel, lockSteps(ops)
	}
	return registerModel, registerSteps(ops)
}

// explain says where the longest order that works comes to its end.
func explain(model porcupine.Model, steps []porcupine.Operation, limit time.Duration) string {
	_, info := porcupine.CheckOperationsVerbose(model, steps, limit)
	var longest []porcupine.Operation
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, order := range partition {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	placed := map[string]int{}
	for _, o := range longest {
		placed[nameOf(o)]++
	}
	slices.SortFunc(steps, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	var b strings.Builder
	fmt.Fprintf(&b, "no order explains all answers: %d of %d operations can be placed.", len(longest), len(steps))
	for _, o := range longest[max(0, len(longest)-3):] {
		fmt.Fprintf(&b, "\n  placed last: %s", nameOf(o))
	}
	shown := 0
	for _, o := range steps {
		if placed[nameOf(o)]--; placed[nameOf(o)] < 0 && shown < 3 {
			fmt.Fprintf(&b, "\n  cannot be placed: %s", nameOf(o))
			shown++
		}
	}
	return b.String()
}

func nameOf(o porcupine.Operation) string {
	switch input := o.Input.(type) {
	case step:
		return input.String()
	case turn:
		return input.String()
	}
	return ""
}

// impossibleReads finds reads of any kind whose value nobody can have written by then, or which differ about its index; one of each value.
func impossibleReads(ops []Operation) (faults []string) {
	known := indexesOf(ops)
	writes := map[string]Operation{}
	for _, o := range ops {
		if o.writes() {
			writes[o.Value] = o
		}
	}
	told := map[string]bool{}
	for _, o := range ops {
		if !o.reads() || o.Outcome != OK || o.Index == 0 || told[o.Value] {
			continue
		}
		before := len(faults)
		w, written := writes[o.Value]
		switch {
		case !written:
			faults = append(faults, fmt.Sprintf("what was read was never written: %s", o))
		case w.Outcome == Fail || w.Outcome == OK && !w.Done:
			faults = append(faults, fmt.Sprintf("what was read had been refused: %s; %s", o, w))
		case w.Call > o.Return:
			faults = append(faults, fmt.Sprintf("what was read had not been sent yet: %s; %s", o, w))
		case o.Index != known[o.Value]:
			faults = append(faults, fmt.Sprintf("what was written once was there at index %d and: %s; %s", known[o.Value], o, w))
		}
		told[o.Value] = len(faults) > before
	}
	return faults
}

// lostSessions finds sessions that a server does not know although nobody had ended them.
func lostSessions(ops []Operation) (faults []string) {
	ending := map[string]time.Duration{}
	for _, o := range ops {
		if first, ok := ending[o.Session]; o.Kind == End && (!ok || o.Call < first) {
			ending[o.Session] = o.Call
		}
	}
	for _, o := range ops {
		if end, ok := ending[o.Session]; strings.Contains(o.Error, invalidSession) && (!ok || end > o.Return) {
			faults = append(faults, fmt.Sprintf("a session was created, and is not there: %s", o))
		}
	}
	return faults
}

// Draw writes a page for a browser that shows what was done to one key, and how far an order of it is possible.
func Draw(w io.Writer, ops []Operation, key string, limit time.Duration) error {
	model, steps := modelOf(byKey(ops)[key])
	_, info := porcupine.CheckOperationsVerbose(model, steps, limit)
	return porcupine.Visualize(model, info, w)
}
