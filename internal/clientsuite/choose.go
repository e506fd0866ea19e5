package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// A choice says which tests are run.
type choice struct {
	run  *regexp.Regexp  // of those that are run, only the ones whose names match
	all  bool            // the whole suite, and not only what must pass
	also map[string]bool // tests by name, whatever the other two say
}

// of returns the tests chosen from the lists and from all that the suite has, and those of api-suite.txt that are left out because they
// cannot pass over a follower.
func (c choice) of(listed []test, suite map[string]bool) (chosen, left []test, err error) {
	for _, t := range append(slices.Clone(listed), strangers(listed, suite, c.also)...) {
		matches := c.run.MatchString(t.name)
		switch {
		case c.also[t.name], matches && (c.all || t.standing == required):
			chosen = append(chosen, t)
		case matches && t.standing == leftOut:
			left = append(left, t)
		}
	}
	if len(chosen) == 0 {
		err = fmt.Errorf("no test to run: none that must pass matches %q; -all looks among all, -also takes a name", c.run)
	}
	return chosen, left, err
}

// strangers are the tests of the suite that no list has, and the asked ones that even the suite does not have.
func strangers(listed []test, suite, asked map[string]bool) (all []test) {
	names := maps.Clone(suite)
	maps.Copy(names, asked)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if find(listed, name) < 0 {
			all = append(all, test{name: name, standing: unlisted})
		}
	}
	return all
}
