package selective

import (
	"fmt"
	"slices"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/undofile"
)

// A pastObject is what a restore has done to what is no key.
type pastObject struct {
	before *object.Object // nil: it was not there
	after  []*object.Object
	gone   bool
}

// learnObject takes in an entry of what is no key.
func (u *undoing) learnObject(e *undofile.Entry) error {
	x := &pastObject{}
	var err error
	if e.Before != nil {
		if x.before, err = decodeObject(e.Family, e.Before); err != nil {
			return err
		}
	}
	for _, rec := range e.After {
		if rec == nil {
			x.gone = true
			continue
		}
		o, err := decodeObject(e.Family, rec)
		if err != nil {
			return err
		}
		x.after = append(x.after, o)
	}
	if x.before != nil || len(x.after) > 0 {
		u.others = append(u.others, x)
	}
	return nil
}

func decodeObject(family string, rec []byte) (*object.Object, error) {
	o, err := objectIn(family, append([]byte(nil), rec...))
	if err == nil {
		o, err = normalObject(o)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", undofile.ErrDamaged, err)
	}
	return o, nil
}

// judgeOthers finds what is no key and is as the restore left it. IDs that the datacenter gave are found by names.
func (u *undoing) judgeOthers(all []*object.Object, v *view) error {
	p := u.plan
	s := &settler{view: v, names: links{}, datacenter: p.Cluster.Datacenter, now: p.opts.now(), ids: map[object.ID]bool{},
		note: func(string, string, string) {}}
	for _, o := range all {
		s.names.learn(o)
	}
	slices.SortStableFunc(u.others, func(a, b *pastObject) int {
		return slices.Index(families, a.any().Family) - slices.Index(families, b.any().Family)
	})
	var back []*object.Object
	meant := p.Meant
	for _, x := range merge(u.others, s) {
		meant++
		now := x.now(s)
		revert, why, err := x.judge(s, now)
		switch {
		case err != nil:
			return err
		case why != "":
			p.Changed = noteIn(p.Changed, x.any().Family, x.any().Name, why)
		case !revert:
		case x.before != nil:
			back = append(back, x.before)
			s.ids[x.before.ID] = true
		default: // the restore made it
			p.live.objects[now.ID] = now
			if err := p.live.add(now.ID, recordOf(now)); err != nil {
				return err
			}
		}
	}
	err := p.settle(back, s.names, v)
	p.Meant = meant
	return err
}

// any is one of its forms.
func (x *pastObject) any() *object.Object {
	if x.before != nil {
		return x.before
	}
	return x.after[0]
}

// now is what the datacenter has in its place, nil for none.
func (x *pastObject) now(s *settler) *object.Object {
	for _, o := range append([]*object.Object{x.before}, x.after...) {
		if o == nil {
			continue
		}
		if now := s.counterpart(o); now != nil {
			return now
		}
	}
	return nil
}

// merge brings together what there is of one object. The first says what was before.
func merge(all []*pastObject, s *settler) (merged []*pastObject) {
	at := map[object.ID]*pastObject{}
	for _, x := range all {
		id := x.any().ID
		if now := x.now(s); now != nil {
			id = now.ID
		}
		if first := at[id]; first != nil {
			first.after, first.gone = append(first.after, x.after...), first.gone || x.gone
			continue
		}
		at[id] = x
		merged = append(merged, x)
	}
	return merged
}

// judge tells whether an object is as the restore left it and was another before, or why it cannot be taken back.
func (x *pastObject) judge(s *settler, now *object.Object) (revert bool, why string, err error) {
	if now == nil {
		if x.before != nil && !x.gone {
			return false, "has been removed since the restore", nil
		}
		return x.before != nil, "", nil
	}
	if x.before != nil {
		if same, err := x.is(s, now, x.before); same || err != nil {
			return false, "", err
		}
	}
	for _, after := range x.after {
		if same, err := x.is(s, now, after); same || err != nil {
			return same, "", err
		}
	}
	return false, "has been changed since the restore", nil
}

// is tells whether the datacenter has an object in a form.
func (x *pastObject) is(s *settler, now, form *object.Object) (bool, error) {
	settled, reason, err := s.settle(form)
	if err != nil || reason != "" {
		return false, err
	}
	return alike(now, settled)
}
