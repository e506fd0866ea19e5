package acl

import "github.com/armon/go-radix"

// Authorizer answers what a token may do. It does not change and is safe for concurrent use. No answer allocates memory, and its cost
// depends on the length of the name, hardly on the number of rules; AllowPrefix and AllowAny also look at the rules below the prefix.
type Authorizer struct {
	all      bool
	fallback level
	cluster  map[Resource]level    // resources without names
	named    map[Resource]*ruleset // resources that have rules
}

// ruleset is the rules of one resource by segment. The trees are only read once they are built.
type ruleset struct {
	exact  *radix.Tree
	prefix *radix.Tree
}

// New merges policies. Their order does not matter. What no rule names is allowed with defaultAllow, save the ACLs themselves and with
// them snapshots, and else denied.
func New(defaultAllow bool, policies ...*Policy) *Authorizer {
	a := &Authorizer{cluster: map[Resource]level{}, named: map[Resource]*ruleset{}}
	if defaultAllow {
		a.fallback = full
	}
	for _, p := range policies {
		for _, r := range p.rules {
			a.add(r)
		}
	}
	return a
}

// ManageAll allows everything: ACLs are off, or the token is a management token.
func ManageAll() *Authorizer { return &Authorizer{all: true} }

// AllowAll is default_policy = "allow": everything but the ACLs themselves and snapshots.
func AllowAll() *Authorizer { return New(true) }

// DenyAll allows nothing.
func DenyAll() *Authorizer { return New(false) }

func (a *Authorizer) add(r rule) {
	if !r.named {
		if old, ok := a.cluster[r.resource]; ok {
			r.level = r.level.merge(old)
		}
		a.cluster[r.resource] = r.level
		return
	}
	set := a.named[r.resource]
	if set == nil {
		set = &ruleset{exact: radix.New(), prefix: radix.New()}
		a.named[r.resource] = set
	}
	tree := set.exact
	if r.prefix {
		tree = set.prefix
	}
	if old, ok := tree.Get(r.segment); ok {
		r.level = r.level.merge(old.(level))
	}
	tree.Insert(r.segment, r.level)
}

// Allow reports whether the resource of that name may be accessed. The name is ignored for resources without names.
func (a *Authorizer) Allow(r Resource, access Access, name string) bool {
	if !r.hasNames() {
		return a.allowCluster(r, access)
	}
	if set := a.named[r]; set != nil && set.exact.Len() > 0 {
		if l, ok := set.exact.Get(name); ok {
			return l.(level).allows(access)
		}
	}
	return a.forPrefix(r, name).allows(access)
}

func (a *Authorizer) allowCluster(r Resource, access Access) bool {
	l, ok := a.cluster[r]
	switch {
	case !r.isKnown():
		return false
	case a.all:
		l = full
	case !ok && r != ACL:
		l = a.fallback
	}
	return l.allows(access)
}

// forPrefix is what the longest prefix rule grants, or the default.
func (a *Authorizer) forPrefix(r Resource, name string) level {
	if a.all {
		return full
	}
	if set := a.named[r]; set != nil {
		if _, l, ok := set.prefix.LongestPrefix(name); ok {
			return l.(level)
		}
	}
	return a.fallback
}

// AllowPrefix reports whether every name that starts with prefix may be accessed, known today or not: the prefix itself and each rule
// below it allow it. For resources without names it is Allow.
func (a *Authorizer) AllowPrefix(r Resource, access Access, prefix string) bool {
	if !r.hasNames() {
		return a.allowCluster(r, access)
	}
	if !a.forPrefix(r, prefix).allows(access) {
		return false
	}
	refuses := func(_ string, v any) bool { return !v.(level).allows(access) }
	return !a.anyBelow(r, prefix, refuses)
}

// AllowAny reports whether there is a name that may be accessed, be it by a rule or by default. For resources without names it is
// Allow.
func (a *Authorizer) AllowAny(r Resource, access Access) bool {
	if !r.hasNames() {
		return a.allowCluster(r, access)
	}
	grants := func(_ string, v any) bool { return v.(level).allows(access) }
	return a.forPrefix(r, "").allows(access) || a.anyBelow(r, "", grants)
}

// anyBelow reports whether a rule below the prefix has the property.
func (a *Authorizer) anyBelow(r Resource, prefix string, has radix.WalkFn) bool {
	set := a.named[r]
	if set == nil {
		return false
	}
	found := false
	walk := func(segment string, v any) bool {
		found = found || has(segment, v)
		return found
	}
	set.exact.WalkPrefix(prefix, walk)
	if !found {
		set.prefix.WalkPrefix(prefix, walk)
	}
	return found
}
