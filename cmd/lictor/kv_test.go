package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// store fills a fake with the keys that most cases use.
func store(t *testing.T) *fakeServer {
	f := newFake(t)
	f.set(
		fakePair{Key: "app", Value: []byte("A"), CreateIndex: 3, ModifyIndex: 4},
		fakePair{Key: "app/empty", CreateIndex: 5, ModifyIndex: 5},
		fakePair{Key: "app/x/1", Value: []byte("one\ntwo\t3"), Flags: 42, CreateIndex: 6, ModifyIndex: 844},
		fakePair{Key: "apple", Value: []byte("fruit"), LockIndex: 2, Session: "s-1", CreateIndex: 7, ModifyIndex: 8},
	)
	return f
}

func TestKVGet(t *testing.T) {
	const apple = "CreateIndex      7\nFlags            0\nKey              apple\nLockIndex        2\n" +
		"ModifyIndex      8\nSession          s-1\nValue            fruit"
	const x1 = "CreateIndex      6\nFlags            42\nKey              app/x/1\nLockIndex        0\n" +
		"ModifyIndex      844\nSession          -\nValue            one\ntwo\t3"
	const ignoredWithKeys = "Warning: -keys prints names only; -recurse, -detailed and -base64 are ignored with it\n"
	tests := []struct {
		name string
		args []string
		want result
	}{
		{"found", words("app"), ok("A")},
		{"bytes as they are", words("app/x/1"), ok("one\ntwo\t3")},
		{"empty value", words("app/empty"), ok("")},
		{"one leading slash", words("/app"), ok("A")},
		{"two leading slashes", words("//app"), ok("A")},
		{"absent", words("nope"), failed("Error! No key exists at: nope")},
		{"absent with a slash", words("/nope"), failed("Error! No key exists at: nope")},
		{"no argument", nil, failed("Error! Missing KEY argument")},
		{"empty argument", []string{""}, failed("Error! Missing KEY argument")},
		{"slash alone", words("/"), failed("Error! Missing KEY argument")},
		{"too many", words("a b"), failed("Too many arguments (expected 1, got 2)")},
		{"flag after the key", words("app -recurse"), failed("Too many arguments (expected 1, got 2)")},
		{"base64", words("-base64 app/x/1"), ok("b25lCnR3bwkz")},
		{"detailed", words("-detailed apple"), ok(apple)},
		{"detailed, base64", words("-detailed -base64 apple"), ok(strings.Replace(apple, "fruit", "ZnJ1aXQ=", 1))},
		{"recurse", words("-recurse app"), ok("app:A\napp/empty:\napp/x/1:one\ntwo\t3\napple:fruit")},
		{"recurse, base64", words("-recurse -base64 app/x"), ok("app/x/1:b25lCnR3bwkz")},
		{"recurse, detailed", words("-recurse -detailed app/x"), ok(x1)},
		{"recurse, no argument", words("-recurse"), ok("app:A\napp/empty:\napp/x/1:one\ntwo\t3\napple:fruit")},
		{"recurse, nothing", words("-recurse nope"), result{}},
		{"keys", words("-keys"), ok("app\napp/\napple")},
		{"keys under a prefix", words("-keys app/"), ok("app/empty\napp/x/")},
		{"keys, no separator", words("-keys -separator="), ok("app\napp/empty\napp/x/1\napple")},
		{"keys, other separator", words("-keys -separator=p"), ok("ap")},
		{"keys, nothing", words("-keys nope"), result{}},
		{"keys wins over recurse", words("-keys -recurse app/"), result{0, "app/empty\napp/x/\n", ignoredWithKeys}},
		{"separator without keys", words("-separator=: app"),
			result{0, "A\n", "Warning: -separator has no effect without -keys and is ignored\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store(t)
			check(t, lictor(append(words("kv get"), tt.args...)...), tt.want)
		})
	}
}

func TestKVGetDetailedBlocks(t *testing.T) {
	store(t)
	got := lictor("kv", "get", "-recurse", "-detailed", "app")
	blocks := strings.Split(got.out, "\n\n")
	if len(blocks) != 4 || got.code != 0 {
		t.Errorf("want 4 blocks separated by empty lines, got exit %d\n%s", got.code, got.out)
	}
}

func TestKVServerErrors(t *testing.T) {
	const tail = "Unexpected response code: 500 (refused by the test)"
	tests := []struct{ line, want string }{
		{"get bad", "Error querying Consul agent: " + tail},
		{"get -recurse bad", "Error querying Consul agent: " + tail},
		{"get -keys bad", "Error querying Consul agent: " + tail},
		{"put bad 1", "Error! Failed writing data: " + tail},
		{"put -cas bad 1", "Error! Failed writing data: " + tail},
		{"delete bad", "Error! Failed deleting key bad: " + tail},
		{"delete -cas -modify-index=1 bad", "Error! Failed deleting key bad: " + tail},
		{"delete -recurse bad", "Error! Failed deleting keys with prefix bad: " + tail},
		{"export bad", "Error querying Consul agent: " + tail},
		{`import [{"key":"bad"}]`, "Error! Failed writing data for key bad: " + tail},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			store(t).refuse["bad"] = 500
			check(t, lictor(append([]string{"kv"}, words(tt.line)...)...), failed(tt.want))
		})
	}
}

func TestKVPut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, []byte("from\x00file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		args  []string
		stdin string
		want  result
		key   string
		value string // of key afterwards
	}{
		{"literal", words("k 5"), "", ok("Success! Data written to: k"), "k", "5"},
		{"no data", words("k"), "", ok("Success! Data written to: k"), "k", ""},
		{"empty data", []string{"k", ""}, "", ok("Success! Data written to: k"), "k", ""},
		{"replace", words("app B"), "", ok("Success! Data written to: app"), "app", "B"},
		{"file", []string{"k", "@" + file}, "", ok("Success! Data written to: k"), "k", "from\x00file\n"},
		{"standard input", words("k -"), "in\n", ok("Success! Data written to: k"), "k", "in\n"},
		{"dash and more is literal", words("k -abc"), "in", ok("Success! Data written to: k"), "k", "-abc"},
		{"base64", words("-base64 k SGVsbG8="), "", ok("Success! Data written to: k"), "k", "Hello"},
		{"base64 from standard input", words("-base64 k -"), "SGVs\nbG8=\n", ok("Success! Data written to: k"), "k", "Hello"},
		{"cas, absent", words("-cas -modify-index=0 k 1"), "", ok("Success! Data written to: k"), "k", "1"},
		{"cas, match", words("-cas -modify-index=4 app B"), "", ok("Success! Data written to: app"), "app", "B"},
		{"acquire", words("-acquire -session=s-1 app B"), "", ok("Success! Lock acquired on: app"), "app", "B"},
		{"release", words("-release -session=s-1 apple B"), "", ok("Success! Lock released on: apple"), "apple", "B"},
		{"stale", words("-stale k 1"), "",
			result{0, "Success! Data written to: k\n", "Warning: -stale has no effect on a write and is ignored\n"}, "k", "1"},
		{"index without cas", words("-modify-index=9 k 1"), "", result{0, "Success! Data written to: k\n",
			"Warning: -modify-index has no effect without -cas and is ignored\n"}, "k", "1"},
		{"session without lock", words("-session=s-1 k 1"), "", result{0, "Success! Data written to: k\n",
			"Warning: -session has no effect without -acquire or -release and is ignored\n"}, "k", "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := store(t)
			f.sessions = []string{"s-1"}
			check(t, lictorReading(tt.stdin, append(words("kv put"), tt.args...)...), tt.want)
			if got, found := f.values()[tt.key]; !found || got != tt.value {
				t.Errorf("stored %q (%v), want %q", got, found, tt.value)
			}
		})
	}
}

func TestKVPutRefused(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no key", nil, "Missing KEY argument"},
		{"empty key", []string{"", "x"}, "Missing KEY argument"},
		{"too many", words("a b c"), "Too many arguments (expected 1 or 2, got 3)"},
		{"leading slash", words("/k v"), "Failed writing data: Invalid key. Key must not begin with a '/': /k"},
		{"absent file", words("k @/nope"), "Failed to read file: open /nope: no such file or directory"},
		{"bad base64", words("-base64 app $$$"), "Cannot base 64 decode data: illegal base64 data at input byte 0"},
		{"acquire and release", words("-acquire -release -session=s-1 k v"), "Cannot specify both -acquire and -release"},
		{"cas and acquire", words("-cas -acquire -session=s-1 k v"),
			"Cannot specify -cas together with -acquire or -release"},
		{"acquire without session", words("-acquire k v"), "Missing -session (required with -acquire and -release)"},
		{"release without session", words("-release k v"), "Missing -session (required with -acquire and -release)"},
		{"cas 0, present", words("-cas app B"), "Did not write to app: CAS performed with index=0 and key already exists."},
		{"cas, mismatch", words("-cas -modify-index=5 app B"), "Did not write to app: CAS failed"},
		{"cas, absent", words("-cas -modify-index=5 k B"), "Did not write to k: CAS failed"},
		{"lock held by another", words("-acquire -session=s-2 apple B"), "Did not acquire lock"},
		{"release by another", words("-release -session=s-2 apple B"), "Did not release lock"},
		{"unknown session", words("-acquire -session=s-9 k v"),
			`Failed writing data: Unexpected response code: 500 (raft apply failed: invalid session "s-9")`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := store(t)
			f.sessions = []string{"s-1", "s-2"}
			before := f.values()
			check(t, lictor(append(words("kv put"), tt.args...)...), failed("Error! "+tt.want))
			if after := f.values(); !maps.Equal(before, after) {
				t.Errorf("store changed: %q", after)
			}
		})
	}
}

func TestKVPutFlags(t *testing.T) {
	f := store(t)
	check(t, lictor("kv", "put", "-flags=18446744073709551615", "k", "v"), ok("Success! Data written to: k"))
	if got := f.last(t).URL.Query().Get("flags"); got != "18446744073709551615" {
		t.Errorf("flags sent: %q", got)
	}
	got := lictor("kv", "put", "-flags=-1", "k", "v")
	if got.code != 1 || !strings.HasPrefix(got.err, `invalid value "-1" for flag -flags: parse error`+"\nUsage:\n") {
		t.Errorf("exit %d, stderr %q", got.code, got.err)
	}
	if n := len(f.seen()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestKVDelete(t *testing.T) {
	const all = "app app/empty app/x/1 apple"
	tests := []struct {
		name string
		args []string
		want result
		left string // keys afterwards
	}{
		{"one", words("app"), ok("Success! Deleted key: app"), "app/empty app/x/1 apple"},
		{"leading slash", words("/app"), ok("Success! Deleted key: app"), "app/empty app/x/1 apple"},
		{"absent", words("nope"), ok("Success! Deleted key: nope"), all},
		{"prefix", words("-recurse app"), ok("Success! Deleted keys with prefix: app"), ""},
		{"folder", words("-recurse app/"), ok("Success! Deleted keys with prefix: app/"), "app apple"},
		{"everything, said so", []string{"-recurse", ""}, ok("Success! Deleted keys with prefix: "), ""},
		{"everything, not said so", words("-recurse"),
			failed(`Error! Missing PREFIX argument. To delete every key, say so with an empty prefix: -recurse ""`), all},
		{"no key", nil, failed("Error! Missing KEY argument"), all},
		{"empty key", []string{""}, failed("Error! Missing KEY argument"), all},
		{"too many", words("a b"), failed("Too many arguments (expected 1, got 2)"), all},
		{"too many with recurse", words("-recurse app apple"), failed("Too many arguments (expected 1, got 2)"), all},
		{"cas", words("-cas -modify-index=4 app"), ok("Success! Deleted key: app"), "app/empty app/x/1 apple"},
		{"cas, mismatch", words("-cas -modify-index=5 app"), failed("Error! Did not delete key app: CAS failed"), all},
		{"cas without index", words("-cas app"),
			failed("Cannot delete a key that does not exist. Provide a -modify-index greater than than 0."), all},
		{"index without cas", words("-modify-index=4 app"), failed("Cannot specify -modify-index without -cas!"), all},
		{"cas and recurse", words("-cas -recurse -modify-index=4 app"), failed("Cannot specify both -cas and -recurse!"), all},
		{"stale", words("-stale nope"),
			result{0, "Success! Deleted key: nope\n", "Warning: -stale has no effect on a write and is ignored\n"}, all},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := store(t)
			check(t, lictor(append(words("kv delete"), tt.args...)...), tt.want)
			if left := strings.Join(f.under(""), " "); left != tt.left {
				t.Errorf("left %q, want %q", left, tt.left)
			}
		})
	}
}

func TestKVExport(t *testing.T) {
	const x1 = "[\n\t{\n\t\t\"key\": \"app/x/1\",\n\t\t\"flags\": 42,\n\t\t\"value\": \"b25lCnR3bwkz\"\n\t}\n]"
	const empty = "[\n\t{\n\t\t\"key\": \"app/empty\",\n\t\t\"flags\": 0,\n\t\t\"value\": \"\"\n\t}\n]"
	tests := []struct {
		name string
		args []string
		want result
	}{
		{"prefix", words("app/x"), ok(x1)},
		{"leading slash", words("/app/x"), ok(x1)},
		{"empty value", words("app/e"), ok(empty)},
		{"nothing", words("nope"), ok("[]")},
		{"too many", words("a b"), failed("Too many arguments (expected 1, got 2)")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store(t)
			check(t, lictor(append(words("kv export"), tt.args...)...), tt.want)
		})
	}
}

func TestKVExportThenImport(t *testing.T) {
	from := store(t)
	text := lictor("kv", "export").out
	want := from.values()

	to := newFake(t)
	check(t, lictorReading(text, "kv", "import", "-"),
		ok("Imported: app\nImported: app/empty\nImported: app/x/1\nImported: apple"))
	if got := to.values(); !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := to.pairs["app/x/1"].Flags; got != 42 {
		t.Errorf("flags %d, want 42", got)
	}
}

func TestKVImport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.json")
	if err := os.WriteFile(file, []byte(`[{"key":"f","flags":7,"value":"Zg=="}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	const two = `[{"key":"a","value":"MQ=="},{"key":"b","value":"Mg=="}]`
	tests := []struct {
		name  string
		args  []string
		stdin string
		want  result
		new   map[string]string // keys written
	}{
		{"literal", []string{two}, "", ok("Imported: a\nImported: b"), map[string]string{"a": "1", "b": "2"}},
		{"file", []string{"@" + file}, "", ok("Imported: f"), map[string]string{"f": "f"}},
		{"standard input", words("-"), two, ok("Imported: a\nImported: b"), map[string]string{"a": "1", "b": "2"}},
		{"prefix", []string{"-prefix=p/", two}, "", ok("Imported: p/a\nImported: p/b"), map[string]string{"p/a": "1", "p/b": "2"}},
		{"overwrite", []string{`[{"key":"app","value":"Qg=="}]`}, "", ok("Imported: app"), map[string]string{"app": "B"}},
		{"empty array", words("[]"), "", result{}, nil},
		{"no data", nil, "", failed("Error! Missing DATA argument"), nil},
		{"too many", words("a b"), "", failed("Too many arguments (expected 1, got 2)"), nil},
		{"absent file", words("@/nope"), "", failed("Error! Failed to read file: open /nope: no such file or directory"), nil},
		{"not JSON", words("zzz"), "", failed("Cannot unmarshal data: invalid character 'z' looking for beginning of value"), nil},
		{"bad base64 behind a good key", []string{`[{"key":"a","value":"MQ=="},{"key":"b","value":"$"}]`}, "",
			failed("Error base 64 decoding value for key b: illegal base64 data at input byte 0"), nil},
		{"no key", []string{`[{"key":"a","value":"MQ=="},{"value":"MQ=="}]`}, "", failed("Error! Entry 2 of 2 has no key"), nil},
		{"refused key, others written", []string{`[{"key":"a"},{"key":"denied"},{"key":"/s"},{"key":"z"}]`}, "", result{1,
			"Imported: a\nImported: z\n", "Error! Failed writing data for key denied: Unexpected response code: 403 (refused by the test)\n" +
				"Error! Failed writing data for key /s: Invalid key. Key must not begin with a '/': /s\n"},
			map[string]string{"a": "", "z": ""}},
		{"failing server, stopped", []string{`[{"key":"a"},{"key":"broken"},{"key":"z"}]`}, "", result{1,
			"Imported: a\n", "Error! Failed writing data for key broken: Unexpected response code: 500 (refused by the test)\n"},
			map[string]string{"a": ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := store(t)
			f.refuse["denied"], f.refuse["broken"] = 403, 500
			want := f.values()
			maps.Copy(want, tt.new)
			check(t, lictorReading(tt.stdin, append(words("kv import"), tt.args...)...), tt.want)
			if got := f.values(); !maps.Equal(got, want) {
				t.Errorf("stored %q, want %q", got, want)
			}
		})
	}
}

func TestKVImportTenancy(t *testing.T) {
	const data = `[{"key":"a","namespace":"ns-1","partition":"pt-1"}]`
	tests := []struct {
		name         string
		args         []string
		wantN, wantP string
	}{
		{"from the entry", []string{data}, "ns-1", "pt-1"},
		{"from the flags", []string{"-namespace=n", "-partition=p", data}, "n", "p"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := store(t)
			check(t, lictor(append(words("kv import"), tt.args...)...), ok("Imported: a"))
			q := f.last(t).URL.Query()
			if q.Get("ns") != tt.wantN || q.Get("partition") != tt.wantP {
				t.Errorf("sent %q", q)
			}
		})
	}
}
