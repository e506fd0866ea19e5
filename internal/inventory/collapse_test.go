package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/retention"
)

// holding makes an entry one of so many records and bytes.
func holding(records, bytes int64) func(*Entry) {
	return func(e *Entry) { e.Census[0].Count, e.StateSize = records, bytes }
}

// after makes an entry one that was compared with another.
func after(id string, records, bytes int64) func(*Entry) {
	return func(e *Entry) { e.Previous = &Compared{ID: id, Records: records, StateSize: bytes} }
}

func accepted(e *Entry) { e.CollapseAccepted = &noon }

func TestCollapses(t *testing.T) {
	for _, c := range []struct {
		name string
		fill func(*shelfStore)
		want string // the IDs
		next string // what the next one is compared with
	}{
		{"nothing", func(*shelfStore) {}, "", ""},
		{"the first", func(s *shelfStore) { add(t, s, "1", holding(9, 900)) }, "", "1"},
		{"grows", func(s *shelfStore) {
			add(t, s, "1", holding(9, 900))
			add(t, s, "2", holding(90, 9000), after("1", 9, 900))
		}, "", "2"},
		{"half of it", func(s *shelfStore) { add(t, s, "2", holding(50, 500), after("1", 100, 1000)) }, "", "2"},
		{"less than half of the records", func(s *shelfStore) { add(t, s, "2", holding(49, 1000), after("1", 100, 1000)) }, "2", "1"},
		{"less than half of the bytes", func(s *shelfStore) { add(t, s, "2", holding(100, 499), after("1", 100, 1000)) }, "2", "1"},
		{"accepted", func(s *shelfStore) { add(t, s, "2", holding(4, 40), after("1", 100, 1000), accepted) }, "", "2"},
		{"the next one is small too", func(s *shelfStore) {
			add(t, s, "2", holding(4, 40), after("1", 100, 1000))
			add(t, s, "3", holding(5, 50), after("1", 100, 1000))
		}, "3 2", "1"},
		{"grown again", func(s *shelfStore) {
			add(t, s, "2", holding(4, 40), after("1", 100, 1000))
			add(t, s, "3", holding(99, 999), after("1", 100, 1000))
		}, "2", "3"},
		{"unproven", func(s *shelfStore) {
			add(t, s, "1", holding(100, 1000))
			add(t, s, "2", holding(4, 40), after("1", 100, 1000), unproven)
		}, "2", "1"},
		{"bad", func(s *shelfStore) {
			add(t, s, "1", holding(100, 1000))
			add(t, s, "2", holding(4, 40), after("1", 100, 1000), bad)
		}, "", "1"},
		{"of a version that did not compare", func(s *shelfStore) {
			add(t, s, "1", holding(100, 1000))
			add(t, s, "2", holding(90, 900), unproven)
			add(t, s, "3", holding(4, 40))
			add(t, s, "4", holding(4, 40))
		}, "3", "4"},
		{"history of such a version", func(s *shelfStore) {
			add(t, s, "1", holding(100, 1000))
			add(t, s, "3", holding(4, 40))
			add(t, s, "4", holding(4, 40), after("3", 4, 40))
		}, "", "4"},
		{"one that could not be compared", func(s *shelfStore) {
			add(t, s, "1", holding(100, 1000), after("7", 90, 900))
			add(t, s, "3", holding(4, 40))
		}, "3", "1"},
		{"the archive before is gone", func(s *shelfStore) {
			add(t, s, "1", holding(100, 1000))
			delete(s.objects, "consul-1.snap")
			add(t, s, "3", holding(4, 40))
		}, "", "3"},
		{"rebuilt entries were never compared", func(s *shelfStore) {
			add(t, s, "1", holding(100, 1000))
			add(t, s, "2", holding(4, 40), func(e *Entry) { e.Rebuilt = true })
		}, "", "2"},
		{"another cluster", func(s *shelfStore) {
			add(t, s, "1", holding(100, 1000), of("b"))
			add(t, s, "2", holding(4, 40))
			add(t, s, "3", holding(4, 40), after("1", 100, 1000), of("b"))
		}, "", "2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore()
			c.fill(s)
			var ids []string
			for _, one := range list(t, s).Collapses("prod", 50) {
				ids = append(ids, one.ID)
			}
			next := ""
			if r := list(t, s).Reference("prod", 50); r != nil {
				next = r.ID
			}
			if got := strings.Join(ids, " "); got != c.want || next != c.next {
				t.Errorf("collapsed %q, want %q; the next one is compared with %q, want %q", got, c.want, next, c.next)
			}
			if none := list(t, s).Collapse("prod", 100); none != nil {
				t.Errorf("100%%: %s", none)
			}
		})
	}
}

// While the state has collapsed nothing is deleted; once that is accepted, what the plan says.
func TestPruneStopsAtACollapse(t *testing.T) {
	s := newStore()
	for id := range 4 {
		add(t, s, fmt.Sprint(id+1), holding(100, 1000))
	}
	for id := range 5 {
		add(t, s, fmt.Sprint(id+11), bad)
	}
	add(t, s, "20", holding(4, 40), after("4", 100, 1000))
	keep := Keep{Cluster: "prod", Rules: retention.Rules{Last: 1}, MaxShrink: 50}
	done, err := Prune(t.Context(), s, list(t, s), keep)
	want := "backup 20 holds 4 records in 40 bytes of state, 96% less than backup 4 with 100 records in 1000 bytes"
	if !errors.Is(err, ErrCollapsed) || !strings.Contains(err.Error(), want) || len(done) > 0 || len(s.objects) != 20 {
		t.Fatalf("deleted %q, %v", ids(done), err)
	}
	if e, err := AcceptCollapse(t.Context(), s, "consul-20.snap", noon.In(time.FixedZone("", 60))); err != nil || !e.CollapseAccepted.Equal(noon) {
		t.Fatal(e, err)
	}
	if done, err = Prune(t.Context(), s, list(t, s), keep); err != nil || ids(done) != "1 2 3 4 11 12" {
		t.Errorf("deleted %q, %v", ids(done), err)
	}
	if _, err := AcceptCollapse(t.Context(), s, "consul-1.snap", noon); err == nil {
		t.Error("accepted what is not there")
	}
}

func TestComparedKeepsWhatItDoesNotKnow(t *testing.T) {
	e := sound("2")
	e.Previous = &Compared{ID: "1", Records: 3, StateSize: 4}
	data, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	e, err = DecodeEntry([]byte(strings.Replace(string(data), `"records": 3`, `"records": 3, "future": [1]`, 1)))
	if err != nil || e.Previous.Records != 3 || e.Previous.StateSize != 4 {
		t.Fatal(err)
	}
	again, err := json.Marshal(e)
	if err != nil || !strings.Contains(string(again), `"future":[1]`) {
		t.Errorf("%s, %v", again, err)
	}
	for _, faulty := range []Compared{{ID: "x"}, {ID: "1", Records: -1}, {ID: "1", StateSize: -1}} {
		e.Previous = &faulty
		if err := e.Check(); !errors.Is(err, ErrEntry) {
			t.Errorf("%+v: %v", faulty, err)
		}
	}
}
