package datadir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/lictor-dr/lictor/internal/atomicfile"
)

// Format is the number of the directory's format that this version writes.
//
//	1  raft/wal (raft-wal), raft/snapshots, node-id, scratch
const Format = 1

const (
	lockName    = "lictor.lock"
	formatName  = "lictor-format.json"
	scratchName = "scratch"
)

// A Dir is a locked data directory.
type Dir struct {
	path string
	lock *flock.Flock
}

// formatFile is the content of lictor-format.json.
type formatFile struct {
	Format  int
	Version string // of the Lictor that wrote it
}

// Open makes the directory if need be, locks it and checks its format; version is that of this program. The scratch directory is
// emptied. An error names the process that holds the directory, or says what to do about the data in it.
func Open(path, version string) (*Dir, error) {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("data_dir %q is not a directory", path)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make data_dir: %w", err)
	}
	d := &Dir{path: path, lock: flock.New(filepath.Join(path, lockName), flock.SetPermissions(0o600))}
	if err := d.acquire(); err != nil {
		return nil, err
	}
	if err := errors.Join(d.checkFormat(version), d.sweep()); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Dir) acquire() error {
	got, err := d.lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock data_dir %s: %w", d.path, err)
	}
	if !got {
		return fmt.Errorf("data_dir %s is in use by another agent%s: stop that one first, or give this one a data_dir of its own", d.path, d.holder())
	}
	// The pid is for people; the lock holds without it.
	if err := os.WriteFile(filepath.Join(d.path, lockName), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return errors.Join(fmt.Errorf("write pid into data_dir: %w", err), d.lock.Close())
	}
	return nil
}

// holder names the process that has the lock, as far as the file tells.
func (d *Dir) holder() string {
	b, err := os.ReadFile(filepath.Join(d.path, lockName))
	pid := strings.TrimSpace(string(b))
	if _, bad := strconv.Atoi(pid); err != nil || bad != nil {
		return ""
	}
	return " (pid " + pid + ")"
}

func (d *Dir) checkFormat(version string) error {
	name := filepath.Join(d.path, formatName)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return d.writeFormat(name, version)
	}
	if err != nil {
		return err
	}
	var f formatFile
	if err := json.Unmarshal(b, &f); err != nil || f.Format < 1 {
		return fmt.Errorf("%s is damaged: restore it from a copy, or move data_dir away and restore a snapshot into a new one", name)
	}
	if f.Format > Format {
		return fmt.Errorf("data_dir %s has format %d, written by Lictor %s; this is Lictor %s, which knows formats up to %d: "+
			"start the newer version, save a snapshot with it, and restore that into a new data_dir of this one",
			d.path, f.Format, f.Version, version, Format)
	}
	return nil
}

// writeFormat marks a directory that has no format yet. One with Raft data in it is not ours.
func (d *Dir) writeFormat(name, version string) error {
	if _, err := os.Stat(filepath.Join(d.path, "raft")); err == nil {
		return fmt.Errorf("data_dir %s holds the Raft data of another program, as of a Consul server: save a snapshot with that "+
			"one, and restore it into a Lictor server with a new data_dir", d.path)
	}
	b, err := json.Marshal(formatFile{Format, version})
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(context.Background(), name, append(b, '\n'), nil)
}

// sweep removes what a killed process has left: files it had not finished, and all in the scratch directory.
func (d *Dir) sweep() error {
	for _, pattern := range []string{formatName + ".tmp*", "node-id.tmp*"} {
		unfinished, err := filepath.Glob(filepath.Join(d.path, pattern))
		if err != nil {
			return err
		}
		for _, name := range unfinished {
			if err := os.Remove(name); err != nil {
				return fmt.Errorf("remove unfinished file: %w", err)
			}
		}
	}
	if err := os.RemoveAll(d.Scratch()); err != nil {
		return fmt.Errorf("empty scratch directory: %w", err)
	}
	return os.Mkdir(d.Scratch(), 0o700)
}

// Scratch is a directory for files that do not outlive the process. It is in the same file system as everything else.
func (d *Dir) Scratch() string { return filepath.Join(d.path, scratchName) }

// Path returns a path in the directory.
func (d *Dir) Path(elem ...string) string { return filepath.Join(append([]string{d.path}, elem...)...) }

// Close unlocks the directory.
func (d *Dir) Close() error { return d.lock.Close() }
