package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

// add puts a backup into a store: five bytes of archive, and its entry as changed.
func add(t testing.TB, s *shelfStore, id string, changes ...func(*Entry)) *Entry {
	t.Helper()
	e := sound(id)
	for _, change := range changes {
		change(e)
	}
	data, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	s.put(e.Name, []byte("bytes"))
	s.put(EntryName(e.Name), data)
	return e
}

func unproven(e *Entry) { e.doubt(Unproven, "no memory") }

func bad(e *Entry) { e.doubt(Bad, "differs") }

func of(cluster string) func(*Entry) { return func(e *Entry) { e.Cluster = cluster } }

func list(t testing.TB, s *shelfStore) *Inventory {
	t.Helper()
	inv, err := List(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// show puts an inventory into a line.
func show(inv *Inventory) string {
	var parts []string
	for _, b := range inv.Backups {
		var kind string
		switch {
		case b.Foreign():
			kind = "foreign"
		case !b.Archive:
			kind = "lost"
		case b.EntryError != nil:
			kind = "unreadable"
		case b.Proven():
			kind = "proven"
		case b.Good():
			kind = "unproven"
		case b.Entry.Proof == Bad:
			kind = "bad"
		default:
			kind = "wrong size"
		}
		parts = append(parts, b.ID+" "+kind)
	}
	for _, b := range inv.Bad {
		parts = append(parts, fmt.Sprintf("%s aside %v", b.ID, b.Archive))
	}
	return strings.Join(parts, ", ")
}

func TestList(t *testing.T) {
	for _, c := range []struct {
		name string
		fill func(*shelfStore)
		want string
	}{
		{"nothing", func(s *shelfStore) {}, ""},
		{"one", func(s *shelfStore) { add(t, s, "1") }, "1 proven"},
		{"newest first, by number", func(s *shelfStore) { add(t, s, "9"); add(t, s, "10"); add(t, s, "100", unproven) },
			"100 unproven, 10 proven, 9 proven"},
		{"archive alone", func(s *shelfStore) { s.put("consul-1.snap", []byte("x")) }, "1 foreign"},
		{"entry alone", func(s *shelfStore) { add(t, s, "1"); delete(s.objects, "consul-1.snap") }, "1 lost"},
		{"damaged entry", func(s *shelfStore) { add(t, s, "1"); s.put("consul-1.snap.json", []byte("{")) }, "1 unreadable"},
		{"empty entry", func(s *shelfStore) { add(t, s, "1"); s.put("consul-1.snap.json", nil) }, "1 unreadable"},
		{"entry of another backup", func(s *shelfStore) {
			add(t, s, "1")
			add(t, s, "2")
			s.objects["consul-2.snap.json"] = s.objects["consul-1.snap.json"]
		}, "2 unreadable, 1 proven"},
		{"cut archive", func(s *shelfStore) { add(t, s, "1"); s.put("consul-1.snap", []byte("byte")) }, "1 wrong size"},
		{"empty archive", func(s *shelfStore) { add(t, s, "1"); s.put("consul-1.snap", nil) }, "1 wrong size"},
		{"marked bad", func(s *shelfStore) { add(t, s, "1", bad) }, "1 bad"},
		{"set aside", func(s *shelfStore) { s.put("consul-1.snap.bad", []byte("x")); add(t, s, "2") }, "2 proven, 1 aside true"},
		{"set aside, entry alone", func(s *shelfStore) {
			add(t, s, "1", bad)
			s.put("consul-1.snap.bad.json", s.objects["consul-1.snap.json"])
			delete(s.objects, "consul-1.snap")
			delete(s.objects, "consul-1.snap.json")
		}, "1 aside false"},
		{"what is not ours", func(s *shelfStore) {
			for _, name := range []string{
				"README", "consul-1.snap.tmp", "consul-x.snap", "consul-01.snap.json", "consul-1.json", "consul-1.snap.bad.bad",
				"consul-1.snap.json.json", ".snap", "consul-1.snap.bad.json.json",
			} {
				s.put(name, []byte("x"))
			}
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore()
			c.fill(s)
			if got := show(list(t, s)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestInventoryAnswers(t *testing.T) {
	s := newStore()
	add(t, s, "5", of("b"))
	add(t, s, "4", unproven)
	add(t, s, "3")
	add(t, s, "2")
	s.put("consul-6.snap", []byte("x"))
	inv := list(t, s)
	if b := inv.Latest("prod"); b == nil || b.ID != "4" {
		t.Errorf("latest: %v", b)
	}
	if b := inv.LatestProven("prod"); b == nil || b.ID != "3" {
		t.Errorf("latest proven: %v", b)
	}
	if b := inv.Find("6"); b == nil || !b.Foreign() || inv.Find("7") != nil {
		t.Errorf("6: %v", b)
	}
	if inv.Latest("c") != nil || inv.LatestProven("") != nil {
		t.Error("there is no such cluster")
	}
	if n := inv.Retained("prod"); n != 3 {
		t.Errorf("%d retained, want 3", n)
	}
	if got := strings.Join(inv.Clusters(), ","); got != "b,prod" {
		t.Errorf("clusters %s", got)
	}
	s.put("consul-10.snap.bad", nil)
	if got := list(t, s).Newest(); got != "10" {
		t.Errorf("newest %s", got)
	}
	if got := new(Inventory).Newest(); got != "" {
		t.Errorf("newest of none: %q", got)
	}
}

func TestListReadsOnlyNewEntries(t *testing.T) {
	s := newStore()
	for i := range 2000 {
		add(t, s, fmt.Sprint(i+1))
	}
	s.put("consul-3000.snap.json", []byte("{"))
	first := list(t, s)
	if n := s.reads(); n != 2001 {
		t.Fatalf("%d entries read, want 2001", n)
	}
	again := func(want int, change string) *Inventory {
		t.Helper()
		s.trace = nil
		inv, err := List(t.Context(), s, first)
		if err != nil {
			t.Fatal(err)
		}
		if n := s.reads(); n != want {
			t.Errorf("%s: %d entries read, want %d", change, n, want)
		}
		return inv
	}
	if got, want := show(again(0, "nothing has changed")), show(first); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	add(t, s, "4000")
	if got := again(1, "a new one"); got.Backups[0].ID != "4000" || !got.Backups[0].Proven() {
		t.Errorf("newest is %+v", got.Backups[0])
	}
	add(t, s, "7", of("else"))
	if got := again(2, "one rewritten, one new").Find("7"); got.Entry.Cluster != "else" {
		t.Errorf("7 is of %s", got.Entry.Cluster)
	}
	s.times["consul-8.snap.json"] = time.Now()
	first = again(3, "one with another time")
	again(1, "one that was written just before it was read")
}

func TestEntriesThatCannotBeReadAreTriedAgain(t *testing.T) {
	s := newStore()
	add(t, s, "1")
	add(t, s, "2")
	cause := errors.New("access denied")
	s.broken["consul-1.snap.json"] = cause
	inv := list(t, s)
	if b := inv.Find("1"); !errors.Is(b.EntryError, cause) || b.Foreign() || b.Good() {
		t.Errorf("%+v", b)
	}
	if b := inv.Find("2"); !b.Proven() {
		t.Errorf("%+v", b)
	}
	delete(s.broken, "consul-1.snap.json")
	inv, err := List(t.Context(), s, inv)
	if err != nil || !inv.Find("1").Proven() {
		t.Errorf("%s, %v", show(inv), err)
	}
}

func TestListFails(t *testing.T) {
	s := newStore()
	add(t, s, "1")
	s.left = 0
	if inv, err := List(t.Context(), s, nil); !errors.Is(err, errCrashed) {
		t.Errorf("the store fails: %v, %v", inv, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	for i := range 100 {
		add(t, s, fmt.Sprint(i+1))
	}
	s.left = -1
	inv, err := List(ctx, &cancelling{s, cancel}, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while entries are read: %v, %v", inv, err)
	}
}

// cancelling ends the context at its first Get.
type cancelling struct {
	blobstore.Store
	cancel func()
}

func (c *cancelling) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	c.cancel()
	return c.Store.Get(ctx, name)
}
