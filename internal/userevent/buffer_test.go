package userevent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// agent is a node with services, each with its tags.
type agent struct {
	node     string
	services map[string][]string
}

func (a agent) NodeName() string                 { return a.node }
func (a agent) ServiceTags() map[string][]string { return a.services }

var web1 = agent{"web-1", map[string][]string{"web": {"v1", "primary"}, "db": nil, "cache": {"v2"}}}

func fire(t *testing.T, b *Buffer, name string) Event {
	t.Helper()
	e, err := b.Fire(name, nil, Filters{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func list(t *testing.T, b *Buffer, q Query) List {
	t.Helper()
	l, err := b.List(q)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// names are those of a list's events.
func names(l List) string {
	var names []string
	for _, e := range l.Events {
		names = append(names, e.Name)
	}
	return strings.Join(names, " ")
}

func TestFire(t *testing.T) {
	b := NewBuffer(web1)
	first, err := b.Fire("deploy", []byte("x"), Filters{Node: "^web", Service: "web", Tag: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	if first.LTime != 0 || first.Version != 1 || first.NodeFilter != "^web" || first.ServiceFilter != "web" || first.TagFilter != "v1" {
		t.Errorf("answer %+v", first)
	}
	second := fire(t, b, "restart")
	l := list(t, b, Query{})
	if names(l) != "deploy restart" || l.Events[0].ID != first.ID || !bytes.Equal(l.Events[0].Payload, []byte("x")) {
		t.Fatalf("list %+v", l)
	}
	if l.Events[0].LTime == 0 || l.Events[1].LTime <= l.Events[0].LTime {
		t.Errorf("logical times %d, %d", l.Events[0].LTime, l.Events[1].LTime)
	}
	if want := clientIndex(t, second.ID); l.Index != want {
		t.Errorf("index %d, want that of the last event, %d", l.Index, want)
	}
	if l := list(t, b, Query{Name: "deploy"}); names(l) != "deploy" || l.Index != clientIndex(t, first.ID) {
		t.Errorf("list by name %+v", l)
	}
	if l := list(t, b, Query{Name: "none"}); l.Events == nil || names(l) != "" || l.Index != 1 {
		t.Errorf("empty list %+v", l)
	}
}

func TestBadRequests(t *testing.T) {
	tests := []struct {
		name    string
		event   string
		size    int
		filters Filters
		want    string
	}{
		{"no name", "", 0, Filters{}, "Missing name"},
		{"tag alone", "e", 0, Filters{Tag: "t"}, "A tag filter needs a service filter"},
		{"node", "e", 0, Filters{Node: "("}, "Invalid node filter: error parsing regexp: missing closing ): `(`"},
		{"service", "e", 0, Filters{Service: "["}, "Invalid service filter: error parsing regexp: missing closing ]: `[`"},
		{"tag", "e", 0, Filters{Service: "s", Tag: "a)"}, "Invalid tag filter: error parsing regexp: unexpected ): `a)`"},
		{"largest", "e", MaxSize - 1, Filters{}, ""},
		{"too large", "e", MaxSize, Filters{}, "Event too large: name and payload have 9217 bytes, the limit is 9216"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := NewBuffer(web1)
			_, err := b.Fire(tt.event, make([]byte, tt.size), tt.filters)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var invalid InvalidError
			if !errors.As(err, &invalid) || err.Error() != tt.want {
				t.Errorf("error %v", err)
			}
			if l := list(t, b, Query{}); len(l.Events) != 0 {
				t.Errorf("it was kept: %+v", l)
			}
		})
	}
	if _, err := NewBuffer(web1).List(Query{Filters: Filters{Tag: "t"}}); err == nil {
		t.Error("a list by tag alone was accepted")
	}
}

func TestFilters(t *testing.T) {
	tests := []struct {
		name    string
		filters Filters
		want    bool
	}{
		{"none", Filters{}, true},
		{"node", Filters{Node: "eb-"}, true},
		{"other node", Filters{Node: "^db"}, false},
		{"service", Filters{Service: "^we"}, true},
		{"other service", Filters{Service: "^b$"}, false},
		{"tag", Filters{Service: "web", Tag: "prim"}, true},
		{"tag of another service", Filters{Service: "web", Tag: "v2"}, false},
		{"tag of one of several", Filters{Service: "web|cache", Tag: "v2"}, true},
		{"tag without tags", Filters{Service: "db", Tag: ".*"}, false},
		{"all", Filters{Node: "web", Service: "web", Tag: "v1"}, true},
		{"node wrong", Filters{Node: "x", Service: "web", Tag: "v1"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := NewBuffer(web1)
			if _, err := b.Fire("e", nil, tt.filters); err != nil {
				t.Fatal(err)
			}
			if got := len(list(t, b, Query{}).Events) == 1; got != tt.want {
				t.Errorf("kept: %v", got)
			}
			fire(t, b, "to all")
			if got := strings.HasSuffix(names(list(t, b, Query{Filters: tt.filters})), "to all"); got != tt.want {
				t.Errorf("listed: %v", got)
			}
		})
	}
}

func TestDeliver(t *testing.T) {
	const id = "b54fe110-7af5-cafc-d1fb-afc8ba432b1c"
	good := Event{ID: id, Name: "e", Version: 1, LTime: 40}
	b := NewBuffer(web1)
	for range 2 { // gossip repeats itself
		if err := b.Deliver(good); err != nil {
			t.Fatal(err)
		}
	}
	fire(t, b, "later")
	l := list(t, b, Query{})
	if names(l) != "e later" || l.Events[0].LTime != 40 || l.Events[1].LTime != 41 {
		t.Errorf("list %+v", l)
	}
	for name, breakIt := range map[string]func(*Event){
		"ID": func(e *Event) { e.ID = "x" }, "name": func(e *Event) { e.Name = "" },
		"version": func(e *Event) { e.Version = 2 }, "filter": func(e *Event) { e.NodeFilter = "(" },
	} {
		bad := good
		breakIt(&bad)
		if err := b.Deliver(bad); err == nil {
			t.Errorf("an event with a bad %s was accepted", name)
		}
	}
}

func TestOnlyTheLastAreKept(t *testing.T) {
	b := NewBuffer(web1)
	for i := range Kept + 3 {
		fire(t, b, fmt.Sprint(i))
	}
	l := list(t, b, Query{})
	if len(l.Events) != Kept || l.Events[0].Name != "3" || l.Events[Kept-1].Name != fmt.Sprint(Kept+2) {
		t.Errorf("%d events from %s on", len(l.Events), l.Events[0].Name)
	}
	seen := names(l)
	fire(t, b, "after")
	if names(l) != seen {
		t.Error("a list changed when an event came")
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBuffer(web1)
		if l, err := b.Wait(t.Context(), Query{}, 0); err != nil || l.Index != 1 {
			t.Errorf("Wait without an index = %+v, %v", l, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan List, 1)
		wait := func(ctx context.Context, index uint64) {
			l, err := b.Wait(ctx, Query{Name: "deploy"}, index)
			if err != nil {
				t.Error(err)
			}
			got <- l
		}
		waits := func(when string) {
			synctest.Wait()
			select {
			case l := <-got:
				t.Fatalf("does not wait %s: %+v", when, l)
			default:
			}
		}
		go wait(ctx, 1)
		waits("for the first event")
		fire(t, b, "restart")
		waits("for an event of that name")
		fire(t, b, "deploy")
		l := <-got
		if names(l) != "deploy" {
			t.Errorf("list %+v", l)
		}
		go wait(ctx, 12345) // an index from before a restart of the agent
		if l := <-got; names(l) != "deploy" {
			t.Errorf("list %+v", l)
		}
		go wait(ctx, l.Index)
		waits("for the second event")
		cancel()
		if again := <-got; again.Index != l.Index || names(again) != "deploy" {
			t.Errorf("list after the end %+v", again)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	b := NewBuffer(web1)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				l, err := b.List(Query{})
				if err != nil {
					t.Error(err)
				}
				if _, err := b.Fire("e", nil, Filters{}); err != nil {
					t.Error(err)
				}
				<-l.Changed
			}
		})
	}
	all.Wait()
	last := uint64(0)
	for _, e := range list(t, b, Query{}).Events {
		if e.LTime <= last {
			t.Fatalf("logical time %d after %d", e.LTime, last)
		}
		last = e.LTime
	}
	if last != 200 {
		t.Errorf("last logical time %d, want 200", last)
	}
}
