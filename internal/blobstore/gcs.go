package blobstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"google.golang.org/api/option"
	transport "google.golang.org/api/transport/http"
)

const gcsChunk = 4 << 20 // a multiple of 256 KiB

// GCSConfig says where to keep objects in Google Cloud Storage. Credentials are found by Google's default search.
type GCSConfig struct {
	Bucket    string
	KeyPrefix string // of object names; empty: [DefaultPrefix]; a slash: none
	// ContentType is what objects are stored as; empty: application/octet-stream.
	ContentType string
	// Endpoint is the URL of a server that plays Google Cloud Storage; it is asked without credentials. Empty: STORAGE_EMULATOR_HOST, which
	// may lack the scheme, then http, or Google's.
	Endpoint string
}

// GCS is the store of the objects below a prefix of a bucket. It asks nothing of the network yet, unless the credentials do. An object
// larger than 4 MiB goes up in chunks, one after the other; what a failed upload has sent is no object.
func GCS(ctx context.Context, c GCSConfig) (Store, error) {
	switch {
	case c.Bucket == "":
		return nil, errors.New("Google Cloud Storage: a bucket is needed (bucket)")
	case strings.ContainsAny(c.Bucket, "/?#"):
		return nil, fmt.Errorf("Google Cloud Storage: bucket %q: give the name alone", c.Bucket)
	}
	client, err := c.client(ctx)
	if err != nil {
		return nil, fmt.Errorf("Google Cloud Storage bucket %s: %w", c.Bucket, err)
	}
	blobs, err := gcsblob.OpenBucket(ctx, nil, c.Bucket, &gcsblob.Options{Client: client})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("Google Cloud Storage bucket %s: %w", c.Bucket, err), client.Close())
	}
	prefix := keyPrefix(c.KeyPrefix)
	return &bucket{
		blobs: blobs, prefix: prefix, at: "gs://" + c.Bucket, close: client.Close,
		options:  func(size int64) *blob.WriterOptions { return gcsUpload(cmp.Or(c.ContentType, contentType), size) },
		describe: fmt.Sprintf("Google Cloud Storage -> Bucket: %q Key Prefix: %q", c.Bucket, trimSlash(prefix)),
		advice: advice{
			missing:     "check the bucket's name: it is not made by itself",
			denied:      "check GOOGLE_APPLICATION_CREDENTIALS, or whether the service account has the role Storage Object Admin on the bucket",
			unreachable: "check the network",
		},
	}, nil
}

func (c GCSConfig) client(ctx context.Context) (*storage.Client, error) {
	options, err := c.access(ctx)
	if err != nil {
		return nil, err
	}
	client, err := storage.NewClient(ctx, append(options, storage.WithJSONReads())...)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	// A Put of the same bytes under the same name may be done twice, and so may a Delete.
	client.SetRetry(storage.WithPolicy(storage.RetryAlways), storage.WithMaxAttempts(attempts), storage.WithMaxRetryDuration(2*time.Minute))
	return client, nil
}

// access is where the server is and how to show who asks.
func (c GCSConfig) access(ctx context.Context) ([]option.ClientOption, error) {
	said := c.Endpoint
	if host := os.Getenv("STORAGE_EMULATOR_HOST"); said == "" && host != "" {
		if said = host; !strings.Contains(host, "://") {
			said = "http://" + host
		}
	}
	endpoint, err := endpointURL("Google Cloud Storage endpoint", said)
	if err != nil {
		return nil, err
	}
	if endpoint != "" {
		endpoint = strings.TrimSuffix(endpoint, "/storage/v1") + "/storage/v1/"
		return []option.ClientOption{
			option.WithEndpoint(endpoint), option.WithoutAuthentication(), option.WithHTTPClient(&http.Client{Transport: newTransport()}),
		}, nil
	}
	authenticated, err := transport.NewTransport(ctx, newTransport(), option.WithScopes(storage.ScopeReadWrite),
		option.WithUserAgent("lictor"))
	if err != nil {
		return nil, fmt.Errorf("find credentials: %w; set GOOGLE_APPLICATION_CREDENTIALS, or give the machine a service account", err)
	}
	return []option.ClientOption{option.WithHTTPClient(&http.Client{Transport: authenticated})}, nil
}

// gcsUpload bounds the memory of an upload.
func gcsUpload(kind string, size int64) *blob.WriterOptions {
	return &blob.WriterOptions{ContentType: kind, BufferSize: int(cmp.Or(min(size, gcsChunk), gcsChunk))}
}
