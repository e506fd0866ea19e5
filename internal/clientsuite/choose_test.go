package main

import (
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	listed := []test{
		{name: "TestA", standing: required}, {name: "TestB", standing: leftOut}, {name: "TestC", standing: passes},
		{name: "TestD", standing: open, note: "why"}, {name: "TestE", standing: outside, note: "why"},
	}
	suite := map[string]bool{"TestA": true, "TestB": true, "TestC": true, "TestD": true, "TestE": true, "TestF": true}
	tests := []struct {
		name, args   string
		chosen, left string // names; * after those that must pass
	}{
		{"what must pass", "", "A*", "B"},
		{"by a pattern", "-run=A$", "A*", ""},
		{"all", "-all", "A* B C* D E F*", ""},
		{"all that match", "-all -run=[BF]", "B F*", ""},
		{"one more", "-also=TestE", "A* E", "B"},
		{"only these", "-run=^$ -also=TestC,TestB,TestF", "B C* F*", ""},
		{"one that is not there", "-run=A -also=TestX", "A* X*", ""},
		{"none", "-run=[BCDEF]", "", "B"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := parse(append(strings.Fields(tt.args), "-lictor=lictor"), t.Output())
			if err != nil {
				t.Fatal(err)
			}
			chosen, left, err := o.of(listed, suite)
			if got := letters(chosen); got != tt.chosen || (err == nil) != (tt.chosen != "") {
				t.Errorf("chosen are %q, %v; want %q", got, err, tt.chosen)
			}
			if got := strings.ReplaceAll(letters(left), "*", ""); got != tt.left {
				t.Errorf("left out are %q, want %q", got, tt.left)
			}
		})
	}
}

// letters are the last letters of the tests' names.
func letters(tests []test) string {
	var all []string
	for _, t := range tests {
		letter := strings.TrimPrefix(t.name, "Test")
		if t.counts() {
			letter += "*"
		}
		all = append(all, letter)
	}
	return strings.Join(all, " ")
}
