//go:build heavy && unix

package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/inventory"
)

// A shelf is a directory with backups, which is looked at all the time.
type shelf struct {
	dir    string
	retain int

	mu    sync.Mutex      // guards what follows
	whole map[string]bool // entries whose archives were read
	most  int             // of backups seen at a time
	last  string          // the newest ID seen
	wrong []string
}

// pause is between two looks at a directory.
const pause = 20 * time.Millisecond

const foreignName, foreignText = "consul-1600000000000000000.snap", "of another agent"

// newShelf makes a directory, in or as dir, with a foreign file in it.
func newShelf(t testing.TB, dir string, retain int) *shelf {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, foreignName), []byte(foreignText), 0o600); err != nil {
		t.Fatal(err)
	}
	return &shelf{dir: dir, retain: retain, whole: map[string]bool{}}
}

// watched looks at the directory until the test ends, and reports what it saw.
func (s *shelf) watched(t *testing.T) *shelf {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for looks := 0; ; looks++ {
			select {
			case <-done:
				t.Logf("%s was looked at %d times, %d backups were seen", s.dir, looks, len(s.whole))
				return
			default:
				s.look()
				after(pause)(done)
			}
		}
	}()
	t.Cleanup(func() {
		close(done)
		<-stopped
		for _, w := range s.wrong {
			t.Error(w)
		}
	})
	return s
}

// look checks every entry there is.
func (s *shelf) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	good := 0
	for _, name := range names(s.dir) {
		if !strings.HasSuffix(name, ".snap.json") {
			continue
		}
		id, err := s.check(name)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it was deleted: the archive first
		case err != nil:
			s.blame("%s: %v", name, err)
		default:
			good++
			if newer(id, s.last) {
				s.last = id
			}
		}
	}
	s.most = max(s.most, good)
	if good < min(s.retain, s.most) {
		s.blame("%d backups are there, of %d; %d are to be kept", good, s.most, s.retain)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "consul-"+s.last+".snap")); s.last != "" && err != nil {
		s.blame("the newest proven backup is gone: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(s.dir, foreignName)); err != nil || string(b) != foreignText {
		s.blame("the foreign file is %q, %v", b, err)
	}
}

// newest is the newest ID seen.
func (s *shelf) newest() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *shelf) blame(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.wrong, text) {
		s.wrong = append(s.wrong, text)
	}
}

// check checks one entry, and reads its archive unless that was done before.
func (s *shelf) check(name string) (id string, err error) {
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return "", err
	}
	var e inventory.Entry
	if err := json.Unmarshal(b, &e); err != nil {
		return "", err
	}
	path := filepath.Join(s.dir, e.Name)
	if s.whole[name] {
		_, err := os.Stat(path)
		return e.ID, err
	}
	archive, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if e.Proof != inventory.Proven {
		return "", fmt.Errorf("%s: %s", e.Proof, e.Reason)
	}
	if s.last != "" && !newer(e.ID, s.last) {
		return "", fmt.Errorf("it appears after %s", s.last)
	}
	if err := whole(&e, archive); err != nil {
		return "", err
	}
	s.whole[name] = true
	return e.ID, nil
}

// backups are the entries of the directory.
func (s *shelf) backups() (list []string) {
	for _, name := range names(s.dir) {
		if strings.HasSuffix(name, ".snap.json") {
			list = append(list, name)
		}
	}
	return list
}

// verify has the program verify all backups.
func (s *shelf) verify(t testing.TB) {
	t.Helper()
	for _, name := range s.backups() {
		path := filepath.Join(s.dir, strings.TrimSuffix(name, ".json"))
		if out, err := tool(t.TempDir(), "snapshot", "verify", path).CombinedOutput(); err != nil {
			t.Errorf("verify %s: %v\n%s", path, err, out)
		}
	}
}
