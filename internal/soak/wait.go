//go:build heavy && unix

package soak

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A moment returns when its time has come, or when done is closed.
type moment func(done <-chan struct{})

// after is the moment when d has passed.
func after(d time.Duration) moment {
	return func(done <-chan struct{}) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-done:
		}
	}
}

// then is the moment d after first.
func (first moment) then(d time.Duration) moment {
	return func(done <-chan struct{}) {
		first(done)
		after(d)(done)
	}
}

// appears is the moment when dir has an entry that fits and was not there before. It looks without a pause: what it waits for
// may be over within a millisecond.
func appears(dir string, fits func(name string) bool) moment {
	before := names(dir)
	return func(done <-chan struct{}) {
		for {
			select {
			case <-done:
				return
			default:
			}
			for _, name := range names(dir) {
				if fits(name) && !slices.Contains(before, name) {
					return
				}
			}
		}
	}
}

// unfinished tells whether a name in the directory of Raft's snapshots is that of one that is being written.
func unfinished(name string) bool { return strings.HasSuffix(name, ".tmp") }

func finished(name string) bool { return !unfinished(name) }

// names are the entries of a directory; one that is not there has none.
func names(dir string) (list []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// files are the paths below dir, relative to it.
func files(dir string) (list []string) {
	_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, rel)
		}
		return nil
	})
	return list
}
