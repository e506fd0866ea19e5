package blobstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

const (
	// partSize is the least that S3 allows. An upload holds (uploads at once + 2) parts in memory.
	partSize    = 5 << 20
	partsAtOnce = 2
)

// S3Config says where and how to keep objects in S3, or what speaks S3.
type S3Config struct {
	Bucket string
	Region string // empty: AWS_REGION or the shared configuration file
	// Endpoint is the URL of another S3 than Amazon's; https without a scheme. Empty: AWS_S3_ENDPOINT, or what the SDK takes from its
	// environment (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL), or the region's.
	Endpoint       string
	ForcePathStyle bool   // the bucket stands in the path, not in the host name
	KeyPrefix      string // empty: [DefaultPrefix]; a slash: none
	// StaticName, if not empty, is the key of the one object of the store, without the prefix. See [S3].
	StaticName string

	ServerSideEncryption bool   // with S3's own keys: SSE-S3, AES256
	EnableKMS            bool   // with a key in KMS instead: SSE-KMS
	KMSKeyID             string // of that key; not empty means EnableKMS too; empty: the account's default

	// Static credentials. Without them: environment, shared files, web identity, container, instance role.
	AccessKeyID, SecretAccessKey, SessionToken string
	Profile                                    string // of the shared files; empty: AWS_PROFILE, or the default one
	RoleARN, RoleSessionName                   string // of a role to assume; empty: AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME
	WebIdentityTokenFile                       string // to assume the role with; empty: AWS_WEB_IDENTITY_TOKEN_FILE
	STSEndpoint                                string // URL of the service that hands out roles; empty: the region's
	IAMEndpoint                                string // checked and told to Warn: nothing here asks the IAM service
	Warn                                       func(error)
}

// S3 is the store of the objects below a key prefix of an S3 bucket. It asks nothing of the network yet, unless the credentials do.
//
// Checksums are sent and checked only where S3 demands them: older MinIO, Ceph and gateways know none. An object larger than 5 MiB goes up
// in parts, two at a time; a failed upload is aborted.
//
// With a StaticName the store takes that name and those that go on after it with a dot (KEY.json, KEY.bad), which are keys as they
// stand, without a prefix; slashes in it are part of the key. List shows those of KEY, KEY.json, KEY.bad and KEY.bad.json that there
// are, by asking for each, as nothing but s3:GetObject is needed for that. Object names then are whole keys.
func S3(ctx context.Context, c S3Config) (Store, error) {
	c = c.withEnvironment()
	endpoint, err := c.check()
	if err != nil {
		return nil, fmt.Errorf("S3: %w", err)
	}
	login, err := c.login(ctx)
	if err != nil {
		return nil, fmt.Errorf("S3 bucket %s: %w", c.Bucket, err)
	}
	client := s3.NewFromConfig(login, func(o *s3.Options) {
		o.UsePathStyle = c.ForcePathStyle
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
	kind, key := c.encryption()
	blobs, err := s3blob.OpenBucket(ctx, client, c.Bucket, &s3blob.Options{
		EncryptionType: kind, KMSEncryptionID: key, RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
	if err != nil {
		return nil, fmt.Errorf("S3 bucket %s: %w", c.Bucket, err)
	}
	b := &bucket{
		blobs: blobs, prefix: keyPrefix(c.KeyPrefix), at: "s3://" + c.Bucket, describe: c.describe(login.Region, endpoint),
		options: func(size int64) *blob.WriterOptions { return s3Upload(client, size) },
		remove:  func(ctx context.Context, key string) error { return s3Delete(ctx, client, c.Bucket, key) },
		advice: advice{
			missing: "check the bucket's name, its region and the endpoint",
			denied: "check the credentials and what they may do: s3:PutObject and s3:GetObject, and for retention and lists " +
				"s3:DeleteObject and s3:ListBucket",
			unreachable: "check the network, the endpoint and, if it is not Amazon's, whether it needs path style (s3_force_path_style)",
		},
	}
	if c.StaticName != "" {
		return &static{bucket: b, key: c.StaticName}, nil
	}
	return b, nil
}

// encryption is what the store shall encrypt with.
func (c S3Config) encryption() (types.ServerSideEncryption, string) {
	switch {
	case c.EnableKMS || c.KMSKeyID != "":
		return types.ServerSideEncryptionAwsKms, c.KMSKeyID
	case c.ServerSideEncryption:
		return types.ServerSideEncryptionAes256, ""
	}
	return "", ""
}

func (c S3Config) describe(region, endpoint string) string {
	s := fmt.Sprintf("Amazon S3 -> Region: %q Bucket: %q ", region, c.Bucket)
	if c.StaticName != "" {
		s += fmt.Sprintf("Static Name: %q", c.StaticName)
	} else {
		s += fmt.Sprintf("Key Prefix: %q", trimSlash(keyPrefix(c.KeyPrefix)))
	}
	if endpoint != "" {
		s += fmt.Sprintf(" Endpoint: %q", endpoint)
	}
	return s
}

// s3Upload bounds the memory of an upload, and has it aborted even if the context is done.
func s3Upload(client *s3.Client, size int64) *blob.WriterOptions {
	return &blob.WriterOptions{ContentType: contentType, BeforeWrite: func(as func(any) bool) error {
		var manager *transfermanager.Client
		var input *transfermanager.UploadObjectInput
		if !as(&manager) || !as(&input) {
			return errors.New("the S3 library does not give its upload to be configured")
		}
		*manager = *transfermanager.New(client, func(o *transfermanager.Options) {
			o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = partSize, partSize, partsAtOnce
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			o.FailTimeout = abortTimeout
		})
		input.ContentLength = aws.Int64(size) // larger parts for what has too many
		return nil
	}}
}

// s3Delete saves the question whether the object is there, which S3 answers to those only who may read.
func s3Delete(ctx context.Context, client *s3.Client, bucket, key string) error {
	_, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if statusOf(err) == http.StatusNotFound && !isMissingBucket(err) {
		return nil
	}
	return err
}
