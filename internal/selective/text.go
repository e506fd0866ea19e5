package selective

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/lictor-dr/lictor/internal/diff"
)

// WriteText shows the plan to people: what is to be made (+), changed (~) and removed (-), by family, at most limit objects of each unless
// that is 0; then what is left alone, and what is not brought back, with the reasons. Secrets are not shown.
func (p *Plan) WriteText(w io.Writer, limit int) error {
	var b bytes.Buffer
	p.writeHead(&b)
	if _, err := b.WriteTo(w); err != nil {
		return err
	}
	for _, r := range p.results {
		if err := (&diff.Text{Limit: limit}).Write(w, r); err != nil {
			return err
		}
	}
	p.writeRest(&b)
	_, err := b.WriteTo(w)
	return err
}

func (p *Plan) writeHead(b *bytes.Buffer) {
	fmt.Fprintf(b, "Target: datacenter %s, leader %s, through %s\n", printable(cmp.Or(p.Cluster.Datacenter, "(unknown)")),
		printable(cmp.Or(p.Cluster.Leader, "(none)")), printable(p.Cluster.Address))
}

// writeRest says what is beside the changes.
func (p *Plan) writeRest(b *bytes.Buffer) {
	fmt.Fprintf(b, "%s\n", p.Summary())
	for _, c := range p.Left {
		fmt.Fprintf(b, "Left alone: %s\n", leftAlone(c))
	}
	for _, list := range []struct {
		heading string
		notes   []Note
	}{{"Not removed", p.Kept}, {"Not taken back", p.Changed}, {"Not brought back", p.Notes}} {
		if len(list.notes) == 0 {
			continue
		}
		fmt.Fprintf(b, "%s:\n", list.heading)
		for _, n := range list.notes {
			fmt.Fprintf(b, "  %s\n", n)
		}
	}
	if p.Len() == 0 {
		return
	}
	b.WriteString("Indexes are new for what is written")
	if p.gives() {
		b.WriteString(", and so are the IDs of policies, roles and queries that are made")
	}
	b.WriteString("\n")
}

// gives tells whether the datacenter gives IDs to what is made.
func (p *Plan) gives() bool {
	for _, c := range p.Counts() {
		switch diff.Word(c.Family) {
		case "acl-policy", "acl-role", "query":
			if c.Added > 0 {
				return true
			}
		}
	}
	return false
}

func leftAlone(c diff.Count) string {
	if c.Removed == 1 {
		return fmt.Sprintf("1 %s that the datacenter has and the source has not", c.Family)
	}
	return fmt.Sprintf("%d %s that the datacenter has and the source has not", c.Removed, strings.ToLower(diff.Plural(c.Family)))
}

// Summary says in a line how much there is to do.
func (p *Plan) Summary() string {
	var made, changed, removed int64
	for _, c := range p.Counts() {
		made, changed, removed = made+c.Added, changed+c.Changed, removed+c.Removed
	}
	return fmt.Sprintf("%d to create, %d to update, %d to delete; %d as they are to be already", made, changed, removed, max(0, p.Equal))
}

// String is a note as a line.
func (n Note) String() string {
	what := n.Family
	if n.Count > 1 {
		what = fmt.Sprintf("%d %s", n.Count, strings.ToLower(diff.Plural(n.Family)))
	}
	var names []string
	for _, name := range n.Names {
		names = append(names, printable(name))
	}
	list := strings.Join(names, ", ")
	if more := n.Count - int64(len(names)); more > 0 && len(names) > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	if list != "" {
		what += " " + list
	}
	return what + ": " + n.Reason
}

// printable is text without what a terminal would obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}

// WriteJSON shows the plan to programs, as one document without the changes' end: {"Target": Cluster, "Source", "Counts": [{"Family",
// "Created", "Updated", "Deleted"}], "Equal", "LeftAlone": [{"Family", "Count"}], "NotRemoved", "NotTakenBack" and "NotBroughtBack":
// [{"Family", "Count", "Names", "Reason"}], "Unmatched", "Warnings", "Changes": [{"Family", "Name", "Change", "Fields", "Before",
// "After"}]}. Objects are as those of snapshot diff. None is left out. more are further fields, before the changes.
func (p *Plan) WriteJSON(w io.Writer, more map[string]any) error {
	head, err := p.jsonHead(more)
	if err != nil {
		return err
	}
	if _, err := w.Write(append(bytes.TrimSuffix(head, []byte("}")), `,"Changes":[`...)); err != nil {
		return err
	}
	separator := "\n"
	for c := range p.Changes() {
		text, err := jsonChange(&c)
		if err != nil {
			return err
		}
		if _, err := w.Write(append([]byte(separator), text...)); err != nil {
			return err
		}
		separator = ",\n"
	}
	_, err = io.WriteString(w, "\n]}\n")
	return err
}

// A jsonCount is how much of a family is to be done, or has been.
type jsonCount struct {
	Family                    string
	Created, Updated, Deleted int64
}

// CountsJSON are counts in the words of restores.
func CountsJSON(counts []diff.Count) any {
	all := []jsonCount{}
	for _, c := range counts {
		all = append(all, jsonCount{diff.Word(c.Family), c.Added, c.Changed, c.Removed})
	}
	return all
}

type jsonNote struct {
	Family string
	Count  int64
	Names  []string `json:",omitempty"`
	Reason string
}

func jsonNotes(notes []Note) []jsonNote {
	all := []jsonNote{}
	for _, n := range notes {
		all = append(all, jsonNote{diff.Word(n.Family), n.Count, n.Names, n.Reason})
	}
	return all
}

func (p *Plan) jsonHead(more map[string]any) ([]byte, error) {
	type left struct {
		Family string
		Count  int64
	}
	alone := []left{}
	for _, c := range p.Left {
		alone = append(alone, left{diff.Word(c.Family), c.Removed})
	}
	m := map[string]any{
		"Target": p.Cluster, "Source": p.Source, "Counts": CountsJSON(p.Counts()), "Equal": max(0, p.Equal), "LeftAlone": alone,
		"NotRemoved": jsonNotes(p.Kept), "NotTakenBack": jsonNotes(p.Changed), "NotBroughtBack": jsonNotes(p.Notes),
		"Unmatched": append([]string{}, p.Unmatched...), "Warnings": append([]string{}, p.Warnings...),
	}
	for name, value := range more {
		m[name] = value
	}
	return plain(m)
}

// jsonChange is a change as JSON.
func jsonChange(c *diff.Change) ([]byte, error) {
	before, after, err := both(c)
	if err != nil {
		return nil, err
	}
	var view diff.View
	x := struct {
		Family, Name, Change string
		Fields               []diff.Field   `json:",omitempty"`
		Before, After        map[string]any `json:",omitempty"`
	}{Family: diff.Word(c.Family), Name: c.Name, Change: map[diff.What]string{diff.Added: "create", diff.Removed: "delete"}[c.What]}
	if before != nil {
		if x.Before, err = view.Object(before); err != nil {
			return nil, err
		}
	}
	if after != nil {
		if x.After, err = view.Object(after); err != nil {
			return nil, err
		}
	}
	if c.What == diff.Changed {
		x.Change = "update"
		if x.Fields, err = view.Fields(before, after); err != nil {
			return nil, err
		}
	}
	return plain(x)
}

// plain is a value as JSON on one line, in which < and > stay as they are.
func plain(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
