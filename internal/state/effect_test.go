package state

import (
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

// queries are what may be watched, by name.
var queries = map[string]func(*Store, *Watch) uint64{
	"nodes":         func(s *Store, w *Watch) uint64 { i, _ := s.Nodes(w); return i },
	"node n1":       func(s *Store, w *Watch) uint64 { i, _, _ := s.Node(w, "N1"); return i },
	"node n2":       func(s *Store, w *Watch) uint64 { i, _, _ := s.Node(w, "n2"); return i },
	"node n3":       func(s *Store, w *Watch) uint64 { i, _, _ := s.Node(w, "n3"); return i },
	"services":      func(s *Store, w *Watch) uint64 { i, _ := s.Instances(w); return i },
	"web":           func(s *Store, w *Watch) uint64 { i, _ := s.ServiceInstances(w, "WEB"); return i },
	"health of web": func(s *Store, w *Watch) uint64 { i, _ := s.HealthInstances(w, "web"); return i },
	"db":            func(s *Store, w *Watch) uint64 { i, _ := s.HealthInstances(w, "db"); return i },
	"new":           func(s *Store, w *Watch) uint64 { i, _ := s.HealthInstances(w, "new"); return i },
	"checks":        func(s *Store, w *Watch) uint64 { i, _ := s.ChecksInState(w, "any"); return i },
	"coordinates":   func(s *Store, w *Watch) uint64 { i, _ := s.Coordinates(w); return i },
	"sessions":      func(s *Store, w *Watch) uint64 { i, _ := s.Sessions(w); return i },
	"queries":       func(s *Store, w *Watch) uint64 { i, _ := s.Queries(w); return i },
	"tokens":        func(s *Store, w *Watch) uint64 { i, _ := s.Tokens(w); return i },
	"policies":      func(s *Store, w *Watch) uint64 { i, _ := s.Policies(w); return i },
	"roles":         func(s *Store, w *Watch) uint64 { i, _ := s.Roles(w); return i },
	"key k":         func(s *Store, w *Watch) uint64 { i, _ := s.KVGet(w, "k"); return i },
	"keys":          func(s *Store, w *Watch) uint64 { i, _ := s.KVKeys(w, "", ""); return i },
}

// An effect is what a log entry did, apart from the objects: which entries of the Index table rose to its index or, with a minus, went
// away; and which queries it woke. Names are sorted and joined by blanks (indexes) or commas (queries). Of an entry for the local
// cluster only the part behind peer.~: is given.
type effect struct{ indexes, woken string }

// effectOf applies the entry at index by do, and tells its effect.
func effectOf(t *testing.T, s *Store, index uint64, do func() error) (effect, error) {
	t.Helper()
	before := indexTable(s)
	watches := map[string]*Watch{}
	for name, query := range queries {
		watches[name] = NewWatch()
		defer watches[name].Close()
		query(s, watches[name])
	}
	err := do()
	if applied, _ := s.Applied(); applied != index {
		t.Errorf("applied index %d, want %d", applied, index)
	}
	var names []string
	for name, w := range watches {
		if woken(w) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return effect{changedIndexes(t, before, indexTable(s), index), strings.Join(names, ",")}, err
}

func indexTable(s *Store) map[string]uint64 {
	table := map[string]uint64{}
	_ = s.Snapshot().indexes(func(x *record.Index) { table[x.Key] = x.Value })
	return table
}

func changedIndexes(t *testing.T, before, after map[string]uint64, index uint64) string {
	t.Helper()
	var changed []string
	for key, value := range after {
		if value == before[key] {
			continue
		}
		if value != index {
			t.Errorf("the index of %s is %d, want %d", key, value, index)
		}
		local, ok := strings.CutPrefix(key, "peer.~:")
		if _, both := after[local]; ok && both && after[local] != index {
			t.Errorf("%s rose, and %s did not", key, local)
		}
		if _, both := after["peer.~:"+key]; !both {
			changed = append(changed, local)
		}
	}
	for key := range before {
		if _, kept := after[key]; !kept {
			changed = append(changed, "-"+strings.TrimPrefix(key, "peer.~:"))
		}
	}
	slices.Sort(changed)
	return strings.Join(changed, " ")
}

// everything is all that the store holds, encoded, its applied index aside.
func everything(t *testing.T, s *Store) string {
	t.Helper()
	return string(encode(t, s))
}

func node1() *record.Register {
	return &record.Register{Node: "n1", ID: "11111111-0000-4000-8000-000000000001", Address: "10.0.0.1"}
}

// withCatalog returns a store at index 50: n1 with the service web, serfHealth and a check of web; n2 with db and web; a session on n1
// that depends on serfHealth, holds the key k and has a query; coordinates of n1.
func withCatalog(t *testing.T) *Store {
	t.Helper()
	s := New()
	steps := []func(index uint64) error{
		func(i uint64) error {
			return s.Register(i, 1, &Registration{Node: node1(), Service: &record.NodeService{ID: "web1", Service: "web", Tags: []string{"a"}},
				Checks: []*record.HealthCheck{{CheckID: SerfHealth, Status: "passing"}, {CheckID: "c1", ServiceID: "web1", Status: "passing"}}})
		},
		func(i uint64) error {
			return s.Register(i, 1, &Registration{Node: &record.Register{Node: "n2", Address: "10.0.0.2"}, Service: &record.NodeService{ID: "db1", Service: "db"}})
		},
		func(i uint64) error {
			return s.Register(i, 1, &Registration{Node: &record.Register{Node: "n2"}, SkipNodeUpdate: true, Service: &record.NodeService{ID: "web2", Service: "web"}})
		},
		func(i uint64) error {
			return s.CreateSession(i, 1, &record.Session{ID: sessionA, Node: "n1", Behavior: "release", NodeChecks: []string{SerfHealth}})
		},
		func(i uint64) error {
			_, err := s.ApplyKV(i, 1, KVLock, &record.KVEntry{Key: "k", Session: sessionA, Value: []byte("v")})
			return err
		},
		func(i uint64) error { return s.SetQuery(i, 1, &record.PreparedQuery{ID: "q1", Session: sessionA}) },
		func(i uint64) error { return s.SetCoordinates(i, 1, record.Coordinates{{Node: "n1"}}) },
	}
	for n, step := range steps {
		if err := step(uint64(50 - len(steps) + 1 + n)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
