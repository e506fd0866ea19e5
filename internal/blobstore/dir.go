package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/atomicfile"
)

// abandoned is the age at which the temporary file of a backup belongs to no process anymore: whoever writes to one touches it.
const abandoned = 24 * time.Hour

// leftover is how temporary files of backups are named. A directory may hold other programs' files too: those are never swept.
var leftover = regexp.MustCompile(`^consul-[0-9]+(\.[0-9]+)?\.snap(\.[a-z]+)*\.tmp[0-9]+$`)

// dirStore keeps objects as files of a directory.
type dirStore struct {
	path string // absolute
	warn func(error)
}

// Dir is the store of the files in a directory, which is made, with mode 0700, if there is none. Should it vanish later, a Put fails
// rather than to write to whatever lies below a lost mount.
//
// Files have mode 0600; file and directory are synced before Put returns. What is no regular file is not listed, nor are hidden and
// temporary files. Temporary files of backups (consul-….snap.tmp and digits) that nobody has written to for a day, those of killed
// runs, are removed now and after every Put. warn, which may be nil, is called at most once, with the first thing that could not be
// done although all is stored: the mount refuses chmod or the sync of a directory, or a temporary file cannot be removed.
func Dir(path string, warn func(error)) (Store, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make backup directory: %w", err)
	}
	return openDir(path, warn)
}

// Directory is the absolute path of the directory that a store keeps its files in, empty for a store that is not on this machine.
func Directory(store Store) string {
	if s, ok := store.(interface{ Directory() string }); ok {
		return s.Directory()
	}
	return ""
}

// Directory is the store's path.
func (d *dirStore) Directory() string { return d.path }

// openDir is [Dir] for a directory that exists.
func openDir(path string, warn func(error)) (Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("backup directory %s: %w", path, err)
	}
	switch info, err := os.Stat(abs); {
	case err != nil:
		return nil, fmt.Errorf("backup directory: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("backup directory %s is a file: name a directory", abs)
	}
	var once sync.Once
	d := &dirStore{path: abs, warn: func(err error) {
		once.Do(func() {
			if warn != nil {
				warn(err)
			}
		})
	}}
	if err := d.sweep(time.Now()); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *dirStore) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if err := CheckName(name); err != nil {
		return err
	}
	f, err := atomicfile.Create(ctx, d.Location(name), d.warn)
	if err != nil {
		return d.advise(err)
	}
	data := newExactReader(ctx, r, size, func() {})
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, data, make([]byte, 256<<10))
	if err = data.verdict(err); err != nil {
		return d.advise(errors.Join(fmt.Errorf("store %s: %w", d.Location(name), err), f.Abort()))
	}
	if err := f.Commit(); err != nil {
		return d.advise(err)
	}
	if err := d.sweep(time.Now()); err != nil {
		d.warn(err) // what was to be stored is
	}
	return nil
}

// advise adds what to do about an error of writing.
func (d *dirStore) advise(err error) error {
	switch {
	case isFull(err):
		return fmt.Errorf("%w; nothing of it was kept: make room, or retain fewer backups", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; check who owns %s and whether it is mounted read-only", err, d.path)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; check whether %s is still there, or mounted", err, d.path)
	}
	return err
}

func (d *dirStore) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Location(name), err)
	}
	path := d.Location(name)
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", path, ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("read from the backup directory: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) { // it went in between
		return nil, fmt.Errorf("%s: %w", path, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read from the backup directory: %w", err)
	}
	return &ctxReader{ctx, f}, nil
}

// ctxReader fails once its context is done.
type ctxReader struct {
	ctx context.Context
	io.ReadCloser
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.ReadCloser.Read(p)
}

func (d *dirStore) List(ctx context.Context) ([]Object, error) {
	entries, err := os.ReadDir(d.path) // sorted
	if err != nil {
		return nil, fmt.Errorf("list backup directory: %w", err)
	}
	var objects []Object
	for _, e := range entries {
		if err := context.Cause(ctx); err != nil {
			return nil, fmt.Errorf("list %s: %w", d.path, err)
		}
		if !e.Type().IsRegular() || CheckName(e.Name()) != nil {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list backup directory: %w", err)
		}
		objects = append(objects, Object{Name: e.Name(), Size: info.Size(), Modified: info.ModTime()})
	}
	return objects, nil
}

func (d *dirStore) Delete(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("delete %s: %w", d.Location(name), err)
	}
	switch info, err := os.Lstat(d.Location(name)); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && info.IsDir():
		return fmt.Errorf("delete %s: it is a directory", d.Location(name))
	}
	if err := os.Remove(d.Location(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.advise(fmt.Errorf("delete from the backup directory: %w", err))
	}
	return nil
}

func (d *dirStore) Location(name string) string { return filepath.Join(d.path, name) }

func (d *dirStore) String() string { return fmt.Sprintf("Local -> Path: %q", d.path) }

func (d *dirStore) Close() error { return nil }

// sweep removes the temporary files of killed runs.
func (d *dirStore) sweep(now time.Time) error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("list backup directory: %w", err)
	}
	for _, e := range entries {
		if !strings.Contains(e.Name(), ".tmp") || !leftover.MatchString(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil || now.Sub(info.ModTime()) < abandoned {
			continue
		}
		if err := os.Remove(filepath.Join(d.path, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.warn(fmt.Errorf("the temporary file of a killed run cannot be removed: %w", err))
		}
	}
	return nil
}
