package consulsnapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/lictor-dr/lictor/internal/kvarchive"
)

// A Fetched is an archive that was got from where it is kept, read to its last entry, and has its checksums. It must be closed.
type Fetched struct {
	*kvarchive.Archive
	Location string // for people
	File     string // the path of the archive if it is a file of this machine
	Counts   kvarchive.Counts
}

// String says what the archive holds, and where it comes from.
func (f *Fetched) String() string {
	text := inventory(f.Counts) + "; written by version " + f.Version
	if !f.Started.IsZero() {
		text += f.Started.UTC().Format(" at 2006-01-02T15:04:05Z")
	}
	if f.NodeName != "" {
		text += " from node " + f.NodeName
	}
	return text
}

// Fetch gets the archive that a path means: in LOCAL_DIR a file, elsewhere the key of an object, from the root of the bucket, in Google
// Cloud Storage if GCSBUCKET is set and else in S3. With LOCAL_DIR no path stands for LOCAL_BACKUP_FILE. Nothing of it gets a name on this
// machine's disk.
func (c *Config) Fetch(ctx context.Context, where string) (*Fetched, error) {
	from, f, err := c.open(ctx, where)
	if err != nil {
		return nil, err
	}
	f.Archive, err = kvarchive.Open(ctx, from, kvarchive.Options{Passphrase: c.Passphrase, ScratchDir: c.ScratchDir})
	if closed := from.Close(); err == nil && closed != nil {
		err = errors.Join(closed, f.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Location, err)
	}
	if f.Counts, err = f.Verify(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", f.Location, err), f.Close())
	}
	return f, nil
}

// open begins to read.
func (c *Config) open(ctx context.Context, where string) (io.ReadCloser, *Fetched, error) {
	switch {
	case c.Acceptance:
		return openInside(c.ScratchDir, acceptance+extension, "SNAPSHOT_TMP_DIR")
	case c.LocalDir != "" && where == "" && c.LocalFile == "":
		return nil, nil, errors.New("which archive is meant is missing: give its name in LOCAL_DIR, or set LOCAL_BACKUP_FILE")
	case c.LocalDir != "" && where == "":
		return openInside(c.LocalDir, c.LocalFile, "LOCAL_DIR")
	case c.LocalDir != "":
		return openInside(c.LocalDir, where, "LOCAL_DIR")
	case where == "":
		return nil, nil, errors.New("which archive is meant is missing: give its key in the bucket")
	case c.GCSBucket != "":
		return openObject(ctx, &Place{"GCS bucket " + c.GCSBucket, c.openGCS}, where)
	}
	return openObject(ctx, &Place{"S3 bucket " + c.S3Bucket, c.openS3}, where)
}

// openInside opens a regular file in a directory, by its path there or by a whole one. None that leads out of the directory is opened,
// through links neither.
func openInside(dir, name, variable string) (io.ReadCloser, *Fetched, error) {
	inside := name
	if filepath.IsAbs(name) {
		absolute, err := filepath.Abs(dir)
		if err == nil {
			inside, err = filepath.Rel(absolute, name)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s is not inside %s (%s): %w", name, variable, dir, err)
		}
	}
	if !filepath.IsLocal(inside) {
		return nil, nil, fmt.Errorf("%s is not inside %s (%s)", name, variable, dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", variable, err)
	}
	defer func() { _ = root.Close() }() // files of it stay open
	info, err := root.Stat(inside)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	var f *os.File
	if err == nil {
		f, err = root.Open(inside)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open %s inside %s (%s): %w", inside, variable, dir, err)
	}
	where := filepath.Join(dir, inside)
	return f, &Fetched{Location: where, File: where}, nil
}

// openObject opens an object by its key.
func openObject(ctx context.Context, p *Place, key string) (io.ReadCloser, *Fetched, error) {
	key = strings.TrimLeft(key, "/")
	if path.Clean(key) != key || key == "." || strings.HasPrefix(key, "..") {
		return nil, nil, fmt.Errorf("%q is not the key of an archive: give it from the root of the bucket, such as "+
			"backups/2026/1/31/HOST.consul.snapshot.1795246814.tar.gz", key)
	}
	dir, name := path.Split(key)
	store, err := p.Open(ctx, strings.Trim(dir, "/"))
	if err != nil {
		return nil, nil, err
	}
	object, err := store.Get(ctx, name)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return &closing{object, store}, &Fetched{Location: store.Location(name)}, nil
}

// closing closes a store after what was read from it.
type closing struct {
	io.ReadCloser
	store io.Closer
}

// Close closes both.
func (c *closing) Close() error { return errors.Join(c.ReadCloser.Close(), c.store.Close()) }
