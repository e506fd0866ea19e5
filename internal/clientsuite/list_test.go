package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadTests(t *testing.T) {
	tests := []struct {
		name, list, follower, rest string
		want                       string
		fault                      string
	}{
		{"standings", "# must\nTestA\n\nTestB\n", "TestB it counts nodes\n", "TestC passes\nTestD open not yet\nTestE outside  of it\n",
			"TestA required;TestB left out it counts nodes;TestC passes;TestD open not yet;TestE outside of it", ""},
		{"no line end", "TestA", "", "", "TestA required", ""},
		{"twice", "TestA\nTestA\n", "", "", "", "TestA stands there twice"},
		{"twice in the rest", "TestA\n", "", "TestC passes\nTestC passes\n", "", "TestC stands there twice"},
		{"in two lists", "TestA\n", "", "TestA passes\n", "", "names TestA, which api-suite.txt does too"},
		{"left out but not listed", "TestA\n", "TestB why\n", "", "", "names TestB, which api-suite.txt does not"},
		{"left out without a reason", "TestA\n", "TestA\n", "", "", "is not the name of a test, and why"},
		{"no test", "BenchmarkA\n", "", "", "", `"BenchmarkA" is not the name`},
		{"a note where none belongs", "TestA passes\n", "", "", "", `"TestA passes" is not the name`},
		{"nothing said", "TestA\n", "", "TestC\n", "", `"TestC" is not understood`},
		{"another word", "TestA\n", "", "TestC fails badly\n", "", `"TestC fails badly" is not understood`},
		{"no reason", "TestA\n", "", "TestC outside\n", "", `"TestC outside" is not understood`},
		{"a reason to pass", "TestA\n", "", "TestC passes now\n", "", `"TestC passes now" is not understood`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"": tt.list, "-follower": tt.follower, "-rest": tt.rest} {
				if err := os.WriteFile(filepath.Join(dir, "api-suite"+name+".txt"), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			all, err := readTests(dir, true)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Fatalf("error %v, want one with %q", err, tt.fault)
				}
				return
			}
			if got := text(all); err != nil || got != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func TestReadTestsWithoutLists(t *testing.T) {
	if _, err := readTests(t.TempDir(), false); err == nil || !strings.Contains(err.Error(), "api-suite.txt") {
		t.Errorf("error %v, want one that names the file", err)
	}
}

func text(tests []test) string {
	var all []string
	for _, t := range tests {
		all = append(all, strings.TrimSpace(fmt.Sprint(t.name, " ", t.standing, " ", t.note)))
	}
	return strings.Join(all, ";")
}

// The lists of the repository belong together, and to the client that go.mod requires.
func TestListsOfTheRepository(t *testing.T) {
	all, err := readTests("../../testdata", false)
	if err != nil {
		t.Fatal(err)
	}
	count := map[standing]int{}
	for _, t := range all {
		count[t.standing]++
	}
	if count[required] != 140 {
		t.Errorf("%d tests must pass, want 140", count[required])
	}
	if _, err := readTests("../../testdata", true); err != nil {
		t.Error(err)
	}
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), client+" "+version) {
		t.Errorf("go.mod does not require %s %s: the lists are for that one", client, version)
	}
}
