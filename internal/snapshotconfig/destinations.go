package snapshotconfig

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/retention"
)

// Destinations are where backups go. Those of one kind are in the order of the configuration.
type Destinations struct {
	Local []Local
	S3    []S3
	Azure []Azure
	GCS   []GCS
}

// Local is a directory on this host.
type Local struct {
	Path   string // as configured
	Retain int    // snapshots to keep; 0 keeps all, or as Keep says
	Keep   retention.Rules
}

// setDestinations reads one of the two layouts.
func (s *settings) setDestinations(c *Config) {
	single := s.singles()
	if s.severalFrom == "" {
		s.oneOfEach(c, single)
	} else {
		s.several(c, single)
	}
	s.refuseDoubles(c.Destinations)
}

// singles are the destinations of flags and of the old layout, by block.
func (s *settings) singles() map[string]values {
	single := map[string]values{}
	for path, v := range s.set {
		if block, _, _ := strings.Cut(path, "."); block == localBlock || slices.Contains(remoteBlocks, block) {
			if single[block] == nil {
				single[block] = values{}
			}
			single[block][path] = v
		}
	}
	return single
}

// oneOfEach takes the remote destinations in which something is set, else the local one.
func (s *settings) oneOfEach(c *Config, single map[string]values) {
	for _, block := range remoteBlocks {
		if set := single[block]; set.anyInUse() {
			s.addDestination(c, destination{block, set, block})
		}
	}
	local := single[localBlock]
	if c.Destinations.Count() == 0 {
		s.addDestination(c, destination{localBlock, local, localBlock})
		return
	}
	if local.inUse("local_storage.path") {
		s.warn("%s has no effect: remote storage switches local storage off; to have both list them in backup_destinations",
			local.name("local_storage.path"))
	}
}

// several takes the elements of backup_destinations.
func (s *settings) several(c *Config, single map[string]values) {
	for _, block := range append([]string{localBlock}, remoteBlocks...) {
		for _, path := range slices.Sorted(maps.Keys(single[block])) {
			switch flagged := strings.HasPrefix(single[block][path].from, "-"); {
			case flagged:
				s.fault("%s cannot be combined with backup_destinations, in %s: describe the destination in one of the two",
					single[block].name(path), s.severalFrom)
			case single[block].inUse(path):
				s.fault("%s cannot be combined with backup_destinations, in %s: move it there", single[block].name(path), s.severalFrom)
			}
		}
	}
	for _, d := range s.destinations {
		if d.block == localBlock || d.set.anyInUse() {
			s.addDestination(c, d)
		}
	}
	if c.Destinations.Count() == 0 {
		s.fault("backup_destinations in %s has no destination in which anything is set", s.severalFrom)
	}
}

// anyInUse reports whether anything is set that is not the default.
func (s values) anyInUse() bool {
	for path := range s {
		if s.inUse(path) {
			return true
		}
	}
	return false
}

// addDestination checks one destination and adds it. What is wrong with it becomes faults that begin with its name.
func (s *settings) addDestination(c *Config, d destination) {
	r := &resolver{settings: s, destination: d}
	retain, keep := r.keep(c.Retain, c.Keep)
	switch to := &c.Destinations; d.block {
	case s3Block:
		b := r.s3()
		if b.StaticName == "" {
			b.Retain, b.Keep = retain, keep
		}
		to.S3 = append(to.S3, b)
	case azureBlock:
		b := r.azure()
		b.Retain, b.Keep = retain, keep
		to.Azure = append(to.Azure, b)
	case gcsBlock:
		b := r.gcs()
		b.Retain, b.Keep = retain, keep
		to.GCS = append(to.GCS, b)
	default:
		to.Local = append(to.Local, Local{Path: d.set.str("local_storage.path"), Retain: retain, Keep: keep})
	}
}

// Count is the number of all destinations.
func (d *Destinations) Count() int { return len(d.Local) + len(d.S3) + len(d.Azure) + len(d.GCS) }

// refuseDoubles finds two destinations at the same place, which would prune each other.
func (s *settings) refuseDoubles(d Destinations) {
	seen := map[string]bool{}
	check := func(place, shown string) {
		if seen[place] {
			s.fault("two destinations are the same place: %s", shown)
		}
		seen[place] = true
	}
	for _, l := range d.Local {
		place := l.Path
		if abs, err := filepath.Abs(place); err == nil {
			place = abs
		}
		check("local "+place, l.String())
	}
	for _, b := range d.S3 {
		check(strings.Join([]string{"s3", b.Endpoint, b.Bucket, b.KeyPrefix, b.StaticName}, "\n"), b.String())
	}
	for _, b := range d.Azure {
		check(strings.Join([]string{"azure", b.Endpoint, b.Environment, b.AccountName, b.ContainerName, b.KeyPrefix}, "\n"), b.String())
	}
	for _, b := range d.GCS {
		check(strings.Join([]string{"gcs", b.Endpoint, b.Bucket, b.KeyPrefix}, "\n"), b.String())
	}
}
