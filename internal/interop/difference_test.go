//go:build unix

package interop

import (
	"fmt"
	"strings"
	"testing"
)

// difference tells where two texts differ first, with the lines before.
func difference(want, got string) error {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	const end = "(the end)"
	w, g = append(w, end), append(g, end)
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			before := strings.Join(w[max(0, i-8):i], "\n")
			return fmt.Errorf("line %d is %s, want %s; before it:\n%.2000s", i+1, around(g[i], w[i]), around(w[i], g[i]), before)
		}
	}
	return nil
}

// around is what a line has where it begins to differ from another one.
func around(line, other string) string {
	i := 0
	for i < len(line) && i < len(other) && line[i] == other[i] {
		i++
	}
	if i <= 100 {
		return fmt.Sprintf("%.200s", strings.TrimSpace(line))
	}
	return fmt.Sprintf("…%.200s", line[i-100:])
}

func TestDifference(t *testing.T) {
	long := strings.Repeat("a", 400)
	tests := []struct{ name, want, got, says string }{
		{"none", "a\nb", "a\nb", ""},
		{"a line", "a\n b", "a\n c", "line 2 is c, want b; before it:\na"},
		{"one too few", "a\nb", "a", "line 2 is (the end), want b"},
		{"one too many", "a", "a\nb", "line 2 is b, want (the end)"},
		{"nothing", "a", "", "line 1 is , want a"},
		{"late in a long line", long + "b", long + "c", "line 1 is …" + long[:100] + "c, want …" + long[:100] + "b;"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := difference(tt.want, tt.got)
			if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("difference is %v, want %q", err, tt.says)
			}
		})
	}
}
