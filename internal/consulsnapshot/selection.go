package consulsnapshot

import (
	"fmt"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/record"
)

// The keys that the daemons themselves use.
const (
	// MarkerKey is where the time of the last backup is written, in UNIX seconds. It is backed up and restored like any other key.
	MarkerKey = "service/consul-snapshot/lastbackup"
	// LockKey is the lock of the daemon that makes the backups. While it is one it is not backed up: a lock cannot be restored.
	LockKey = "service/consul-snapshot/lock"
)

// A Selection says which keys are backed up. One that is empty means everything: all keys, prepared queries and ACLs. Otherwise nothing but
// the keys that it names is backed up.
type Selection struct {
	Keys     []string // as a whole
	Prefixes []string
}

// all tells whether the selection leaves nothing out.
func (s *Selection) all() bool { return len(s.Keys)+len(s.Prefixes) == 0 }

func (s *Selection) String() string {
	var parts []string
	for _, k := range s.Keys {
		parts = append(parts, fmt.Sprintf("the key %q", k))
	}
	for _, p := range s.Prefixes {
		parts = append(parts, fmt.Sprintf("keys below %q", p))
	}
	return strings.Join(parts, ", ")
}

// A picker picks keys, and notes which part of the selection has found some.
type picker struct {
	*Selection
	keys, prefixes []bool
	own            bool // a key other than the daemons' own was picked
}

func newPicker(s *Selection) *picker {
	return &picker{Selection: s, keys: make([]bool, len(s.Keys)), prefixes: make([]bool, len(s.Prefixes))}
}

// named tells whether a key is selected by its name.
func (p *picker) named(key string) bool {
	found := p.all()
	for i, k := range p.Keys {
		if k == key {
			p.keys[i], found = true, true
		}
	}
	for i, prefix := range p.Prefixes {
		if strings.HasPrefix(key, prefix) {
			p.prefixes[i], found = true, true
		}
	}
	return found
}

// picks tells whether a key is to be backed up.
func (p *picker) picks(e *record.KVEntry) bool {
	if e.Key == LockKey && e.Flags == api.LockFlagValue {
		return false
	}
	if !p.named(e.Key) {
		return false
	}
	p.own = p.own || e.Key != MarkerKey
	return true
}

// missing is what the selection asks for and nothing was found of.
func (p *picker) missing() (list []string) {
	for i, found := range p.keys {
		if !found {
			list = append(list, fmt.Sprintf("the key %q", p.Keys[i]))
		}
	}
	for i, found := range p.prefixes {
		if !found {
			list = append(list, fmt.Sprintf("a key below %q", p.Prefixes[i]))
		}
	}
	return list
}
