package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocloud.dev/blob"
)

// deeper is a store whose bucket or directory may hold what others have put there, at any depth.
type deeper interface {
	listBelow(ctx context.Context, enter func(dir string) bool) ([]Object, error)
	getBelow(ctx context.Context, name string) (io.ReadCloser, error)
}

// ListBelow returns the objects that other programs keep in directories of a store, at any depth, sorted by name. Names have slashes;
// enter says which of the directories at the top are looked into. A store that has none gives nothing.
func ListBelow(ctx context.Context, store Store, enter func(dir string) bool) ([]Object, error) {
	d, ok := store.(deeper)
	if !ok || FixedName(store) != "" {
		return nil, nil
	}
	objects, err := d.listBelow(ctx, enter)
	slices.SortFunc(objects, func(x, y Object) int { return strings.Compare(x.Name, y.Name) })
	return objects, err
}

// GetBelow opens an object by such a name, or by one without slashes. What leads out of the store is refused.
func GetBelow(ctx context.Context, store Store, name string) (io.ReadCloser, error) {
	d, ok := store.(deeper)
	if !ok || FixedName(store) != "" || !strings.Contains(name, "/") {
		return store.Get(ctx, name)
	}
	if err := checkPath(name); err != nil {
		return nil, err
	}
	return d.getBelow(ctx, name)
}

// checkPath is CheckName for each part of a name.
func checkPath(name string) error {
	for part := range strings.SplitSeq(name, "/") {
		if err := CheckName(part); err != nil {
			return fmt.Errorf("object name %q is refused: %w", name, err)
		}
	}
	return nil
}

func (b *bucket) getBelow(ctx context.Context, name string) (io.ReadCloser, error) {
	return b.get(ctx, b.prefix+name)
}

// listBelow looks at the top with a delimiter, and then at all of each directory at once: archives may lie in thousands of them.
func (b *bucket) listBelow(ctx context.Context, enter func(string) bool) ([]Object, error) {
	var dirs []string
	err := b.each(ctx, &blob.ListOptions{Prefix: b.prefix, Delimiter: "/"}, func(o *blob.ListObject) {
		if dir := strings.TrimSuffix(strings.TrimPrefix(o.Key, b.prefix), "/"); o.IsDir && enter(dir) {
			dirs = append(dirs, o.Key)
		}
	})
	var objects []Object
	for _, dir := range dirs {
		if err != nil {
			break
		}
		err = b.each(ctx, &blob.ListOptions{Prefix: dir}, func(o *blob.ListObject) {
			if name := strings.TrimPrefix(o.Key, b.prefix); checkPath(name) == nil {
				objects = append(objects, Object{Name: name, Size: o.Size, Modified: o.ModTime})
			}
		})
	}
	return objects, err
}

// each visits what a listing has.
func (b *bucket) each(ctx context.Context, options *blob.ListOptions, visit func(*blob.ListObject)) error {
	for pages := b.blobs.List(options); ; {
		if err := context.Cause(ctx); err != nil {
			return b.wrap(opList, options.Prefix, err)
		}
		o, err := pages.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return b.wrap(opList, options.Prefix, err)
		}
		visit(o)
	}
}

// getBelow opens a file. A link that leads out of the directory is refused.
func (d *dirStore) getBelow(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Location(name), err)
	}
	f, err := os.OpenInRoot(d.path, filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", d.Location(name), ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Location(name), err)
	}
	return &ctxReader{ctx, f}, nil
}

// listBelow walks the directories at the top that are meant. Links are not followed.
func (d *dirStore) listBelow(ctx context.Context, enter func(string) bool) ([]Object, error) {
	top, err := os.ReadDir(d.path)
	if err != nil {
		return nil, fmt.Errorf("list backup directory: %w", err)
	}
	var objects []Object
	for _, e := range top {
		if !e.IsDir() || !enter(e.Name()) {
			continue
		}
		err := filepath.WalkDir(filepath.Join(d.path, e.Name()), func(path string, e fs.DirEntry, err error) error {
			if err == nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				return err
			}
			o, ok := d.below(path, e)
			if ok {
				objects = append(objects, o)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list backup directory: %w", err)
		}
	}
	return objects, nil
}

// below is the object of a file.
func (d *dirStore) below(path string, e fs.DirEntry) (Object, bool) {
	name, err := filepath.Rel(d.path, path)
	name = filepath.ToSlash(name)
	if err != nil || !e.Type().IsRegular() || checkPath(name) != nil {
		return Object{}, false
	}
	info, err := e.Info()
	if err != nil { // gone meanwhile
		return Object{}, false
	}
	return Object{Name: name, Size: info.Size(), Modified: info.ModTime()}, true
}
