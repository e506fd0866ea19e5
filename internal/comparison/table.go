package comparison

import "github.com/lictor-dr/lictor/internal/object"

// A table knows the objects that two streams do not have alike. Only what is unlike stays in it.
type table map[object.ID]entry

// An entry is what is left of an object when those that there are now are taken from the restored ones.
type entry struct {
	object.Tally
	told bool // the result has it
}

// restored adds an object.
func (t table) restored(o, digest object.ID) {
	e := t[o]
	e.Add(digest)
	t.set(o, e)
}

// now takes an object away.
func (t table) now(o, digest object.ID) {
	e := t[o]
	e.Sub(digest)
	t.set(o, e)
}

func (t table) set(o object.ID, e entry) {
	if e == (entry{}) {
		delete(t, o)
		return
	}
	t[o] = e
}

// tell returns the entry of an object the first time it is asked for.
func (t table) tell(o object.ID) (e entry, ok bool) {
	e, ok = t[o]
	if !ok || e.told {
		return e, false
	}
	e.told = true
	t[o] = e
	return e, true
}

// missing tells whether there are fewer objects of an ID now.
func (t table) missing(o object.ID) bool { return t[o].Count > 0 }
