package snapshotconfig

import (
	"strings"

	"github.com/lictor-dr/lictor/internal/retention"
)

// keepKeys are the keys of the block keep in another block. Only those that hold for all destinations have flags.
func keepKeys(block string) (keys []key) {
	for _, k := range retention.Keeping {
		one := key{path: block + ".keep." + k.Name, kind: kindInt}
		if k.Name == "within" {
			one.kind = kindAge
		}
		if block == "snapshot" {
			one.flag, one.usage = "keep-"+k.Name, k.Usage
		}
		keys = append(keys, one)
	}
	return keys
}

// rules are what a block keep says.
func (s values) rules(block string) retention.Rules {
	n := func(name string) int { return s.integer(block + ".keep." + name) }
	return retention.Rules{
		Last: n("last"), Hourly: n("hourly"), Daily: n("daily"), Weekly: n("weekly"), Monthly: n("monthly"), Yearly: n("yearly"),
		Within: s.duration(block + ".keep.within"),
	}
}

// flagged tells whether a flag has set a key whose path begins so.
func (s values) flagged(path string) bool {
	for p, v := range s {
		if strings.HasPrefix(p, path) && v.v != nil && strings.HasPrefix(v.from, "-") {
			return true
		}
	}
	return false
}

const bothKinds = "must not stand beside retain: both say what to keep; leave one out (keep last is what retain is)"

// retention is what holds where a destination does not say. A flag wins over files also if it asks the other way.
func (s *settings) retention() (retain int, keep retention.Rules) {
	const retainKey, keepKey = "snapshot.retain", "snapshot.keep"
	retain, keep = s.atLeast(s.set, retainKey, 0), s.set.rules("snapshot")
	s.checkKeep(s.set, "snapshot", func(path, why string) { s.fault("%s %s", s.set.name(path), why) })
	byRetain, byKeep := s.set.flagged(retainKey), s.set.flagged(keepKey)
	switch {
	case keep.Empty():
		return retain, retention.Rules{}
	case s.set[retainKey].v == nil || byKeep && !byRetain:
		return 0, keep
	case byRetain && !byKeep:
		return retain, retention.Rules{}
	}
	s.fault("%s %s", s.set.name(s.set.anyKeep("snapshot")), bothKinds)
	return retain, keep
}

// keep is what holds for a destination: what it says itself, else what is said for all.
func (r *resolver) keep(retain int, rules retention.Rules) (int, retention.Rules) {
	set, path := r.own(), r.block+".retain"
	own := set.rules(r.block)
	r.checkKeep(set, r.block, r.bad)
	if set.integer(path) < 0 {
		r.bad(path, "must not be negative")
	}
	switch limited := set[path].v != nil; {
	case limited && !own.Empty():
		r.bad(set.anyKeep(r.block), bothKinds)
	case limited:
		return set.integer(path), retention.Rules{}
	case !own.Empty():
		return 0, own
	}
	return retain, rules
}

// checkKeep finds negative numbers.
func (s *settings) checkKeep(set values, block string, bad func(path, why string)) {
	for _, k := range retention.Keeping {
		path := block + ".keep." + k.Name
		if set.integer(path) < 0 || set.duration(path) < 0 {
			bad(path, "must not be negative")
		}
	}
}

// anyKeep is the path of a key of a block keep that is set.
func (s values) anyKeep(block string) string {
	for _, k := range retention.Keeping {
		if path := block + ".keep." + k.Name; s.integer(path) > 0 || s.duration(path) > 0 {
			return path
		}
	}
	return block + ".keep"
}
