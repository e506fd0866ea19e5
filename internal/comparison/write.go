package comparison

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/object"
)

const (
	maxWritten = 20 // differences that a report names
	width      = 80 // of its lines, where names are not longer
	maxNotes   = 5  // notes on changes that it has
	maxName    = 60 // bytes of a name
)

// Write writes a short report for people.
func (r *Result) Write(w io.Writer) error {
	var b bytes.Buffer
	verdict := "equal"
	if n := total(r.Counts.Differences); n > 0 {
		verdict = counted(n, "difference")
	}
	fmt.Fprintf(&b, "Compared %s with the archive: %s\n", counted(r.Compared, "object"), verdict)
	r.writeDifferences(&b)
	writeChanges(&b, "written since the restore", r.WrittenSince, r.Counts.WrittenSince, written, "")
	writeNotes(&b, r.WrittenSince)
	writeChanges(&b, "deleted since the restore", r.WrittenSince, r.Counts.WrittenSince, deleted, "")
	r.writeReaped(&b)
	for _, why := range []Reason{ServersWrite, NewForm} {
		writeChanges(&b, labels[why], r.Replaced, r.Counts.Replaced, anyKind, why)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (r *Result) writeDifferences(b *bytes.Buffer) {
	for _, d := range r.Differences[:min(maxWritten, len(r.Differences))] {
		fmt.Fprintf(b, "  %s: %s", d.What, shown(d.Type, d.Name))
		if d.Note != "" {
			fmt.Fprintf(b, "\n    %s", d.Note)
		}
		b.WriteByte('\n')
	}
	more := total(r.Counts.Differences) - maxWritten
	if more <= 0 {
		return
	}
	var parts []string
	for _, c := range r.Counts.Differences {
		parts = append(parts, counted(c.Count, c.Type)+" "+string(c.What))
	}
	fmt.Fprintf(b, "  and %s more; in all %s\n", grouped(more), strings.Join(parts, ", "))
}

// labels begin the lines of a report.
var labels = map[Reason]string{
	NoMember:     "removed by the cluster",
	NodeRenamed:  "registered by another name now",
	NotAtAgent:   "removed by the agent of the node",
	SessionEnded: "unlocked or deleted with a session",
	TTLExpired:   "ended by the TTL or before",
	CheckLost:    "ended with a check",
	TokenExpired: "expired",
	NotInPrimary: "not in the primary datacenter",
	ServersWrite: "written anew by the servers",
	NewForm:      "turned into config entries",
}

func anyKind(digest.Kind) bool      { return true }
func written(what digest.Kind) bool { return what != Deleted }
func deleted(what digest.Kind) bool { return what == Deleted }

func (r *Result) writeReaped(b *bytes.Buffer) {
	r.writeNoMembers(b)
	for _, why := range []Reason{NodeRenamed, NotAtAgent, CheckLost, TTLExpired, SessionEnded, TokenExpired, NotInPrimary} {
		writeChanges(b, labels[why], r.Reaped, r.Counts.Reaped, anyKind, why)
	}
}

// writeNoMembers writes which nodes are gone, and how much with them.
func (r *Result) writeNoMembers(b *bytes.Buffer) {
	var nodes, rest []string
	var count int64
	for _, c := range r.Counts.Reaped {
		switch {
		case c.Reason != NoMember:
		case c.Type == object.FamilyNode:
			count = c.Count
		default:
			rest = append(rest, counted(c.Count, c.Type))
		}
	}
	for _, c := range r.Reaped {
		if c.Reason == NoMember && c.Type == object.FamilyNode {
			nodes = append(nodes, brief(c.Name))
		}
	}
	with := strings.Join(rest, ", ")
	switch {
	case count == 0 && with == "":
	case count == 0:
		fmt.Fprintf(b, "  %s: %s\n", labels[NoMember], with)
	default:
		line := "  " + labels[NoMember] + ": " + counted(count, object.FamilyNode)
		if count == 1 && len(nodes) == 1 {
			line = "  " + labels[NoMember] + ": node " + nodes[0]
		} else {
			line += listed(nodes, count, width-len(line))
		}
		if with != "" {
			line += " with " + with
		}
		fmt.Fprintln(b, line)
	}
}

// writeChanges writes one line about the changes of some kinds and of a reason, if there are any.
func writeChanges(b *bytes.Buffer, label string, changes []Change, counts []Count, kind func(digest.Kind) bool, why Reason) {
	var parts []string
	var all int64
	sums := map[string]int64{}
	for _, c := range counts {
		if kind(c.What) && c.Reason == why {
			sums[c.Type] += c.Count
			all += c.Count
		}
	}
	for _, c := range counts {
		if n := sums[c.Type]; n > 0 && kind(c.What) && c.Reason == why {
			parts = append(parts, counted(n, c.Type))
			delete(sums, c.Type)
		}
	}
	if all == 0 {
		return
	}
	var names []string
	for _, c := range changes {
		if kind(c.What) && c.Reason == why && c.Name != "" {
			names = append(names, brief(c.Name))
		}
	}
	line := "  " + label + ": " + strings.Join(parts, ", ")
	list := listed(names, all, width-len(line))
	if len(line)+len(list) > width {
		list = "\n   " + listed(names, all, width-len("   "))
	}
	b.WriteString(line + list + "\n")
}

// writeNotes writes what else is known of changes.
func writeNotes(b *bytes.Buffer, changes []Change) {
	n := 0
	for _, c := range changes {
		if c.Note != "" && n < maxNotes {
			fmt.Fprintf(b, "    %s: %s\n", shown(c.Type, c.Name), printable(c.Note))
			n++
		}
	}
}

// listed is as many names as there is room for, one at least, in brackets, and how many more there are.
func listed(names []string, all int64, room int) string {
	if len(names) == 0 {
		return ""
	}
	const last = len(", and 1,000,000 more)")
	text := " (" + names[0]
	n := 1
	for ; n < len(names) && len(text)+len(", ")+len(names[n])+last <= room; n++ {
		text += ", " + names[n]
	}
	if more := all - int64(n); more > 0 {
		text += fmt.Sprintf(", and %s more", grouped(more))
	}
	return text + ")"
}

// shown is an object as a report names it.
func shown(family, name string) string {
	if name == "" {
		return family
	}
	return family + " " + brief(name)
}

// brief is a name as a terminal can show it, cut if it is long.
func brief(name string) string {
	if len(name) <= maxName {
		return printable(name)
	}
	n := maxName
	for n > 0 && !utf8.RuneStart(name[n]) {
		n--
	}
	return printable(name[:n] + "…")
}

// printable is text as a terminal can show it.
func printable(text string) string {
	for _, r := range text {
		if !strconv.IsPrint(r) || r == utf8.RuneError {
			return strconv.Quote(text)
		}
	}
	return text
}

// counted is a number of things of a type.
func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	switch {
	case strings.HasSuffix(what, "x"):
		what += "es"
	case strings.HasSuffix(what, "y") && !strings.HasSuffix(what, "ey"):
		what = strings.TrimSuffix(what, "y") + "ies"
	default:
		what += "s"
	}
	return grouped(n) + " " + what
}

// grouped is a number with its digits in groups of three.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func total(counts []Count) (n int64) {
	for _, c := range counts {
		n += c.Count
	}
	return n
}
