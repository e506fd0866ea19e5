package history

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

const limit = 20 * time.Second

// at gives an operation its interval, in seconds.
func at(call, ret int, o Operation) Operation {
	o.Call, o.Return = time.Duration(call)*time.Second, time.Duration(ret)*time.Second
	if o.Outcome == "" {
		o.Outcome = OK
	}
	if o.Key == "" && !o.concernsAll() {
		o.Key = "k"
	}
	return o
}

func put(value string) Operation { return Operation{Kind: Put, Value: value, Done: true} }
func cas(value string, index uint64, done bool) Operation {
	return Operation{Kind: CAS, Value: value, Index: index, Done: done}
}
func read(value string, index uint64) Operation {
	return Operation{Kind: Read, Value: value, Index: index}
}
func byDefault(value string, index uint64) Operation {
	return Operation{Kind: DefaultRead, Value: value, Index: index}
}
func lock(kind Kind, session string, done bool) Operation {
	return Operation{Kind: kind, Session: session, Done: done}
}

func all(kind Kind) Operation { return Operation{Kind: kind} }

func unknown(o Operation) Operation {
	o.Outcome, o.Done = Unknown, false
	return o
}

func failed(o Operation) Operation {
	o.Outcome, o.Done, o.Error = Fail, false, "status 500: No cluster leader"
	return o
}

func TestCheck(t *testing.T) {
	noSession := failed(lock(Acquire, "S", false))
	noSession.Error = "status 500: raft apply failed: invalid session \"S\""
	for _, c := range []struct {
		name string
		ops  []Operation
		want string // part of the violation; empty: none
	}{
		{"nothing", nil, ""},
		{"one after the other", []Operation{
			at(0, 1, read("", 0)), at(2, 3, put("a")), at(4, 5, read("a", 10)), at(6, 7, cas("b", 10, true)), at(8, 9, cas("c", 10, false)),
			at(10, 11, read("b", 12)), at(12, 13, cas("d", 0, false)), at(14, 15, read("b", 12))}, ""},
		{"two at once, either order", []Operation{at(0, 5, put("a")), at(0, 5, put("b")), at(6, 7, read("a", 11))}, ""},
		{"a write that is seen before it is answered", []Operation{at(0, 9, put("a")), at(1, 2, read("a", 10)), at(3, 4, read("a", 10))}, ""},
		{"a lost write", []Operation{at(0, 1, put("a")), at(2, 3, read("", 0))}, "no order"},
		{"a lost update", []Operation{
			at(0, 1, put("a")), at(2, 3, read("a", 10)), at(4, 6, cas("b", 10, true)), at(4, 6, cas("c", 10, true))}, "no order"},
		{"a lost update that was overwritten", []Operation{
			at(0, 1, put("a")), at(2, 3, read("a", 10)), at(4, 5, cas("b", 10, true)), at(6, 7, cas("c", 10, true)), at(8, 9, read("c", 14))}, "no order"},
		{"a key created twice", []Operation{at(0, 1, cas("a", 0, true)), at(2, 3, cas("b", 0, true))}, "no order"},
		{"a CAS that fails at the index that is there", []Operation{
			at(0, 1, put("a")), at(2, 3, read("a", 10)), at(4, 5, cas("b", 10, false))}, "no order"},
		{"a CAS that fails because of an unknown write", []Operation{
			at(0, 1, put("a")), at(2, 3, read("a", 10)), at(3, 4, unknown(put("x"))), at(4, 5, cas("b", 10, false)), at(6, 7, put("c")),
			at(8, 9, read("c", 12))}, ""},
		{"a CAS that fails because of an unknown write that has not happened", []Operation{
			at(0, 1, put("a")), at(2, 3, read("a", 10)), at(3, 4, unknown(put("x"))), at(4, 5, cas("b", 10, false)), at(8, 9, read("a", 10))}, "no order"},
		{"a CAS that fails before the unknown write was sent", []Operation{
			at(0, 1, put("a")), at(2, 3, read("a", 10)), at(4, 5, cas("b", 10, false)), at(6, 7, unknown(put("x")))}, "no order"},
		{"a stale consistent read", []Operation{
			at(0, 1, put("a")), at(2, 3, read("a", 10)), at(4, 5, put("b")), at(6, 7, read("b", 11)), at(8, 9, read("a", 10))}, "cannot be placed: 8.0"},
		{"two consistent reads in the wrong order", []Operation{
			at(0, 1, put("a")), at(2, 20, put("b")), at(3, 4, read("b", 11)), at(5, 6, read("a", 10))}, "no order"},
		{"an unknown write that shows up late", []Operation{
			at(0, 1, put("a")), at(2, 3, unknown(put("b"))), at(4, 5, read("a", 10)), at(6, 7, put("c")), at(8, 9, read("c", 11)),
			at(10, 11, read("b", 12))}, ""},
		{"an unknown write that comes and goes and comes", []Operation{
			at(0, 1, unknown(put("b"))), at(2, 3, read("b", 10)), at(4, 5, put("c")), at(6, 7, read("c", 11)), at(8, 9, read("b", 10))}, "no order"},
		{"an unknown write that never happens", []Operation{at(0, 1, put("a")), at(2, 3, unknown(put("b"))), at(4, 5, read("a", 10))}, ""},
		{"a write that happens twice", []Operation{
			at(0, 1, unknown(put("b"))), at(2, 3, read("b", 10)), at(4, 5, put("c")), at(6, 7, read("b", 12))}, "at index 10 and"},
		{"an unknown CAS that shows up", []Operation{
			at(0, 1, put("a")), at(2, 3, read("a", 10)), at(4, 5, unknown(cas("b", 10, false))), at(6, 7, read("b", 11))}, ""},
		{"an unknown CAS that cannot have been", []Operation{
			at(0, 1, put("a")), at(2, 3, read("a", 10)), at(4, 5, put("b")), at(6, 7, read("b", 11)),
			at(8, 9, unknown(cas("c", 10, false))), at(10, 11, read("c", 12))}, "no order"},
		{"indexes that go back", []Operation{at(0, 1, put("a")), at(2, 3, read("a", 10)), at(4, 5, put("b")), at(6, 7, read("b", 9))}, "no order"},
		{"a refused write that is there", []Operation{at(0, 1, failed(put("a"))), at(2, 3, read("a", 10))}, "had been refused"},
		{"a CAS that was false and is there", []Operation{at(0, 1, put("a")), at(2, 3, cas("b", 99, false)), at(4, 5, read("b", 11))}, "had been refused"},
		{"a refused write that is not there", []Operation{at(0, 1, failed(put("a"))), at(2, 3, read("", 0))}, ""},
		{"a value from nowhere", []Operation{at(2, 3, byDefault("z", 10))}, "never written"},
		{"a value from the future", []Operation{at(0, 1, byDefault("z", 10)), at(2, 3, put("z"))}, "not been sent yet"},
		{"keys are apart", []Operation{
			at(0, 1, Operation{Kind: Put, Key: "x", Value: "a", Done: true}), at(2, 3, Operation{Kind: Read, Key: "y"})}, ""},

		{"a restore", []Operation{
			at(0, 1, put("a")), at(2, 3, read("a", 10)), at(4, 5, all(Save)), at(6, 7, put("b")), at(8, 9, read("b", 12)), at(10, 11, all(Restore)),
			at(12, 13, read("a", 10)), at(14, 15, cas("c", 10, true)), at(16, 17, read("c", 20))}, ""},
		{"a restore of nothing", []Operation{at(0, 1, all(Save)), at(2, 3, put("a")), at(4, 5, all(Restore)), at(6, 7, read("", 0))}, ""},
		{"a restore that did not happen", []Operation{at(0, 1, all(Save)), at(2, 3, put("a")), at(4, 5, all(Restore)), at(6, 7, read("a", 9))}, "no order"},
		{"a write that a restore has not taken back", []Operation{
			at(0, 1, all(Save)), at(2, 6, put("a")), at(4, 5, all(Restore)), at(7, 8, read("a", 9))}, ""},
		{"a write that is lost in a restore of before", []Operation{
			at(0, 1, put("a")), at(2, 3, all(Save)), at(4, 5, all(Restore)), at(6, 7, read("", 0))}, "no order"},
		{"an unknown restore, before", []Operation{
			at(0, 1, all(Save)), at(2, 3, put("a")), at(4, 5, unknown(all(Restore))), at(6, 7, read("a", 9))}, ""},
		{"an unknown restore, after", []Operation{
			at(0, 1, all(Save)), at(2, 3, put("a")), at(4, 5, unknown(all(Restore))), at(6, 7, read("", 0))}, ""},
		{"an unknown restore, half", []Operation{at(0, 1, all(Save)), at(2, 3, put("a")), at(4, 5, unknown(all(Restore))), at(6, 7, read("", 0)),
			at(8, 9, read("a", 9))}, "no order"},
		{"a refused restore that happened", []Operation{
			at(0, 1, all(Save)), at(2, 3, put("a")), at(4, 5, failed(all(Restore))), at(6, 7, read("", 0))}, "no order"},

		{"a lock goes round", []Operation{
			at(0, 1, lock(Acquire, "S", true)), at(2, 3, lock(Acquire, "T", false)), at(4, 5, lock(Acquire, "S", true)), at(6, 7, lock(Release, "S", true)),
			at(8, 9, lock(Acquire, "T", true)), at(10, 11, lock(Release, "S", false)), at(12, 13, lock(End, "T", true)), at(14, 15, lock(Acquire, "S", true))}, ""},
		{"a double lock", []Operation{at(0, 1, lock(Acquire, "S", true)), at(2, 3, lock(Acquire, "T", true))}, "no order"},
		{"a double lock at once", []Operation{at(0, 3, lock(Acquire, "S", true)), at(0, 3, lock(Acquire, "T", true)), at(4, 5, lock(Release, "S", true)),
			at(6, 7, lock(Release, "T", true))}, "no order"},
		{"a free lock that is refused", []Operation{at(0, 1, lock(Acquire, "S", false))}, "no order"},
		{"a lost release", []Operation{at(0, 1, lock(Acquire, "S", true)), at(2, 3, lock(Release, "S", true)), at(4, 5, lock(Acquire, "T", false))}, "no order"},
		{"an unknown acquisition that happened", []Operation{at(0, 1, unknown(lock(Acquire, "S", false))), at(2, 3, lock(Acquire, "T", false)),
			at(4, 5, lock(Release, "S", true)), at(6, 7, lock(Acquire, "T", true))}, ""},
		{"an unknown acquisition that happens late", []Operation{at(0, 1, unknown(lock(Acquire, "S", false))), at(2, 3, lock(Acquire, "T", true)),
			at(4, 5, lock(Release, "T", true)), at(6, 7, lock(Acquire, "T", false))}, ""},
		{"an unknown acquisition after the session's end", []Operation{at(0, 1, unknown(lock(Acquire, "S", false))), at(2, 3, lock(End, "S", true)),
			at(4, 5, lock(Acquire, "T", false))}, "no order"},
		{"an unknown release that happened", []Operation{at(0, 1, lock(Acquire, "S", true)), at(2, 3, unknown(lock(Release, "S", false))),
			at(4, 5, lock(Acquire, "T", true))}, ""},
		{"an unknown end that happens late", []Operation{at(0, 1, lock(Acquire, "S", true)), at(2, 3, unknown(lock(End, "S", false))),
			at(4, 5, lock(Acquire, "T", false)), at(6, 7, lock(Acquire, "T", true))}, ""},
		{"a session that is lost", []Operation{at(0, 1, noSession), at(2, 3, lock(End, "S", true))}, "a session was created"},
		{"a session that is not there after its end", []Operation{at(2, 3, lock(End, "S", true)), at(4, 5, noSession)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := Check(c.ops, limit)
			if len(report.Undecided) > 0 || (c.want == "") != (len(report.Violations) == 0) || !strings.Contains(fmt.Sprint(report.Violations), c.want) {
				t.Errorf("undecided %q, violations %v; want %q", report.Undecided, report.Violations, c.want)
			}
		})
	}
}

func TestCounts(t *testing.T) {
	report := Check([]Operation{at(0, 1, put("a")), at(0, 1, unknown(put("b"))), at(0, 1, failed(put("c")))}, limit)
	if report.Operations != 3 || report.Failed != 1 || report.Unknown != 1 {
		t.Errorf("%+v", report)
	}
}

func TestStaleReads(t *testing.T) {
	write := []Operation{at(0, 1, put("a")), at(2, 3, read("a", 10)), at(4, 5, put("b")), at(8, 9, read("b", 12))}
	for _, c := range []struct {
		name string
		read Operation
		want time.Duration // 0: not stale
	}{
		{"what is there", at(11, 12, byDefault("b", 12)), 0},
		{"overwritten while it reads", at(5, 7, byDefault("a", 10)), 0},
		{"overwritten before", at(7, 8, byDefault("a", 10)), 2 * time.Second},
		{"not there yet", at(7, 8, byDefault("", 0)), 6 * time.Second},
		{"a write that is not answered yet", at(5, 7, byDefault("b", 12)), 0},
		{"a consistent read is not counted", at(7, 8, failed(read("a", 10))), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := Check(append(write, c.read), limit)
			var age time.Duration
			for _, s := range report.Stale {
				age = s.Age
			}
			if age != c.want || len(report.Stale) > 1 || len(report.Violations) > 0 {
				t.Errorf("%+v, want an age of %v", report, c.want)
			}
		})
	}
}

// Many operations without an answer must not make the judgement take for ever.
func TestManyUnknown(t *testing.T) {
	var good []Operation
	index, last := uint64(0), ""
	for i := range 2000 {
		value := fmt.Sprint("v", i)
		switch i % 5 {
		case 0:
			good = append(good, at(2*i, 2*i+1, unknown(put(value))))
			if i%10 == 0 { // it happened
				index, last = index+3, value
			}
		case 1:
			good = append(good, at(2*i, 2*i+1, unknown(cas(value, index, false))))
		case 2, 3:
			good = append(good, at(2*i, 2*i+1, put(value)))
			index, last = index+3, value
		}
		good = append(good, at(2*i, 2*i+1, read(last, index)))
	}
	good = append(good, at(5000, 5001, read(last, index)))
	if r := Check(good, limit); len(r.Violations)+len(r.Undecided) > 0 {
		t.Errorf("a good history: %+v", r)
	}
	bad := append(good, at(5002, 5003, read("v2", 6)))
	if r := Check(bad, limit); len(r.Violations) == 0 {
		t.Errorf("a bad history: %+v", r)
	}
}

func TestNoStaleReadsAfterARestore(t *testing.T) {
	report := Check([]Operation{at(0, 1, all(Save)), at(0, 1, put("a")), at(2, 3, read("a", 10)), at(4, 5, all(Restore)), at(6, 7, byDefault("", 0))}, limit)
	if len(report.Stale)+len(report.Violations) > 0 {
		t.Errorf("%+v", report)
	}
}

func TestDraw(t *testing.T) {
	var page bytes.Buffer
	err := Draw(&page, []Operation{at(0, 1, put("a")), at(2, 3, read("", 0))}, "k", limit)
	if err != nil || !strings.Contains(page.String(), "<html") {
		t.Errorf("%v, %.100s", err, page.String())
	}
}
