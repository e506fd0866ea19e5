package agent

import (
	"path/filepath"
	"testing"
)

func TestDistribution(t *testing.T) {
	for _, c := range []struct{ name, text, id, release string }{
		{"quoted", "NAME=\"Rocky Linux\"\nID=\"rocky\"\nID_LIKE=\"rhel\"\nVERSION_ID=\"9.4\"\n", "rocky", "9.4"},
		{"bare", "ID=arch\nBUILD_ID=rolling", "arch", ""},
		{"single quotes", "VERSION_ID='12'\nID='debian'\n", "debian", "12"},
		{"nothing", "# empty\n=\n", "", ""},
	} {
		path := filepath.Join(t.TempDir(), "os-release")
		put(t, path, c.text)
		if id, release := distribution(path); id != c.id || release != c.release {
			t.Errorf("%s: %q %q, want %q %q", c.name, id, release, c.id, c.release)
		}
	}
	if id, release := distribution(filepath.Join(t.TempDir(), "absent")); id+release != "" {
		t.Errorf("absent: %q %q", id, release)
	}
}
