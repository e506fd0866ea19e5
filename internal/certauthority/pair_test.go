package certauthority

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

func files(dir string) Files { return Files{filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")} }

func content(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		info, err2 := e.Info()
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %o %s;", e.Name(), info.Mode(), text)
	}
	return b.String()
}

func TestPairIsWritten(t *testing.T) {
	dir := t.TempDir()
	pair := &Pair{[]byte("certificate"), []byte("key")}
	if err := pair.Write(t.Context(), files(dir), func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	if got := content(t, dir); got != "c.pem 644 certificate;k.pem 600 key;" {
		t.Errorf("got %s", got)
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	for _, name := range []string{"c.pem", "k.pem"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := (&Pair{}).Write(t.Context(), files(dir), nil)
		if !errors.Is(err, fs.ErrExist) || err.Error() != filepath.Join(dir, name)+" already exists" {
			t.Errorf("got %v", err)
		}
		if got := content(t, dir); got != name+" 600 old;" {
			t.Errorf("left: %s", got)
		}
	}
}

// countdown is a context that is cancelled when it has been asked so many times, to stop the writing at each of its steps.
type countdown struct {
	context.Context
	cancel context.CancelCauseFunc
	left   int
}

func (c *countdown) Err() error {
	c.tick()
	return c.Context.Err()
}

func (c *countdown) Value(key any) any { // which context.Cause asks
	c.tick()
	return c.Context.Value(key)
}

func (c *countdown) tick() {
	if c.left--; c.left < 0 {
		c.cancel(errors.New("interrupted"))
	}
}

func TestInterruptedWriteLeavesAllOrNothing(t *testing.T) {
	pair := &Pair{[]byte("certificate"), []byte("key")}
	for steps := 0; ; steps++ {
		dir := t.TempDir()
		ctx, cancel := context.WithCancelCause(t.Context())
		err := pair.Write(&countdown{ctx, cancel, steps}, files(dir), nil)
		cancel(nil)
		got := content(t, dir)
		if err == nil {
			if steps < 4 || got != "c.pem 644 certificate;k.pem 600 key;" {
				t.Errorf("not interrupted after %d steps, it left %s", steps, got)
			}
			return
		}
		if got != "" || !strings.Contains(err.Error(), "interrupted") {
			t.Errorf("interrupted after %d steps: %v, it left %s", steps, err, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	dir := t.TempDir()
	name := func(n int) Files {
		return Files{filepath.Join(dir, fmt.Sprintf("%d.pem", n)), filepath.Join(dir, fmt.Sprintf("%d-key.pem", n))}
	}
	if err := errors.Join(os.WriteFile(name(0).Certificate, nil, 0o600), os.WriteFile(name(1).Key, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { // all writers have ended when it returns
		var mu sync.Mutex
		got := map[Files]bool{}
		for range 8 {
			go func() {
				to, err := (&Pair{}).WriteNumbered(context.Background(), name, nil)
				mu.Lock()
				defer mu.Unlock()
				got[to] = true
				if err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		for n := 2; n < 10; n++ {
			if !got[name(n)] {
				t.Errorf("nobody wrote number %d: %v", n, got)
			}
		}
	})
	missing := func(int) Files { return files(filepath.Join(dir, "missing")) }
	if _, err := (&Pair{}).WriteNumbered(t.Context(), missing, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
