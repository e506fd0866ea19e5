package telemetry

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDefinitionsAreThoseOfTheSpecification compares the table with the list of names that operators know.
func TestDefinitionsAreThoseOfTheSpecification(t *testing.T) {
	text, err := os.ReadFile("testdata/names.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(text)), "\n")
	var got []string
	for _, d := range Definitions() {
		got = append(got, "consul."+d.Name+" "+d.Kind.String())
		if d.Help == "" {
			t.Errorf("%s has no help", d.Name)
		}
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("%s is not defined", w)
		}
	}
	for i, g := range got {
		if !slices.Contains(want, g) || slices.Contains(got[:i], g) {
			t.Errorf("%s is not in the specification, or is defined twice", g)
		}
	}
}

func TestKeysAreTheNames(t *testing.T) {
	if got := strings.Join(RPCRateLimitExceeded, "|"); got != "rpc|rate_limit|exceeded" {
		t.Errorf("key is %s", got)
	}
}
