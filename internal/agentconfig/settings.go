package agentconfig

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// settings answers what a key's value is, once all sources are merged.
type settings struct {
	user     values            // what flags and files set
	preset   values            // what -dev sets below them
	origin   map[string]string // new name -> deprecated name it was set by
	dev      bool
	files    string // the digest of the files
	warnings []string
	running  *Config // that this is to take over from; nil at the start
}

// devPresets are the values of -dev. Raft's shorter timeouts are in raftTimeouts.
var devPresets = values{
	"server":                      true,
	"bind_addr":                   "127.0.0.1",
	"log_level":                   "DEBUG",
	"enable_debug":                true,
	"disable_keyring_file":        true,
	"disable_anonymous_signature": true,
	"performance.raft_multiplier": 1,
	"gossip_lan.gossip_interval":  "100ms",
	"gossip_lan.probe_interval":   "100ms",
	"gossip_lan.probe_timeout":    "100ms",
	"gossip_lan.suspicion_mult":   3,
	"gossip_wan.gossip_interval":  "100ms",
	"gossip_wan.probe_interval":   "100ms",
	"gossip_wan.probe_timeout":    "100ms",
	"gossip_wan.suspicion_mult":   3,
	"ui_config.enabled":           true,
	"connect.enabled":             true,
	"peering.enabled":             true,
	"ports.grpc":                  8502,
}

// gather reads all sources and merges them: list flags, files, other flags, -hcl texts, in that order.
func gather(f *Flags) (*settings, error) {
	s := &settings{user: values{}, origin: map[string]string{}, dev: f.Dev}
	if f.Dev {
		s.preset = devPresets
	}
	s.warn(f.warnings...)
	files, skipped, err := discover(f.ConfigPaths, f.ConfigFormat)
	s.warn(skipped...)
	if err != nil {
		return s, err
	}
	s.files = digestOf(files)
	s.user.merge(f.lists)
	if err := s.apply(files); err != nil {
		return s, err
	}
	s.user.merge(f.settings)
	if err := s.apply(textSources(f.HCL)); err != nil {
		return s, err
	}
	s.warn(enterpriseWarnings(s.user)...)
	return s, nil
}

func textSources(texts []string) []source {
	sources := make([]source, len(texts))
	for i, text := range texts {
		sources[i] = source{name: fmt.Sprintf("-hcl #%d", i+1), format: formatHCL, data: []byte(text)}
	}
	return sources
}

// apply parses sources and lays them over what is there, in order.
func (s *settings) apply(sources []source) error {
	for _, src := range sources {
		v, err := parse(src)
		if err != nil {
			return err
		}
		s.warn(translate(v, s.origin)...)
		s.user.merge(v)
	}
	return nil
}

// warn adds warnings, each once.
func (s *settings) warn(warnings ...string) {
	for _, w := range warnings {
		if !slices.Contains(s.warnings, w) {
			s.warnings = append(s.warnings, w)
		}
	}
}

// get returns the value in force, nil if there is not even a default.
func (s *settings) get(path string) any {
	if v, ok := s.user[path]; ok {
		return v
	}
	if v, ok := s.preset[path]; ok {
		return v
	}
	if k := keyByPath[path]; k != nil {
		return k.def
	}
	return nil
}

func (s *settings) isSet(path string) bool { _, ok := s.user[path]; return ok }

func (s *settings) str(path string) string     { v, _ := s.get(path).(string); return v }
func (s *settings) boolean(path string) bool   { v, _ := s.get(path).(bool); return v }
func (s *settings) integer(path string) int    { v, _ := s.get(path).(int); return v }
func (s *settings) number(path string) float64 { v, _ := s.get(path).(float64); return v }
func (s *settings) list(path string) []string  { v, _ := s.get(path).([]string); return v }
func (s *settings) mapping(path string) map[string]string {
	v, _ := s.get(path).(map[string]string)
	return v
}

// duration returns a duration that checkDurations has found valid.
func (s *settings) duration(path string) time.Duration {
	d, _ := time.ParseDuration(s.str(path))
	return d
}

// pathsUnder returns the set paths that are base or below it, sorted.
func (v values) pathsUnder(base string) []string {
	var paths []string
	for _, p := range slices.Sorted(maps.Keys(v)) {
		if under(p, base) {
			paths = append(paths, p)
		}
	}
	return paths
}

// sameDuration compares two durations; one that does not parse equals nothing.
func sameDuration(a, b string) bool {
	x, errX := time.ParseDuration(a)
	y, errY := time.ParseDuration(b)
	return errX == nil && errY == nil && x == y
}
