package diff

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/lictor-dr/lictor/internal/object"
)

// A Side is one of the two states, as a report names it.
type Side struct {
	Source  string // a file, a backup in a store, or a datacenter
	Index   uint64 // up to which it goes
	Objects int64  // of those that are meant
}

// JSON shows a result to programs, as one document: {"Before": Side, "After": Side, "Equal": bool, "Counts": [{"Family", "Added", "Removed",
// "Changed"}], "Changes": [{"Family", "Name", "Change", "Fields", "Before", "After"}]}. Families are those of [Words], fields those of
// [View.Fields], and objects those of [View.Object]. Each change is on a line of its own, and none is left out.
type JSON struct {
	View
	Before, After Side
	Stat          bool // leave the changes out
}

// Write writes a result.
func (j *JSON) Write(w io.Writer, r *Result) error {
	text, err := j.head(r)
	if err != nil {
		return err
	}
	if j.Stat {
		_, err := w.Write(append(text, '\n'))
		return err
	}
	text = append(bytes.TrimSuffix(text, []byte("}")), `,"Changes":[`...)
	if _, err := w.Write(text); err != nil {
		return err
	}
	separator := "\n"
	for c := range r.All() {
		text, err := j.change(&c)
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

// head is all but the changes.
func (j *JSON) head(r *Result) ([]byte, error) {
	x := struct {
		Before, After Side
		Equal         bool
		Counts        []Count
		Unmatched     []string `json:",omitempty"` // terms of the filter that nothing was found for
	}{j.Before, j.After, r.Len() == 0, []Count{}, r.Unmatched}
	x.Before.Objects, x.After.Objects = r.Before, r.After
	for _, c := range r.Counts() {
		c.Family = word(c.Family)
		x.Counts = append(x.Counts, c)
	}
	return plain(x)
}

// word is a family in JSON: one that has no word goes by its name.
func word(family string) string {
	if w := Word(family); w != unknown {
		return w
	}
	return family
}

// change is a change as JSON.
func (v View) change(c *Change) ([]byte, error) {
	before, after, err := c.both()
	if err != nil {
		return nil, err
	}
	x := struct {
		Family, Name  string
		Change        What
		Fields        []Field        `json:",omitempty"`
		Before, After map[string]any `json:",omitempty"`
	}{Family: word(c.Family), Name: c.Name, Change: c.What}
	if x.Before, err = v.whole(before); err != nil {
		return nil, err
	}
	if x.After, err = v.whole(after); err != nil {
		return nil, err
	}
	if c.What == Changed {
		x.Fields = v.fields(after, x.Before, x.After)
	}
	if !v.Secrets {
		hide(before, x.Before)
		hide(after, x.After)
	}
	return plain(x)
}

// whole is an object as JSON has it, with its secrets; nil for none.
func (v View) whole(o *object.Object) (map[string]any, error) {
	if o == nil {
		return nil, nil
	}
	return v.tree(o)
}

// both are the objects of both sides.
func (c *Change) both() (before, after *object.Object, err error) {
	if before, err = c.Before(); err != nil {
		return nil, nil, err
	}
	after, err = c.After()
	return before, after, err
}

// plain is a value as JSON on one line, in which < and > stay as they are.
func plain(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
