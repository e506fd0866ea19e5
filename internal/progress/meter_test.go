package progress

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNothingOutsideATerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer pipe.Close()
	var buf bytes.Buffer
	for name, w := range map[string]io.Writer{"buffer": &buf, "file": file, "pipe": pipe} {
		if m := New(w); m != nil {
			t.Errorf("%s: taken for a terminal", name)
		}
	}
	job := New(&buf).Start("Saving", 10)
	if n, err := job.Write(make([]byte, 7)); n != 7 || err != nil {
		t.Errorf("Write returned %d, %v", n, err)
	}
	if err := job.Close(); err != nil || buf.Len() > 0 {
		t.Errorf("Close returned %v and %q was written", err, buf.String())
	}
}

func TestTerminal(t *testing.T) {
	for _, c := range []struct {
		name  string
		total int64
		want  string
	}{
		{"known length", 4 << 20, "Saving   0%"},
		{"unknown length", -1, "Saving ( 0 B)"},
		{"empty", 0, ""},
		{"more than announced", 10, "Saving"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var screen bytes.Buffer
			job := (&Meter{terminal: &screen}).Start("Saving", c.total)
			for range 3 {
				if n, err := job.Write(make([]byte, 1<<20)); n != 1<<20 || err != nil {
					t.Errorf("Write returned %d, %v", n, err)
				}
			}
			job.Close()
			if !strings.Contains(screen.String(), c.want) {
				t.Errorf("%q lacks %q", screen.String(), c.want)
			}
			end := screen.String()[strings.LastIndex(strings.TrimRight(screen.String(), "\r"), "\r")+1:]
			if strings.Trim(end, " \r\x1b[2K") != "" {
				t.Errorf("the line is not wiped: %q", screen.String())
			}
		})
	}
}

// brokenTerminal fails every write.
type brokenTerminal struct{}

func (brokenTerminal) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestBrokenTerminalDoesNoHarm(t *testing.T) {
	job := (&Meter{terminal: brokenTerminal{}}).Start("Saving", 10)
	if n, err := job.Write(make([]byte, 5)); n != 5 || err != nil {
		t.Errorf("Write returned %d, %v", n, err)
	}
	if err := job.Close(); err != nil {
		t.Error(err)
	}
}
