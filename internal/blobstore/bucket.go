package blobstore

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"gocloud.dev/blob"
)

// DefaultPrefix is the key prefix in an object store if none is given.
const DefaultPrefix = "consul-snapshot"

// contentType is what objects are stored as. Guessing it would cost a buffer and serve nobody.
const contentType = "application/octet-stream"

// bucket is a store in a bucket of an object store.
type bucket struct {
	blobs    *blob.Bucket
	prefix   string // of keys: empty, or ends in a slash
	at       string // location of the bucket, without a slash at the end
	describe string
	options  func(size int64) *blob.WriterOptions
	remove   func(ctx context.Context, key string) error // nil: that of blobs
	advice   advice
	close    func() error // may be nil
}

// keyPrefix is what keys begin with if the operator says so.
func keyPrefix(said string) string {
	if said == "" {
		said = DefaultPrefix
	}
	if said = strings.Trim(said, "/"); said == "" {
		return ""
	}
	return said + "/"
}

func (b *bucket) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return b.put(ctx, b.prefix+name, r, size)
}

func (b *bucket) put(ctx context.Context, key string, r io.Reader, size int64) error {
	upload, cancel := context.WithCancel(ctx)
	defer cancel()
	data := newExactReader(ctx, r, size, cancel)
	err := b.blobs.Upload(upload, key, data, b.options(size))
	return b.wrap(opStore, key, data.verdict(err))
}

func (b *bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	return b.get(ctx, b.prefix+name)
}

func (b *bucket) get(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, b.wrap(opRead, key, err)
	}
	r, err := b.blobs.NewReader(ctx, key, nil)
	if err != nil {
		return nil, b.wrap(opRead, key, err)
	}
	return &ctxReader{ctx, &bucketReader{r: r, bucket: b, key: key}}, nil
}

// bucketReader words the errors of a reader, and finds objects that end early.
type bucketReader struct {
	r      *blob.Reader
	bucket *bucket
	key    string
	read   int64
}

func (r *bucketReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.read += int64(n)
	if err == io.EOF && r.read < r.r.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		err = r.bucket.wrap(opRead, r.key, err)
	}
	return n, err
}

func (r *bucketReader) Close() error { return r.r.Close() }

func (b *bucket) List(ctx context.Context) ([]Object, error) {
	var objects []Object
	pages := b.blobs.List(&blob.ListOptions{Prefix: b.prefix, Delimiter: "/"})
	for {
		if err := context.Cause(ctx); err != nil {
			return nil, b.wrap(opList, b.prefix, err)
		}
		o, err := pages.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, b.wrap(opList, b.prefix, err)
		}
		name := strings.TrimPrefix(o.Key, b.prefix)
		if o.IsDir || CheckName(name) != nil {
			continue
		}
		objects = append(objects, Object{Name: name, Size: o.Size, Modified: o.ModTime})
	}
	slices.SortFunc(objects, func(x, y Object) int { return strings.Compare(x.Name, y.Name) })
	return objects, nil
}

func (b *bucket) Delete(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return b.delete(ctx, b.prefix+name)
}

func (b *bucket) delete(ctx context.Context, key string) error {
	if err := context.Cause(ctx); err != nil {
		return b.wrap(opDelete, key, err)
	}
	remove := b.remove
	if remove == nil {
		remove = b.blobs.Delete
	}
	err := b.wrap(opDelete, key, remove(ctx, key))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

func (b *bucket) Location(name string) string { return b.location(b.prefix + name) }

func (b *bucket) location(key string) string { return b.at + "/" + key }

func (b *bucket) String() string { return b.describe }

func (b *bucket) Close() error {
	err := b.blobs.Close()
	if b.close != nil {
		err = errors.Join(err, b.close())
	}
	return err
}

// stat asks for the size of an object, and when it was stored.
func (b *bucket) stat(ctx context.Context, key string) (Object, error) {
	a, err := b.blobs.Attributes(ctx, key)
	if err != nil {
		return Object{}, b.wrap(opStat, key, err)
	}
	return Object{Name: key, Size: a.Size, Modified: a.ModTime}, nil
}

func trimSlash(s string) string { return strings.TrimSuffix(s, "/") }
