package blobstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// OpenURL opens a store by its URL, as the option -store takes it:
//
//	/var/backups, file:///var/backups            a directory, which must exist
//	s3://BUCKET[/PREFIX]?region=…                and endpoint, use_path_style (or s3ForcePathStyle), static_name, profile, role_arn,
//	                                             sts_endpoint, ssetype (AES256 or aws:kms), kmskeyid
//	azblob://CONTAINER[/PREFIX]?storage_account=… and environment, endpoint; the account is AZURE_STORAGE_ACCOUNT without one, and
//	                                             AZURE_STORAGE_KEY its key, if it is set
//	gs://BUCKET[/PREFIX]                         and endpoint
//
// The key prefix may be a parameter too, prefix=…; it is [DefaultPrefix] if there is neither, and the bucket itself after s3://BUCKET/,
// with a slash and nothing more. Credentials are found as [S3], [Azure] and [GCS] find them: a URL with a user or a password is refused,
// and so is a parameter that is not known. warn, which may be nil, is for [Dir].
func OpenURL(ctx context.Context, address string, warn func(error)) (Store, error) {
	if address == "" {
		return nil, errors.New("a store is needed: a directory, or a URL like s3://bucket?region=eu-west-1")
	}
	if !strings.Contains(address, "://") {
		return openDir(address, warn)
	}
	u, err := url.Parse(address)
	if err != nil { // which may hold a password
		return nil, errors.New("the store is not a URL: give a directory, or a URL like s3://bucket?region=eu-west-1")
	}
	if u.User != nil {
		return nil, fmt.Errorf("store %s://%s: no user and password in the URL: give credentials in the environment or in a configuration file",
			u.Scheme, u.Host)
	}
	q := &query{url: u, values: u.Query()}
	switch u.Scheme {
	case "file":
		return q.dir(warn)
	case "s3":
		return q.s3(ctx)
	case "azblob":
		return q.azure(ctx)
	case "gs":
		return q.gcs(ctx)
	}
	return nil, fmt.Errorf("store %s: there are file, s3, azblob and gs, but no %s", address, u.Scheme)
}

// query is a URL whose parameters are taken one by one.
type query struct {
	url    *url.URL
	values url.Values
	err    error
}

// take returns the parameter of that name, once.
func (q *query) take(names ...string) string {
	value := ""
	for _, name := range names {
		if v := q.values[name]; len(v) > 0 {
			value = v[0]
			if len(v) > 1 {
				q.err = fmt.Errorf("the parameter %s stands there twice", name)
			}
			delete(q.values, name)
		}
	}
	return value
}

// flag takes a parameter that is true or false.
func (q *query) flag(names ...string) bool {
	value := q.take(names...)
	if value == "" {
		return false
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		q.err = fmt.Errorf("the parameter %s is true or false, not %q", names[0], value)
	}
	return on
}

// prefix takes the key prefix.
func (q *query) prefix() string {
	prefix, path := q.take("prefix"), q.url.Path
	if prefix != "" && strings.Trim(path, "/") != "" {
		q.err = errors.New("there is a prefix in the path and one as parameter")
	}
	if prefix == "" {
		return path
	}
	return prefix
}

// end finds what nobody has taken. The values are not shown: they may be secrets.
func (q *query) end() error {
	err := q.err
	if err == nil && len(q.values) > 0 {
		var names []string
		for name := range q.values {
			names = append(names, name)
		}
		slices.Sort(names)
		err = fmt.Errorf("the parameter %s is not known", strings.Join(names, ", "))
	}
	if err != nil {
		return fmt.Errorf("store %s://%s: %w", q.url.Scheme, q.url.Host, err)
	}
	return nil
}

func (q *query) dir(warn func(error)) (Store, error) {
	if err := q.end(); err != nil {
		return nil, err
	}
	if q.url.Host != "" && q.url.Host != "localhost" || q.url.Path == "" {
		return nil, fmt.Errorf("store %s: a file URL has three slashes and an absolute path, or give the directory as it is", q.url)
	}
	return openDir(filepath.FromSlash(q.url.Path), warn)
}

func (q *query) s3(ctx context.Context) (Store, error) {
	c := S3Config{
		Bucket: q.url.Host, Region: q.take("region"), KeyPrefix: q.prefix(), Endpoint: q.take("endpoint"),
		ForcePathStyle: q.flag("use_path_style", "s3ForcePathStyle"), StaticName: q.take("static_name"),
		Profile: q.take("profile"), RoleARN: q.take("role_arn"), STSEndpoint: q.take("sts_endpoint"),
	}
	switch kind := q.take("ssetype"); {
	case strings.EqualFold(kind, "AES256"):
		c.ServerSideEncryption = true
	case strings.EqualFold(kind, "aws:kms"):
		c.EnableKMS = true
	case kind != "":
		q.err = fmt.Errorf("the parameter ssetype is AES256 or aws:kms, not %q", kind)
	}
	c.KMSKeyID = q.take("kmskeyid")
	if err := q.end(); err != nil {
		return nil, err
	}
	return S3(ctx, c)
}

func (q *query) azure(ctx context.Context) (Store, error) {
	c := AzureConfig{
		ContainerName: q.url.Host, KeyPrefix: q.prefix(), AccountName: q.take("storage_account"),
		Environment: q.take("environment"), Endpoint: q.take("endpoint"),
	}
	if account := os.Getenv("AZURE_STORAGE_ACCOUNT"); c.AccountName == "" || c.AccountName == account {
		c.AccountName, c.AccountKey = account, os.Getenv("AZURE_STORAGE_KEY")
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return Azure(ctx, c)
}

func (q *query) gcs(ctx context.Context) (Store, error) {
	c := GCSConfig{Bucket: q.url.Host, KeyPrefix: q.prefix(), Endpoint: q.take("endpoint")}
	if err := q.end(); err != nil {
		return nil, err
	}
	return GCS(ctx, c)
}
