package comparison

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

func report(t testing.TB, r *Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriteEqual(t *testing.T) {
	x := restored(t, encode(t, before()), restoreIndex)
	x.do(fsm.Deregister("old1", "", ""), put("config", "y"), put("web/x", ""), fsm.Deregister("ext", "mail", ""),
		fsm.Deregister("web1", "api", ""),
		fsm.DestroySession("s-ttl"), fsm.SetSystemMetadata("server-management-token", "new"))
	const want = `Compared 22 objects with the archive: equal
  written since the restore: 2 keys (config, web/x)
  deleted since the restore: 1 service (mail on ext)
  removed by the cluster: node old1 with 1 check, 2 services, 2 sessions
  removed by the agent of the node: 1 check, 1 service
    (api-ping on web1, api on web1)
  ended by the TTL or before: 1 session (s-ttl)
  unlocked or deleted with a session: 3 keys, 1 prepared query
    (lock/delete, lock/release, lock/ttl, bound)
  written anew by the servers: 1 system metadata entry (server-management-token)
`
	if got := report(t, x.compare(Expect{Index: restoreIndex})); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWriteNotes(t *testing.T) {
	x := restored(t, encode(t, before()), restoreIndex)
	n := register("ext", "10.9.9.9", 0)
	n.ID = "id-machine-2"
	x.do(fsm.Register(&state.Registration{Node: n}))
	const want = `Compared 22 objects with the archive: equal
  written since the restore: 1 node (ext)
    node ext: registered anew: ID id-machine-2, was id-ext; address 10.9.9.9, was 10.0.0.3
`
	if got := report(t, x.compare(Expect{Index: restoreIndex})); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWriteDifferent(t *testing.T) {
	restored := []any{key("a", "1", 5), key("line\nfeed", "1", 5), token("acc", "", 5), key(strings.Repeat("ä", 200), "", 5)}
	now := []any{key("a", "2", 5), index("acl-tokens", 500), key("new", "", 300)}
	want := fmt.Sprintf(`Compared 4 objects with the archive: 4 differences
  missing: ACL token acc
    something of its kind was written or deleted since: it may have been this
  changed: key a
  missing: key "line\nfeed"
  missing: key %s…
  written since the restore: 1 key (new)
`, strings.Repeat("ä", 30))
	if got := report(t, compare(t, restored, now, Expect{Index: restoreIndex})); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A report is short and a result is bounded, however much differs; the counts are exact.
func TestManyDifferences(t *testing.T) {
	const many = 5000
	var restored, now []any
	for i := range many {
		restored = append(restored, key(fmt.Sprintf("gone/%04d", many-i), "", 5), key(fmt.Sprintf("same/%d", i), "1", 5))
		now = append(now, key(fmt.Sprintf("same/%d", i), "1", 500))
	}
	now = append(now, token("t", "", 5))
	r := compare(t, restored, now, Expect{Index: restoreIndex})
	if len(r.Differences) != Kept+1 || total(r.Counts.Differences) != many+1 || r.Compared != 2*many {
		t.Errorf("%d differences kept of %d in %d", len(r.Differences), total(r.Counts.Differences), r.Compared)
	}
	if len(r.WrittenSince) != Kept || total(r.Counts.WrittenSince) != many {
		t.Errorf("%d kept of %d written since", len(r.WrittenSince), total(r.Counts.WrittenSince))
	}
	if first, last := r.Differences[1].Name, r.Differences[Kept].Name; first != "gone/0001" || last != "gone/1000" {
		t.Errorf("the keys that are kept are %s to %s", first, last)
	}
	text := report(t, r)
	if lines := strings.Count(text, "\n"); lines != 23 {
		t.Errorf("%d lines:\n%s", lines, text)
	}
	for _, want := range []string{
		"Compared 10,000 objects with the archive: 5,001 differences\n",
		"  and 4,981 more; in all 1 ACL token added, 5,000 keys missing\n",
		"  written since the restore: 5,000 keys (same/0, same/1, ", ", and 4,9",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if len(line) > width {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

func TestRollIsBounded(t *testing.T) {
	r := newRoll()
	for i := range 10 * Kept {
		r.add(Change{Type: object.FamilyKey, Name: fmt.Sprint(i)})
		if n := len(r.kept[object.FamilyKey]); n >= 2*Kept {
			t.Fatalf("%d changes are held", n)
		}
	}
}

func TestJSON(t *testing.T) {
	text, err := json.Marshal(compare(t, nil, nil, Expect{Index: 7}))
	const want = `{"Equal":true,"Compared":0,"Index":7,"Differences":[],"WrittenSince":[],"Reaped":[],"Replaced":[],` +
		`"Counts":{"Differences":[],"WrittenSince":[],"Reaped":[],"Replaced":[]}}`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	text, err = json.Marshal(compare(t, []any{key("a", "", 5)},
		[]any{key("a", "", 50), &record.SystemMetadata{Key: "x", ModifyIndex: 60}}, Expect{Index: 49}))
	const changed = `{"Equal":true,"Compared":1,"Index":49,"Differences":[],` +
		`"WrittenSince":[{"Type":"key","Name":"a","What":"changed","Index":50}],` +
		`"Reaped":[],"Replaced":[{"Type":"system metadata entry","Name":"x","What":"added","Index":60,"Reason":"written by the servers"}],` +
		`"Counts":{"Differences":[],"WrittenSince":[{"Type":"key","What":"changed","Count":1}],"Reaped":[],` +
		`"Replaced":[{"Type":"system metadata entry","What":"added","Reason":"written by the servers","Count":1}]}}`
	if err != nil || string(text) != changed {
		t.Errorf("%s, %v", text, err)
	}
}

func TestCounted(t *testing.T) {
	for want, got := range map[string]string{
		"1 key": counted(1, "key"), "1,000 keys": counted(1000, "key"), "2 ACL policies": counted(2, "ACL policy"),
		"0 checks":  counted(0, "check"),
		"2 indexes": counted(2, "index"), "1,234,567 nodes": counted(1234567, "node"), "2 config entries": counted(2, "config entry"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
