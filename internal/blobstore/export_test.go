package blobstore

import (
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
)

// Memory is a store in memory.
func Memory() Store {
	return &bucket{
		blobs: memblob.OpenBucket(nil), prefix: keyPrefix(""), at: "mem://bucket", describe: "Memory -> Key Prefix: \"consul-snapshot\"",
		options: func(int64) *blob.WriterOptions { return &blob.WriterOptions{ContentType: contentType} },
	}
}

func init() { maxBackoff = 10 * time.Millisecond }
