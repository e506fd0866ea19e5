package consulsnapshot

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

// A Place is where archives are kept: a bucket, or a directory.
type Place struct {
	Name string
	// Open opens the store of the objects whose keys begin with dir, which has no slashes around it.
	Open func(ctx context.Context, dir string) (blobstore.Store, error)
}

// The values of CONSUL_SNAPSHOT_S3_SSE.
const (
	sseS3  = "AES256"
	sseKMS = "aws:kms"
)

// Places are where the configuration keeps archives: the local directory, or S3 and Google Cloud Storage as far as they are named.
func (c *Config) Places(log *Log) (all []Place) {
	warn := func(err error) { log.Warn("%s", err) }
	if dir := c.directory(); dir != "" {
		return []Place{{"directory " + dir, func(context.Context, string) (blobstore.Store, error) {
			sweepFiles(dir, time.Now())
			return blobstore.Dir(dir, warn)
		}}}
	}
	if c.S3Bucket != "" {
		all = append(all, Place{"S3 bucket " + c.S3Bucket, c.openS3})
	}
	if c.GCSBucket != "" {
		all = append(all, Place{"GCS bucket " + c.GCSBucket, c.openGCS})
	}
	return all
}

// directory is where archives stay on this machine, empty if they are uploaded.
func (c *Config) directory() string {
	if c.Acceptance {
		return c.ScratchDir
	}
	return c.LocalDir
}

// abandoned is the age of a half-written file that no process writes to anymore.
const abandoned = 24 * time.Hour

// sweepFiles removes what killed processes have left beside archives. What it cannot remove harms nobody.
func sweepFiles(dir string, now time.Time) {
	left, _ := filepath.Glob(filepath.Join(dir, "*.consul.snapshot.*.tar.gz.tmp[0-9]*"))
	for _, file := range left {
		if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > abandoned {
			_ = os.Remove(file)
		}
	}
}

func (c *Config) openS3(ctx context.Context, dir string) (blobstore.Store, error) {
	return blobstore.S3(ctx, blobstore.S3Config{
		Bucket: c.S3Bucket, Region: c.S3Region, Endpoint: c.S3Endpoint, ForcePathStyle: c.S3Endpoint != "", KeyPrefix: cmp.Or(dir, "/"),
		ServerSideEncryption: c.S3Encryption == sseS3, EnableKMS: c.S3Encryption == sseKMS, KMSKeyID: c.S3KMSKey,
	})
}

// gcsContentType is what consul-snapshot gives objects in Google Cloud Storage.
const gcsContentType = "text/plain"

func (c *Config) openGCS(ctx context.Context, dir string) (blobstore.Store, error) {
	return blobstore.GCS(ctx, blobstore.GCSConfig{Bucket: c.GCSBucket, KeyPrefix: cmp.Or(dir, "/"), ContentType: gcsContentType})
}

// errDiffers is the error of a store that gives back something else than was put there.
var errDiffers = errors.New("what the store gives back is not what was put there")

// deleteTimeout bounds how long the deletion of what is no backup is waited for.
const deleteTimeout = 30 * time.Second

// keep puts an archive under a key, reads it back and compares it. Unless it returns where the archive is, there is none of that name,
// as far as the store can be told to delete it.
func (p *Place) keep(ctx context.Context, key string, a *packed, log *Log) (location string, err error) {
	dir, name := path.Split(key)
	store, err := p.Open(ctx, strings.Trim(dir, "/"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for try := range 2 {
		err = a.putInto(ctx, store, name)
		if err == nil || try > 0 || !errors.Is(err, errDiffers) {
			break
		}
		log.Warn("%s: %s; trying once more", store.Location(name), err)
	}
	switch {
	case err == nil:
	case ctx.Err() == nil && errors.Is(err, errUnreadable):
		log.Warn("%s", err)
	default:
		return "", errors.Join(err, discard(ctx, store, name))
	}
	return store.Location(name), nil
}

// discard deletes what is no backup.
func discard(ctx context.Context, store blobstore.Store, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
	defer cancel()
	if err := store.Delete(ctx, name); err != nil {
		return fmt.Errorf("%s may be there although it is no backup: %w", store.Location(name), err)
	}
	return nil
}

// errUnreadable is the error of a store that takes archives and does not let them be read.
var errUnreadable = errors.New("the credentials may write and not read: the archive is there, but was NOT compared with what was put there")

// putInto puts an archive into a store and compares what that gives back.
func (a *packed) putInto(ctx context.Context, store blobstore.Store, name string) error {
	from, err := a.file.Reopen()
	if err != nil {
		return err
	}
	err = store.Put(ctx, name, from, a.size)
	if closed := from.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	back, err := store.Get(ctx, name)
	switch {
	case blobstore.Denied(err):
		return fmt.Errorf("%w: %w", errUnreadable, err)
	case errors.Is(err, blobstore.ErrNotFound):
		return fmt.Errorf("%w: %w", errDiffers, err)
	case err != nil:
		return err
	}
	defer func() { _ = back.Close() }() // it was only read
	sum := sha256.New()
	n, err := io.Copy(sum, back)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if n != a.size || !bytes.Equal(sum.Sum(nil), a.sum[:]) {
		return fmt.Errorf("%w: %d bytes of %d, and another SHA-256", errDiffers, n, a.size)
	}
	return nil
}
