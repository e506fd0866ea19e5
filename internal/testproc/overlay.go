package testproc

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Overlay returns the flag with which the go command builds with a source of its own in place of the file at path.
func Overlay(t testing.TB, path, source string) string {
	t.Helper()
	dir := t.TempDir()
	replacement, config := filepath.Join(dir, "replacement.go"), filepath.Join(dir, "overlay.json")
	original, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: replacement}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{replacement: []byte(source), config: overlay} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return "-overlay=" + config
}
