package main

import (
	"errors"
	"flag"
	"strings"
	"testing"
)

func TestOptionsRefused(t *testing.T) {
	tests := []struct{ name, args, want string }{
		{"no binary", "", "-lictor"},
		{"no runs", "-lictor=x -count=0", "-count"},
		{"none at a time", "-lictor=x -parallel=0", "-parallel"},
		{"no time", "-lictor=x -timeout=0s", "-timeout"},
		{"bad pattern", "-lictor=x -run=(", "-run"},
		{"contradiction", "-lictor=x -v -failures", "contradict"},
		{"stray argument", "-lictor=x TestA", `"TestA"`},
		{"unknown option", "-lictor=x -every", "-every"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var help strings.Builder
			_, err := parse(strings.Fields(tt.args), &help)
			if err == nil || !strings.Contains(err.Error(), tt.want) || help.Len() > 0 {
				t.Errorf("error %v, want one with %q; it printed %q", err, tt.want, &help)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var help strings.Builder
	if _, err := parse([]string{"-h"}, &help); !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("error %v", err)
	}
	for _, want := range []string{"Usage: scripts/api-suite", "-count times", "-also tests", "Exit code: 0", "Examples:"} {
		if !strings.Contains(help.String(), want) {
			t.Errorf("help does not say %q:\n%s", want, &help)
		}
	}
}
