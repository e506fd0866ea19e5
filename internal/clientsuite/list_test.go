package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestReadList(t *testing.T) {
	tests := []struct {
		name, list, waiting string
		want                string // names, * after those that wait
		fault               string
	}{
		{"some wait", "TestA\nTestB\n", "TestB\n", "TestA TestB*", ""},
		{"none waits", "TestA\nTestB", "", "TestA TestB", ""},
		{"twice", "TestA\nTestA\n", "", "", "TestA twice"},
		{"waits but is not listed", "TestA\n", "TestB\n", "", "names TestB, which"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := readList(write(t, tt.list), write(t, tt.waiting))
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Fatalf("error %v, want one with %q", err, tt.fault)
				}
				return
			}
			if err != nil || l.text() != tt.want {
				t.Errorf("got %s, %v; want %s", l.text(), err, tt.want)
			}
		})
	}
}

// The lists of the repository are what scripts/api-suite runs without options.
func TestListsOfTheRepository(t *testing.T) {
	l, err := readList("../../testdata/api-suite.txt", "../../testdata/api-suite-clusters.txt")
	if err != nil {
		t.Fatal(err)
	}
	waiting := strings.Count(l.text(), "*")
	if len(l) != 140 || waiting > 5 {
		t.Errorf("%d tests, %d of them waiting; want all 140 of the list, and at most 5", len(l), waiting)
	}
	if got := l.matching(regexp.MustCompile(`RaftLeader`)).text(); !strings.HasPrefix(got, "TestAPI_OperatorRaftLeaderTransfer") {
		t.Errorf("matching RaftLeader: %s", got)
	}
}

func (l list) text() string {
	var names []string
	for _, t := range l {
		name := t.name
		if t.waiting {
			name += "*"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
