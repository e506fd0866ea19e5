package selective

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// Make plans to bring what is meant of a source back into a datacenter. The source is read to its end before anything is asked for. Nothing
// is changed. Errors are those of the source, of the scratch files, and answers of the datacenter that say no.
func Make(ctx context.Context, t *Target, source digest.Source, opts Options) (_ *Plan, err error) {
	sel, err := newSelection(opts.Filter, opts.Renames)
	if err != nil {
		return nil, err
	}
	p, err := newPlan(t, opts)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = p.Close() // the error that there is says more
		}
	}()
	g := &gathering{plan: p, sel: sel, names: links{}}
	if err := g.read(ctx, source); err != nil {
		return nil, err
	}
	p.Unmatched, p.Keys = sel.unmatched(), sel.spans()
	p.scope = &scope{spans: p.Keys, key: sel.keyMeant, families: map[string]bool{}, object: sel.filter.Matches}
	for _, family := range families {
		p.scope.families[family] = sel.hasFamily(family)
	}
	p.scope.wanting(g.objects)
	if err := p.connect(ctx); err != nil {
		return nil, err
	}
	view, err := p.survey(ctx, p.live)
	if err != nil {
		return nil, err
	}
	if err := p.settle(g.objects, g.names, view); err != nil {
		return nil, err
	}
	p.warnACLsOff()
	return p, p.compare(ctx, view)
}

// warnACLsOff tells aloud of ACLs that are left out because the datacenter has none: who restores them counts on them.
func (p *Plan) warnACLsOff() {
	var left int64
	for _, n := range p.Notes {
		if n.Reason == aclsOff {
			left += n.Count
		}
	}
	if left > 0 {
		p.warn(fmt.Sprintf("%s: %d tokens, policies and roles are left out", aclsOff, left))
	}
}

func newPlan(t *Target, opts Options) (p *Plan, err error) {
	p = &Plan{Source: opts.Source, target: t, opts: opts}
	for _, to := range []**side{&p.live, &p.wanted} {
		s, err := newShelf(opts.Scratch)
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		*to = &side{shelf: s, objects: map[object.ID]*object.Object{}}
	}
	return p, nil
}

// connect asks which cluster it is.
func (p *Plan) connect(ctx context.Context) error {
	c, err := p.target.ask(ctx)
	if err != nil {
		return fmt.Errorf("ask the datacenter: %w", err)
	}
	p.Cluster = *c
	return nil
}

// A gathering is what is meant of a source. Keys are in the plan's wanted state already.
type gathering struct {
	plan    *Plan
	sel     *selection
	objects []*object.Object
	names   links
	keys    map[object.ID]bool // new names, if there are renames
}

// read reads a source to its end.
func (g *gathering) read(ctx context.Context, source digest.Source) error {
	split := object.NewSplitter()
	number := int64(0)
	if len(g.sel.renames) > 0 {
		g.keys = map[object.ID]bool{}
	}
	bar := g.plan.opts.start("Reading", -1)
	defer bar.Close()
	return source(func(raw record.Raw) error {
		if number++; number%256 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		_, _ = bar.Write(raw.Value) // which never fails
		return split.Each(raw, g.take)
	})
}

// take takes an object of the source.
func (g *gathering) take(o *object.Object) error {
	g.names.learn(o)
	if !g.sel.meant(o) {
		return nil
	}
	if len(g.sel.terms) == 0 && !slices.Contains(families, o.Family) {
		g.plan.note(o.Family, "", reasonFor(o.Family)) // nobody has named it
		return nil
	}
	e, key := o.Value.(*record.KVEntry)
	switch {
	case !slices.Contains(families, o.Family):
		g.plan.note(o.Family, o.Name, reasonFor(o.Family))
		return nil
	case key && object.Tenancy(e.Extra) == "":
		return g.takeKey(e)
	case tenant(o):
		g.plan.note(o.Family, o.Name, "it is of a namespace or partition of Consul Enterprise")
		return nil
	}
	g.objects = append(g.objects, o)
	return nil
}

func (g *gathering) takeKey(e *record.KVEntry) error {
	name := g.sel.renamed(e.Key)
	switch {
	case !utf8.ValidString(name):
		g.plan.note(object.FamilyKey, strings.ToValidUTF8(name, "\uFFFD"), "its name is not UTF-8, and transactions are JSON")
		return nil
	case name == "":
		return fmt.Errorf("the key %q would have no name after the rename", e.Key)
	case e.Session != "":
		g.plan.note(object.FamilyKey, name, "its lock is not brought back, its value is: "+reasons[object.FamilySession])
	}
	id := keyID(name)
	if g.keys != nil {
		if g.keys[id] {
			return fmt.Errorf("two keys of the source would be restored to %q: it is the new name of one and that of another", name)
		}
		g.keys[id] = true
	}
	g.plan.Meant++
	return g.plan.wanted.add(id, plainKey(name, e.Value, e.Flags))
}

// keyID is the ID of a key as an object.
func keyID(name string) object.ID { return object.IDOf(object.FamilyKey, name, "") }

// plainKey is what of a key is brought back.
func plainKey(name string, value []byte, flags uint64) *record.KVEntry {
	if len(value) == 0 {
		value = nil
	}
	return &record.KVEntry{Key: name, Value: value, Flags: flags}
}

// A scope is what of a datacenter is looked at.
type scope struct {
	spans    []Span
	key      func(name string) bool
	families map[string]bool
	object   func(*object.Object) bool // of what is no key, beside what the source has
	locked   map[string]bool           // keys that are locked
	wants    map[string]bool           // names and IDs of policies that the source has
}

// wanting notes by which names and IDs policies may be known that a source has.
func (s *scope) wanting(objects []*object.Object) {
	s.wants = map[string]bool{}
	for _, o := range objects {
		if p, ok := o.Value.(*record.ACLPolicy); ok {
			s.wants[nameKey(o.Family, p.Name)] = true
			s.wants[nameKey(o.Family, p.ID)] = true
		}
	}
}

// survey reads what the datacenter has: keys go to the state, and the rest is in the view.
func (p *Plan) survey(ctx context.Context, to *side) (*view, error) {
	for _, span := range p.scope.spans {
		if err := p.surveyKeys(ctx, span, to); err != nil {
			return nil, err
		}
	}
	return p.look(ctx)
}

// surveyKeys reads the keys of a span, from its start again if the answer broke off.
func (p *Plan) surveyKeys(ctx context.Context, span Span, to *side) error {
	bar := p.opts.start("Reading the datacenter", -1)
	defer bar.Close()
	begin := len(to.items)
	filtered := false
	err := p.target.again(ctx, transient, func() (err error) {
		to.cut(begin)
		filtered, err = p.target.readKeys(ctx, span, func(e *record.KVEntry) error {
			_, _ = bar.Write(e.Value) // which never fails
			return p.liveKey(e, to)
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("read %s of the datacenter: %w%s", span, err, readAdvice(err))
	}
	if filtered {
		p.warn(fmt.Sprintf("the token may not read all keys of %s; those that it may not see look as if they were missing: none of them is "+
			"removed, and none is overwritten", span))
	}
	return nil
}

// String names a span for people.
func (s Span) String() string {
	switch {
	case s.Prefix && s.Key == "":
		return "all keys"
	case s.Prefix:
		return fmt.Sprintf("the keys below %q", s.Key)
	}
	return fmt.Sprintf("the key %q", s.Key)
}

func readAdvice(err error) string {
	if denied(err) {
		return "; a token is needed that may read it, and write it: name one by -token-file, -token or CONSUL_HTTP_TOKEN"
	}
	return ""
}

// liveKey takes a key of the datacenter.
func (p *Plan) liveKey(e *record.KVEntry, to *side) error {
	if !p.scope.key(e.Key) {
		return nil
	}
	if strings.ContainsRune(e.Key, utf8.RuneError) {
		if to == p.live {
			p.keep(object.FamilyKey, e.Key, "its name is not UTF-8, and JSON does not tell what it is")
		}
		return nil
	}
	x := plainKey(e.Key, e.Value, e.Flags)
	x.CreateIndex, x.ModifyIndex, x.LockIndex = e.CreateIndex, e.ModifyIndex, e.LockIndex
	id := keyID(e.Key)
	if e.Session != "" && to == p.live {
		if p.scope.locked == nil {
			p.scope.locked = map[string]bool{}
		}
		p.scope.locked[e.Key] = true
	}
	return to.add(id, x)
}

// compare finds what is to be done.
func (p *Plan) compare(ctx context.Context, v *view) (err error) {
	if p.results, err = p.compareStates(ctx, p.live, p.leave(v), p.wanted); err != nil {
		return err
	}
	p.Equal = p.Meant
	for _, n := range p.Changed {
		p.Equal -= n.Count
	}
	for c := range p.Changes() {
		if c.What != diff.Removed || p.Undoing {
			p.Equal--
		}
		if c.Family == object.FamilyKey && c.What != diff.Added && p.scope.locked[c.Name] {
			p.warn(fmt.Sprintf("the key %q is locked in the datacenter: whoever holds the lock does not expect others to write it", c.Name))
		}
	}
	return nil
}

// compareStates compares two states. The record of a service or check holds its node, too, which is not what is meant by it: such records
// are compared by themselves.
func (p *Plan) compareStates(ctx context.Context, live *side, leave map[object.ID]bool, wanted *side) (all []*diff.Result, err error) {
	hanging, err := diff.ParseFilter([]string{"service:", "check:"}, nil)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		kind   int
		filter *diff.Filter
	}{{elsewhere, nil}, {aNode, nil}, {onANode, hanging}} {
		before := live.source(func(id object.ID) bool { return live.kind(id) == part.kind && !leave[id] })
		after := wanted.source(func(id object.ID) bool { return wanted.kind(id) == part.kind })
		r, err := diff.Compare(ctx, before, after, diff.Options{Filter: part.filter, Scratch: p.opts.Scratch})
		if err != nil {
			return nil, errors.Join(err, closeAll(all))
		}
		all = append(all, r)
	}
	return all, nil
}

// The kinds of records that are compared by themselves.
const (
	elsewhere = iota
	aNode
	onANode
)

// kind is that of the record of an object.
func (s *side) kind(id object.ID) int {
	o := s.objects[id]
	switch {
	case o == nil:
		return elsewhere
	case o.Family == object.FamilyNode:
		return aNode
	case o.Family == object.FamilyService || o.Family == object.FamilyCheck:
		return onANode
	}
	return elsewhere
}

func closeAll(results []*diff.Result) error {
	var errs []error
	for _, r := range results {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// leave is what of the datacenter is not compared: what the source has not, unless it is to be removed and may be.
func (p *Plan) leave(v *view) map[object.ID]bool {
	want := make(map[object.ID]bool, len(p.wanted.items))
	for _, it := range p.wanted.items {
		want[it.id] = true
	}
	leave := map[object.ID]bool{}
	maps.Copy(leave, p.skip)
	left := map[string]int64{}
	for _, it := range p.live.items {
		if want[it.id] || leave[it.id] {
			continue
		}
		o, family := p.live.objects[it.id], object.FamilyKey
		if o != nil {
			family = o.Family
		}
		switch reason := p.spare(o, v); {
		case !p.opts.Delete && !p.Undoing:
			left[family]++
		case reason != "":
			p.keep(family, o.Name, reason)
		default:
			continue
		}
		leave[it.id] = true
	}
	for _, family := range families {
		if left[family] > 0 {
			p.Left = append(p.Left, diff.Count{Family: family, Removed: left[family]})
		}
	}
	return leave
}
