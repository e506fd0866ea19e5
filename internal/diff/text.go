package diff

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// A Text shows a result to people: a section for each family, with a line for each object that was added (+) or removed (-), and one for
// each that was changed (~) with what has changed below it.
type Text struct {
	View
	// Limit is how many objects of a family are shown; the rest is counted. 0 stands for all.
	Limit int
}

// Write writes a result.
func (t *Text) Write(w io.Writer, r *Result) error {
	counts := r.Counts()
	family, shown := "", 0
	for c := range r.All() {
		if c.Family != family {
			count := counts[0]
			counts, family, shown = counts[1:], c.Family, 0
			if _, err := fmt.Fprintf(w, "%s: %s\n", Plural(family), count); err != nil {
				return err
			}
		}
		lines, err := t.lines(&c, &shown, r)
		if err != nil {
			return err
		}
		for _, line := range lines {
			if _, err := io.WriteString(w, "  "+line+"\n"); err != nil {
				return err
			}
		}
	}
	return nil
}

// String is how many objects have been added, removed and changed.
func (c Count) String() string {
	var parts []string
	for _, x := range []struct {
		n    int64
		what What
	}{{c.Added, Added}, {c.Removed, Removed}, {c.Changed, Changed}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	return strings.Join(parts, ", ")
}

// Total is how many objects of the family differ.
func (c Count) Total() int64 { return c.Added + c.Removed + c.Changed }

// lines are those of a change, none if there are enough.
func (t *Text) lines(c *Change, shown *int, r *Result) ([]string, error) {
	*shown++
	switch {
	case t.Limit <= 0 || *shown <= t.Limit:
		return t.change(c)
	case *shown == t.Limit+1:
		for _, count := range r.Counts() {
			if count.Family == c.Family {
				return []string{fmt.Sprintf("… and %d more", count.Total()-int64(t.Limit))}, nil
			}
		}
	}
	return nil, nil
}

func (t *Text) change(c *Change) ([]string, error) {
	before, after, err := c.both()
	if err != nil {
		return nil, err
	}
	name := printable(cmp.Or(c.Name, c.Family))
	switch c.What {
	case Added:
		return []string{"+ " + name + t.summary(after)}, nil
	case Removed:
		return []string{"- " + name + t.summary(before)}, nil
	}
	details, err := t.details(before, after)
	if err != nil {
		return nil, err
	}
	lines := []string{"~ " + name + called(after)}
	for _, line := range details {
		lines = append(lines, "    "+line)
	}
	return lines, nil
}

// details says in lines how an object has changed.
func (t *Text) details(before, after *object.Object) ([]string, error) {
	if _, ok := after.Value.(object.Carried); ok {
		return []string{t.digests(before, after)}, nil
	}
	var lines []string
	if a, ok := before.Value.(*record.KVEntry); ok {
		if b := after.Value.(*record.KVEntry); string(a.Value) != string(b.Value) {
			lines = compareValues("Value", a.Value, b.Value)
		}
	}
	fields, err := t.Fields(before, after)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		if _, key := after.Value.(*record.KVEntry); key && f.Path == "Value" {
			continue // it is there in another form
		}
		lines = append(lines, f.lines()...)
	}
	if len(lines) == 0 {
		lines = []string{"in form alone, such as an empty list in the place of none"}
	}
	return lines, nil
}

// digests says that what is not interpreted has changed.
func (t *Text) digests(before, after *object.Object) string {
	say := func(o *object.Object) string {
		m, err := t.tree(o)
		if err != nil {
			return err.Error()
		}
		sum, _ := m["SHA256"].(string)
		return fmt.Sprintf("%v bytes, SHA-256 %.16s…", m["Bytes"], sum)
	}
	return say(before) + " → " + say(after)
}

// lines say how a field has changed.
func (f Field) lines() []string {
	a, textBefore := f.Before.(string)
	b, textAfter := f.After.(string)
	switch {
	case textBefore && textAfter && a == b: // only secrets are the same here
		return []string{f.Path + ": changed (hidden)"}
	case textBefore && textAfter:
		return compareValues(f.Path, []byte(a), []byte(b))
	}
	return []string{f.Path + ": " + shown(f.Before) + " → " + shown(f.After)}
}

// shown is the value of a field on one line.
func shown(value any) string {
	switch v := value.(type) {
	case nil:
		return "none"
	case string:
		return describe([]byte(v))
	}
	text, err := plain(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return shorten(string(text))
}

// called is what people call an object whose name is an ID.
func called(o *object.Object) string {
	text := ""
	switch v := o.Value.(type) {
	case *record.ACLToken:
		text = v.Description
	case *record.Session:
		text = v.Name
	}
	if text == "" {
		return ""
	}
	return " (" + printable(shorten(text)) + ")"
}

// summary says in a few words what an object is that one state alone has.
func (t *Text) summary(o *object.Object) string {
	switch v := o.Value.(type) {
	case *record.KVEntry:
		return summaryOfKey(v)
	case object.Node:
		return ": " + printable(v.Address)
	case object.Service:
		return ": " + printable(v.Service) + " " + printable(net.JoinHostPort(cmp.Or(v.Address, v.On.Address), strconv.Itoa(v.Port)))
	case object.Check:
		return ": " + printable(v.Status)
	case *record.Session:
		return called(o) + " on " + printable(v.Node)
	case *record.PreparedQuery:
		return ": service " + printable(v.Service.Service)
	case *record.ACLToken:
		return called(o) + links("policies", v.Policies) + links("roles", v.Roles)
	case *record.ACLPolicy:
		return ": " + printable(shorten(cmp.Or(v.Description, "no description")))
	case *record.ACLRole:
		return links("policies", v.Policies)
	case *record.ACLBindingRule:
		return fmt.Sprintf(": %s %s by %s", printable(v.BindType), printable(v.BindName), printable(v.AuthMethod))
	case *record.ACLAuthMethod:
		return ": " + printable(v.Type)
	case object.Carried:
		return fmt.Sprintf(": %d bytes", len(v.Record.Value))
	}
	return ""
}

func summaryOfKey(e *record.KVEntry) string {
	text := ": " + describe(e.Value)
	if e.Flags != 0 {
		text += fmt.Sprintf(", flags %d", e.Flags)
	}
	if e.Session != "" {
		text += ", locked by " + printable(e.Session)
	}
	return text
}

// links names what a token or role is linked to.
func links(what string, all []record.ACLLink) string {
	if len(all) == 0 {
		return ""
	}
	var names []string
	for _, l := range all {
		names = append(names, printable(cmp.Or(l.Name, l.ID)))
	}
	return ", " + what + " " + shorten(strings.Join(names, ", "))
}

// printable is text as a terminal can show it.
func printable(text string) string {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) }
	if text == "" || !utf8.ValidString(text) || strings.TrimSpace(text) != text || strings.ContainsFunc(text, hidden) {
		return strconv.Quote(text)
	}
	return text
}
