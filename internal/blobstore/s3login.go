package blobstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// maxBackoff is the longest wait between two attempts at a request. Tests shorten it.
var maxBackoff = 20 * time.Second

const (
	attempts     = 4 // at a request
	abortTimeout = 30 * time.Second
	sessionName  = "consul-snapshot"
)

// withEnvironment fills in what the environment says and the SDK does not look for by itself. The web identity of a pod must not replace
// static credentials that were given.
func (c S3Config) withEnvironment() S3Config {
	c.Endpoint = cmp.Or(c.Endpoint, os.Getenv("AWS_S3_ENDPOINT"))
	c.RoleSessionName = cmp.Or(c.RoleSessionName, os.Getenv("AWS_ROLE_SESSION_NAME"), sessionName)
	tokenFile := os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE")
	if c.AccessKeyID != "" && c.WebIdentityTokenFile == "" && tokenFile != "" {
		return c
	}
	c.RoleARN = cmp.Or(c.RoleARN, os.Getenv("AWS_ROLE_ARN"))
	c.WebIdentityTokenFile = cmp.Or(c.WebIdentityTokenFile, tokenFile)
	return c
}

// check finds what cannot be, and returns the URL of the endpoint.
func (c S3Config) check() (endpoint string, err error) {
	switch {
	case c.Bucket == "":
		return "", errors.New("a bucket is needed (s3_bucket)")
	case strings.ContainsAny(c.Bucket, "/?#"):
		return "", fmt.Errorf("bucket %q: give the name alone, and what follows as key prefix (s3_key_prefix)", c.Bucket)
	case (c.AccessKeyID == "") != (c.SecretAccessKey == ""):
		return "", errors.New("access key ID and secret access key need each other")
	case c.SessionToken != "" && c.AccessKeyID == "":
		return "", errors.New("a session token needs an access key ID and a secret access key")
	case c.WebIdentityTokenFile != "" && c.RoleARN == "":
		return "", errors.New("a web identity token file needs a role to assume (role_arn)")
	case c.StaticName != "" && (strings.HasPrefix(c.StaticName, "/") || strings.HasSuffix(c.StaticName, "/")):
		return "", fmt.Errorf("static name %q: a key neither begins nor ends with a slash", c.StaticName)
	}
	if c.IAMEndpoint != "" {
		if _, err := endpointURL("iam_endpoint", c.IAMEndpoint); err != nil {
			return "", err
		}
		if c.Warn != nil {
			c.Warn(errors.New("iam_endpoint is of no effect: storing asks S3, and STS for a role (sts_endpoint), but never IAM"))
		}
	}
	return endpointURL("s3_endpoint", c.Endpoint)
}

// endpointURL is the URL of an endpoint that an operator has given, https if he does not say otherwise.
func endpointURL(what, said string) (string, error) {
	if said == "" {
		return "", nil
	}
	if !strings.Contains(said, "://") {
		said = "https://" + said
	}
	u, err := url.Parse(said)
	if err != nil { // which may hold a password
		return "", fmt.Errorf("%s is not a URL", what)
	}
	switch {
	case u.User != nil:
		return "", fmt.Errorf("%s: no secrets in a URL", what)
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("%s %q: a URL like https://host:port is needed", what, said)
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

// login finds region and credentials.
func (c S3Config) login(ctx context.Context) (aws.Config, error) {
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { configure(t) })
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client), config.WithAppID("lictor"), config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, maxBackoff })
		}),
	}
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	if c.AccessKeyID != "" {
		static := credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
		options = append(options, config.WithCredentialsProvider(static))
	}
	login, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return login, fmt.Errorf("find credentials and region: %w", err)
	}
	if login.Region == "" {
		return login, errors.New("a region is needed (s3_region, or AWS_REGION)")
	}
	return login, c.assumeRole(&login)
}

// assumeRole has the credentials of a role fetched with those found so far, or with a web identity.
func (c S3Config) assumeRole(login *aws.Config) error {
	if c.RoleARN == "" {
		return nil
	}
	endpoint, err := endpointURL("sts_endpoint", c.STSEndpoint)
	if err != nil {
		return err
	}
	client := sts.NewFromConfig(*login, func(o *sts.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
	var role aws.CredentialsProvider
	if c.WebIdentityTokenFile != "" {
		role = stscreds.NewWebIdentityRoleProvider(client, c.RoleARN, stscreds.IdentityTokenFile(c.WebIdentityTokenFile),
			func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = c.RoleSessionName })
	} else {
		role = stscreds.NewAssumeRoleProvider(client, c.RoleARN,
			func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = c.RoleSessionName })
	}
	login.Credentials = aws.NewCredentialsCache(role)
	return nil
}
