package snapshotconfig

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// settings is what all sources say together, and what is found wrong with it.
type settings struct {
	set          values
	severalFrom  string        // the first file with backup_destinations
	destinations []destination // of backup_destinations, in the order of the files
	hooks        []hook        // likewise
	faults       []string
	warnings     []string
}

// gather reads files and lays the flags over them.
func gather(f *Flags) (*settings, error) {
	sources, err := discover(f.paths)
	if err != nil {
		return nil, err
	}
	s := &settings{set: values{}}
	present := false
	for _, src := range sources {
		raw, err := src.parse()
		if err != nil {
			return nil, err
		}
		one, err := decode(src.path, raw)
		if err != nil {
			return nil, err
		}
		present = present || one.present
		s.add(one)
	}
	if !present && len(f.paths) > 0 {
		return nil, errors.New("none of the configuration files has a snapshot_agent object: without one the agent would run with defaults " +
			"nobody asked for; add it, or leave out -config-file and -config-dir")
	}
	s.merge(f.set)
	return s, nil
}

// add lays a file over what is there.
func (s *settings) add(f *file) {
	s.merge(f.set)
	if s.severalFrom == "" {
		s.severalFrom = f.severalFrom
	}
	s.destinations = append(s.destinations, f.destinations...)
	s.hooks = append(s.hooks, f.hooks...)
}

func (s *settings) merge(later values) {
	for path, v := range later {
		s.set[path] = value{v: together(s.set[path].v, v.v), from: v.from}
	}
}

// fault records that a key's value is wrong.
func (s *settings) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

func (s *settings) warn(format string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

// refuseUnserved goes through the keys that are in use and not served.
func (s *settings) refuseUnserved() {
	s.judge(s.set)
	for _, d := range s.destinations {
		s.judge(d.set)
	}
	for _, variable := range []string{"CONSUL_LICENSE", "CONSUL_LICENSE_PATH"} {
		if os.Getenv(variable) != "" {
			s.warn("%s has no effect: %s", variable, noLicence)
		}
	}
}

func (s *settings) judge(set values) {
	byReason := map[string][]string{}
	for _, path := range slices.Sorted(maps.Keys(set)) {
		k := known[path]
		if !set.inUse(path) || k.fate == served {
			continue
		}
		if k.fate == noEffect {
			s.warn("%s has no effect: %s", set.name(path), k.why)
			continue
		}
		byReason[k.why] = append(byReason[k.why], set.name(path))
	}
	for _, why := range slices.Sorted(maps.Keys(byReason)) {
		s.fault("%s: %s", strings.Join(byReason[why], ", "), why)
	}
}

// atLeast checks the lower bound of a number.
func (s *settings) atLeast(set values, path string, least int) int {
	n := set.integer(path)
	if n < least {
		s.fault("%s must be at least %d, not %d", set.name(path), least, n)
	}
	return n
}
