package demo

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"testing"
	"time"
)

func TestLostWritesAreNoticed(t *testing.T) {
	answered := func(key string) write { return write{key: key, entry: entry{value: []byte(key), flags: 1}} }
	writes := []write{answered("a"), answered("b"), {key: "x", entry: entry{value: []byte("x")}, err: errors.New("no answer")}}
	there := map[string]entry{"a": {value: []byte("a"), flags: 1}, "b": {value: []byte("b"), flags: 1}, "old": {}}
	for _, c := range []struct {
		name      string
		change    func(map[string]entry)
		lost      bool
		different bool // beside what was acknowledged
		want      balance
	}{
		{"all there", func(map[string]entry) {}, false, false, balance{2, 1, 0}},
		{"unanswered, and happened", func(m map[string]entry) { m["x"] = entry{value: []byte("x")} }, false, false, balance{2, 1, 1}},
		{"unanswered, and another value", func(m map[string]entry) { m["x"] = entry{value: []byte("y")} }, false, true, balance{2, 1, 1}},
		{"acknowledged, and gone", func(m map[string]entry) { delete(m, "b") }, true, true, balance{2, 1, 0}},
		{"acknowledged, and another value", func(m map[string]entry) { m["a"] = entry{flags: 1} }, true, true, balance{2, 1, 0}},
		{"acknowledged, and other flags", func(m map[string]entry) { m["a"] = entry{value: []byte("a")} }, true, true, balance{2, 1, 0}},
		{"from before, and gone", func(m map[string]entry) { delete(m, "old") }, false, true, balance{2, 1, 0}},
		{"never written", func(m map[string]entry) { m["y"] = entry{} }, false, true, balance{2, 1, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, written := maps.Clone(there), map[string]entry{"old": {}}
			c.change(got)
			b, err := (&load{writes: writes}).settle(written, got)
			if errors.Is(err, ErrLost) != c.lost || b != c.want {
				t.Errorf("got %+v, %v, want %+v, lost: %v", b, err, c.want, c.lost)
			}
			if err := compareKeys(written, got); errors.Is(err, ErrDifferent) != c.different {
				t.Errorf("got %v, want a difference: %v", err, c.different)
			}
		})
	}
}

// A server that acknowledges and forgets is found out; one that fails writes is not, whether it keeps them or not.
func TestLoadAgainstAServer(t *testing.T) {
	const enough = 10
	for _, c := range []struct {
		name string
		put  func(n int) (status int, keep bool)
		lost bool
	}{
		{"sound", func(int) (int, bool) { return http.StatusOK, true }, false},
		{"some fail, some of them happen", func(n int) (int, bool) {
			if n%3 == 0 {
				return http.StatusInternalServerError, n%2 == 0
			}
			return http.StatusOK, true
		}, false},
		{"one is lost", func(n int) (int, bool) { return http.StatusOK, n != enough }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, "server-1")
			f.put = c.put
			began := time.Now()
			l := startLoad(context.Background(), cluster{f.process})
			defer l.end()
			if err := await(context.Background(), nil, l.flowing(began, enough)); err != nil {
				t.Fatal(err)
			}
			l.end()
			if at := l.resumed(began); !at.After(began) || at.After(time.Now()) {
				t.Errorf("the first write was acknowledged at %v", at)
			}
			got, err := read(context.Background(), f.api)
			if err != nil {
				t.Fatal(err)
			}
			written := map[string]entry{}
			b, err := l.settle(written, got)
			if errors.Is(err, ErrLost) != c.lost {
				t.Errorf("got %v, want a loss: %v", err, c.lost)
			}
			if b.acknowledged+b.unanswered != f.puts {
				t.Errorf("%+v of %d writes", b, f.puts)
			}
			if err := compareKeys(written, got); errors.Is(err, ErrDifferent) != c.lost {
				t.Errorf("got %v, want a difference: %v", err, c.lost)
			}
		})
	}
}

// Only what began after the leader was gone tells that there is another one.
func TestResumedIsOfWritesThatBeganAfterwards(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	l := &load{writes: []write{
		{key: "orders/a/1", began: at(1), ended: at(4)}, // answered late
		{key: "orders/a/2", began: at(6), ended: at(7), err: errors.New("no leader")},
		{key: "orders/b/1", began: at(9), ended: at(11)},
		{key: "orders/a/3", began: at(8), ended: at(10)},
	}, servers: cluster{{name: "a"}, {name: "b"}}}
	if got := l.resumed(at(3)); got != at(10) {
		t.Errorf("got %d, want 10", got.Unix())
	}
	if err := l.flowing(at(3), 1)(context.Background()); err != nil {
		t.Error(err)
	}
	if err := l.flowing(at(8), 1)(context.Background()); err == nil {
		t.Error("nothing was acknowledged through a that began after 8")
	}
}

func TestLineIsWholeInTheEnd(t *testing.T) {
	want := " 1. a title" + "                                            " + "1.00 s\n"
	for _, terminal := range []bool{false, true} {
		var out bytes.Buffer
		l := startLine(&out, terminal, " 1. a title")
		l.end("1.00 s")
		if got := out.String(); got != want && (!terminal || got != " 1. a title\r"+want) {
			t.Errorf("terminal %v: got %q", terminal, got)
		}
	}
}
