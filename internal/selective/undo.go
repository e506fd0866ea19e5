package selective

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/undofile"
)

// ErrOtherCluster says that an undo file is not of the target.
var ErrOtherCluster = errors.New("the undo file is of another cluster")

// Undo plans to take a restore back: what is as the restore left it gets what it was before. What is as it was before is left alone, and
// what is neither has been changed since, is left alone, and named. anyCluster lets the target be another cluster than the file is of.
func Undo(ctx context.Context, t *Target, file *undofile.File, anyCluster bool, opts Options) (_ *Plan, err error) {
	p, err := newPlan(t, opts)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = p.Close() // the error that there is says more
		}
	}()
	p.Undoing = true
	u := &undoing{plan: p, file: file, keys: map[object.ID]*past{}, families: map[string]bool{}}
	if err := file.Each(u.learn); err != nil {
		return nil, err
	}
	if err := p.connect(ctx); err != nil {
		return nil, err
	}
	if !anyCluster && !sameCluster(file, &p.Cluster) {
		return nil, fmt.Errorf("%w: it is of %s, and the target is datacenter %q %s", ErrOtherCluster, clusterOf(file), p.Cluster.Datacenter,
			p.Cluster.TrustDomain)
	}
	return p, u.decide(ctx)
}

// A past is what a restore has done to an object.
type past struct {
	before  object.ID   // digest of the content
	was     bool        // it was there before
	after   []object.ID // what the restore may have left
	gone    bool        // it may have removed it
	revert  bool        // it is as the restore left it
	entered bool        // what it was before is in the wanted state
}

// An undoing makes the plan that takes a restore back.
type undoing struct {
	plan     *Plan
	file     *undofile.File
	keys     map[object.ID]*past
	others   []*pastObject
	families map[string]bool
}

// learn takes an entry in. Of several for one object the first says what was before.
func (u *undoing) learn(e *undofile.Entry) error {
	u.families[e.Family] = true
	if e.Family != object.FamilyKey {
		return u.learnObject(e)
	}
	var id object.ID
	x := &past{}
	for i, rec := range append([][]byte{e.Before}, e.After...) {
		if rec == nil {
			x.gone = x.gone || i > 0
			continue
		}
		o, err := objectIn(e.Family, rec)
		if err != nil {
			return fmt.Errorf("%w: %w", undofile.ErrDamaged, err)
		}
		sum, err := keyContent(o)
		if err != nil {
			return err
		}
		if id = o.ID; i == 0 {
			x.before, x.was = sum, true
		} else {
			x.after = append(x.after, sum)
		}
	}
	if first := u.keys[id]; first != nil {
		first.after, first.gone = append(first.after, x.after...), first.gone || x.gone
		return nil
	}
	u.keys[id] = x
	return nil
}

// keyContent is the digest of what of a key is brought back.
func keyContent(o *object.Object) (object.ID, error) {
	e, ok := o.Value.(*record.KVEntry)
	if !ok || e.Key == "" || !utf8.ValidString(e.Key) {
		return object.ID{}, fmt.Errorf("%w: an entry is no key", undofile.ErrDamaged)
	}
	bare := *o
	bare.Value = plainKey(e.Key, e.Value, e.Flags)
	return content(&bare)
}

// decide compares what is there with what was left.
func (u *undoing) decide(ctx context.Context) error {
	p := u.plan
	for _, s := range u.file.Keys {
		p.Keys = append(p.Keys, Span{s.Key, s.Prefix})
	}
	p.scope = &scope{spans: p.Keys, families: u.families, wants: map[string]bool{}, object: func(*object.Object) bool { return false },
		key: func(name string) bool { return u.keys[keyID(name)] != nil }}
	var all []*object.Object
	for _, x := range u.others {
		for _, o := range append([]*object.Object{x.before}, x.after...) {
			if o != nil {
				all = append(all, o)
			}
		}
	}
	p.scope.wanting(all)
	for _, family := range slices.Sorted(maps.Keys(u.families)) {
		if !slices.Contains(families, family) {
			return fmt.Errorf("%w: there is no family %.40q", undofile.ErrDamaged, family)
		}
	}
	view, err := p.survey(ctx, p.live)
	if err != nil {
		return err
	}
	if err := u.judgeKeys(); err != nil {
		return err
	}
	if err := u.judgeOthers(all, view); err != nil {
		return err
	}
	return p.compare(ctx, view)
}

// judgeKeys finds the keys that are as the restore left them, and takes what they were before into the wanted state.
func (u *undoing) judgeKeys() error {
	p := u.plan
	p.skip = map[object.ID]bool{}
	there := map[object.ID]bool{}
	err := p.live.each(nil, func(id object.ID, raw record.Raw) error {
		there[id] = true
		o, err := objectIn(object.FamilyKey, append([]byte{byte(raw.Type)}, raw.Value...))
		if err != nil {
			return err
		}
		sum, err := keyContent(o)
		if err != nil {
			return err
		}
		u.judge(u.keys[id], id, o.Name, sum)
		return nil
	})
	if err != nil {
		return err
	}
	for id, x := range u.keys {
		x.revert = x.revert || !there[id] && x.was && x.gone
	}
	return u.file.Each(func(e *undofile.Entry) error { return u.enter(e, there) })
}

// judge finds out about a key that is there.
func (u *undoing) judge(x *past, id object.ID, name string, sum object.ID) {
	left := false
	for _, after := range x.after {
		left = left || after == sum
	}
	switch {
	case x.was && sum == x.before: // also if the restore has left it so
		u.plan.skip[id] = true
	case left:
		x.revert = true
	default:
		u.plan.skip[id] = true
		u.plan.Changed = noteIn(u.plan.Changed, object.FamilyKey, name, "has been changed since the restore")
	}
}

// enter takes what a key was before into the wanted state, if that is to be brought back.
func (u *undoing) enter(e *undofile.Entry, there map[object.ID]bool) error {
	if e.Family != object.FamilyKey {
		return nil
	}
	rec := e.Before
	for _, after := range e.After {
		if rec == nil {
			rec = after
		}
	}
	if rec == nil {
		return nil
	}
	o, err := objectIn(e.Family, rec)
	if err != nil {
		return err
	}
	x := u.keys[o.ID]
	if x == nil || x.entered {
		return nil
	}
	x.entered = true
	u.plan.Meant++
	switch {
	case x.revert && x.was:
		v := o.Value.(*record.KVEntry)
		return u.plan.wanted.add(o.ID, plainKey(v.Key, v.Value, v.Flags))
	case !there[o.ID] && x.was:
		u.plan.Changed = noteIn(u.plan.Changed, object.FamilyKey, o.Name, "has been removed since the restore")
	}
	return nil
}
