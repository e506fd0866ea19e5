package house

import (
	"strings"
	"testing"
	"testing/fstest"
)

// good is a tree without faults, which every case below breaks in one way.
var good = map[string]string{
	"doc.go":                  "// Package lictor is documentation.\npackage lictor\n",
	"cmd/lictor/doc.go":       "// Lictor is a program.\npackage main\n",
	"cmd/lictor/main.go":      "package main\nimport (\n_ \"" + module + "/internal/server\"\n_ \"" + module + "/internal/version\"\n)\n",
	"internal/server/doc.go":  "// Package server serves.\npackage server\n",
	"internal/server/a.go":    "package server\nimport (\n_ \"" + module + "/internal/backup\"\n_ \"github.com/hashicorp/consul/api\"\n)\n",
	"internal/backup/doc.go":  "// Package backup saves.\npackage backup\nimport _ \"" + module + "/internal/record\"\n",
	"internal/record/doc.go":  "// Package record reads.\npackage record\nimport _ \"" + module + "/internal/msgpack\"\n",
	"internal/msgpack/doc.go": "// Package msgpack decodes.\npackage msgpack\n",
	"internal/msgpack/a_test.go": "package msgpack_test\nimport (\n\"time\"\n_ \"" + module + "/internal/msgpack\"\n)\n" +
		"type sleeper struct{}\nfunc (sleeper) Sleep() {}\nfunc Helper() { sleeper{}.Sleep(); _ = time.Now() }\n",
	"internal/version/doc.go": "// Package version tells.\npackage version\n",
	"internal/version/a.go": "package version\n// A is.\nconst A = 1\n// B and C are.\nconst (\nB = 1\nC = 2\n)\nvar (\nD = 1 // is\n// E is.\nE = 2\n)\n" +
		"// T is.\ntype T struct{}\nfunc (T) M() {}\n// F is.\nfunc F() {}\nfunc f() {}\nvar v = 1\n",
	"internal/version/testdata/bad.go": "this is not Go",
}

func TestRules(t *testing.T) {
	long := "package record\n" + strings.Repeat("\n", maxLines)
	imports := func(name, p string) string { return "package " + name + "\nimport _ \"" + p + "\"\n" }
	tests := []struct {
		name string
		path string // of the file that breaks a rule
		text string // nothing removes it
		rule string // that is broken
		want string
	}{
		{"nothing", "internal/record/x.go", "package record\n", "", ""},
		{"sibling concept", "internal/record/x.go", imports("record", module+"/internal/archive"), "", ""},
		{"down two layers", "internal/backup/x.go", imports("backup", module+"/internal/msgpack"), "", ""},
		{"a watch of the API", "internal/backup/x.go", imports("backup", "github.com/hashicorp/consul/api/watch"), "", ""},
		{"another product's name", "internal/backup/x.go", imports("backup", "github.com/hashicorp/consul-template/x"), "", ""},
		{"longest file", "internal/record/x.go", long[:len(long)-1], "", ""},
		{"sleeping product", "internal/record/x.go", "package record\nimport \"time\"\nfunc f() { time.Sleep(1) }\n", "", ""},

		{"concept imports job", "internal/record/x.go", imports("record", module+"/internal/backup"), "layers", "concepts must not import jobs"},
		{"leaf imports concept", "internal/version/x.go", imports("version", module+"/internal/record"), "layers", "leaves must not import concepts"},
		{"leaf imports leaf", "internal/version/x.go", imports("version", module+"/internal/msgpack"), "layers", "leaves must not import each other"},
		{"job imports command", "internal/server/x.go", imports("server", module+"/cmd/lictor"), "layers", "jobs must not import commands"},
		{"test imports upward", "internal/record/x_test.go", imports("record_test", module+"/internal/server"), "layers", "concepts must not import jobs"},
		{"root imports", "x.go", imports("lictor", module+"/internal/version"), "layers", "the root holds documentation"},
		{"unknown package", "internal/novel/doc.go", "// Package novel is.\npackage novel\n", "table of layers", "add it to the table"},
		{"unknown package below one", "internal/record/kv/doc.go", "// Package kv is.\npackage kv\n", "table of layers", "internal/record/kv is in no layer"},
		{"code outside", "pkg/doc.go", "// Package pkg is.\npackage pkg\n", "table of layers", "pkg is in no layer"},
		{"consul's server", "internal/record/x.go", imports("record", "github.com/hashicorp/consul/agent/structs"), "consul", "only github.com/hashicorp/consul/api"},
		{"consul itself", "internal/record/x.go", imports("record", "github.com/hashicorp/consul"), "consul", "only"},
		{"consul in a test", "internal/record/x_test.go", imports("record", "github.com/hashicorp/consul/sdk/testutil"), "consul", "only"},
		{"long file", "internal/record/x.go", long, "file length", "has 901 lines"},
		{"no doc.go", "internal/server/doc.go", "", "package comments", "internal/server has no doc.go"},
		{"no comment in doc.go", "internal/record/doc.go", "package record\n", "package comments", "internal/record has no doc.go"},
		{"empty name", "internal/record/x.go", "package util\n", "package names", "called util"},
		{"empty name of tests", "internal/record/x_test.go", "package helpers_test\n", "package names", "called helpers"},
		{"sleep", "internal/record/x_test.go", "package record\nimport \"time\"\nfunc f() {\ntime.Sleep(1) }\n", "sleeping tests", "x_test.go:4 sleeps"},
		{"sleep in a bubble", "internal/record/x_test.go", "package record\nimport (\n\"testing/synctest\"\n\"time\"\n)\nfunc f() { synctest.Test(nil, func() { time.Sleep(1) }) }\n", "", ""},
		{"sleep beside a bubble", "internal/record/x_test.go", "package record\nimport (\n\"testing/synctest\"\n\"time\"\n)\nfunc f() { synctest.Wait()\ntime.Sleep(1) }\n", "sleeping tests", "x_test.go:7 sleeps"},
		{"sleep handed on", "internal/record/x_test.go", "package record\nimport \"time\"\nvar f = time.Sleep\n", "sleeping tests", "x_test.go:3"},
		{"sleep renamed", "internal/record/x_test.go", "package record\nimport clock \"time\"\nvar f = clock.Sleep\n", "sleeping tests", "x_test.go:3"},
		{"function", "internal/record/x.go", "package record\nfunc New() {}\n", "exported and plain", "x.go:2: New is exported"},
		{"type", "internal/record/x.go", "package record\ntype (\nA int\n)\n", "exported and plain", "x.go:3: A is"},
		{"constant", "internal/record/x.go", "package record\nconst a, B = 1, 2\n", "exported and plain", "x.go:2: B is"},
		{"variable", "internal/record/x.go", "package record\nvar (\n// A is.\nA = 1\nB = 2\n)\n", "exported and plain", "x.go:5: B is"},
		{"directive is no comment", "internal/record/x.go", "package record\n//go:noinline\nfunc New() {}\n", "exported and plain", "New is"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := fstest.MapFS{tt.path: {Data: []byte(tt.text)}}
			for name, text := range good {
				if name != tt.path {
					files[name] = &fstest.MapFile{Data: []byte(text)}
				}
			}
			if tt.text == "" {
				delete(files, tt.path)
			}
			checkRules(t, load(t, files), tt.rule, tt.want)
		})
	}
}

// checkRules wants one fault of one rule, and none of the others; no rule means no fault at all.
func checkRules(t *testing.T, tree []source, broken, want string) {
	t.Helper()
	if _, ok := rules[broken]; !ok && broken != "" {
		t.Fatalf("there is no rule %q", broken)
	}
	for name, r := range rules {
		faults := r(tree)
		if name != broken {
			for _, f := range faults {
				t.Errorf("rule %s complains: %s", name, f)
			}
			continue
		}
		if len(faults) != 1 || !strings.Contains(faults[0], want) {
			t.Errorf("rule %s says %q, want one fault with %q", name, faults, want)
		}
	}
}

func TestTableHasNoDuplicates(t *testing.T) {
	seen := map[string]string{}
	for _, l := range layers {
		for _, p := range l.packages {
			if other, ok := seen[p]; ok {
				t.Errorf("%s is in %s and in %s", p, other, l.name)
			}
			seen[p] = l.name
		}
	}
}
