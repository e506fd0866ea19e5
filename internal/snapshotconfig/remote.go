package snapshotconfig

import (
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/retention"
)

// S3 is a bucket of Amazon S3, or of a service that speaks its protocol. Where AccessKeyID is empty credentials are found as Amazon's
// SDK finds them.
type S3 struct {
	AccessKeyID, SecretAccessKey, SessionToken Secret
	RoleARN, RoleSessionName                   string // a role to assume; empty for none
	WebIdentityTokenFile                       string // with it the role is assumed by web identity
	STSEndpoint                                string // URL; empty for Amazon's own

	Bucket, Region string
	Endpoint       string // URL; empty for Amazon's own
	KeyPrefix      string // without slashes around it; a slash alone for the bucket's root
	ForcePathStyle bool
	SSE            bool   // encrypt with AES256 (SSE-S3); never with KMS
	KMS            bool   // encrypt with KMS (SSE-KMS)
	KMSKeyID       string // empty for the account's own key
	StaticName     string // the one key that every snapshot goes to, without prefix; empty for a key each
	Retain         int    // snapshots to keep; 0 keeps all, as always with a static name, or as Keep says
	Keep           retention.Rules
}

// Azure is a container of Azure Blob Storage. Without AccountKey and ServicePrincipalID the managed identity of the machine is used.
type Azure struct {
	AccountName            string
	AccountKey             Secret
	ContainerName          string
	Environment            string // AZUREPUBLICCLOUD, AZURECHINACLOUD, AZUREGERMANCLOUD or AZUREUSGOVERNMENTCLOUD
	ServicePrincipalID     string
	ServicePrincipalSecret Secret
	TenantID               string
	Endpoint               string // URL of the service; empty for the environment's
	KeyPrefix              string // of the names of objects, as S3's
	Retain                 int    // snapshots to keep; 0 keeps all, or as Keep says
	Keep                   retention.Rules
}

// GCS is a bucket of Google Cloud Storage. Credentials are found as Google's libraries find them.
type GCS struct {
	Bucket    string
	KeyPrefix string // of the names of objects, as S3's
	Endpoint  string // URL of another service than Google's; empty for Google's own
	Retain    int    // snapshots to keep; 0 keeps all, or as Keep says
	Keep      retention.Rules
}

// resolver checks one destination.
type resolver struct {
	*settings
	destination
}

// bad records what is wrong with a key of the destination.
func (r *resolver) bad(path, why string) {
	_, last, _ := strings.Cut(path, ".")
	name := r.name + ": " + last
	if from := r.own()[path].from; strings.HasPrefix(from, "-") {
		name = from
	} else if r.name == r.block && from != "" {
		name = r.own().name(path)
	}
	r.fault("%s %s", name, why)
}

// own is what is set of the destination.
func (r *resolver) own() values { return r.destination.set }

func (r *resolver) str(path string) string { return r.own().str(path) }

// require checks that a key is set.
func (r *resolver) require(path string) string {
	text := r.str(path)
	if text == "" {
		hint := ""
		if k := known[path]; k.flag != "" && r.name == r.block {
			hint = " (-" + k.flag + ")"
		}
		r.bad(path, "is missing"+hint)
	}
	return text
}

// fromEnvironment is a value that may come from a variable too.
func (r *resolver) fromEnvironment(path string) string {
	if text := r.str(path); text != "" {
		return text
	}
	return os.Getenv(known[path].env)
}

// prefix is a prefix of keys without slashes around it, or a slash alone for none.
func (r *resolver) prefix(path string) string {
	if text := strings.Trim(r.str(path), "/"); text != "" {
		return text
	}
	return "/"
}

// endpoint reads a URL; a bare host is one of https.
func (r *resolver) endpoint(path, text string) string {
	if text == "" {
		return ""
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		r.bad(path, "is not a URL of http or https")
	case u.User != nil || u.RawQuery != "":
		r.bad(path, "must not hold credentials or a query")
	}
	return strings.TrimRight(text, "/")
}

func (r *resolver) s3() S3 {
	set := r.own()
	b := S3{
		AccessKeyID:     set.secret("aws_storage.access_key_id"),
		SecretAccessKey: set.secret("aws_storage.secret_access_key"),
		SessionToken:    set.secret("aws_storage.session_token"),
		STSEndpoint:     r.endpoint("aws_storage.sts_endpoint", r.str("aws_storage.sts_endpoint")),
		Bucket:          r.require("aws_storage.s3_bucket"),
		Region:          r.require("aws_storage.s3_region"),
		Endpoint:        r.endpoint("aws_storage.s3_endpoint", r.fromEnvironment("aws_storage.s3_endpoint")),
		KeyPrefix:       r.prefix("aws_storage.s3_key_prefix"),
		ForcePathStyle:  set.boolean("aws_storage.s3_force_path_style"),
		SSE:             set.boolean("aws_storage.s3_server_side_encryption"),
		KMS:             set.boolean("aws_storage.s3_enable_kms"),
		KMSKeyID:        r.str("aws_storage.s3_kms_key"),
		StaticName:      r.str("aws_storage.s3_static_snapshot_name"),
	}
	r.checkCredentials(b)
	r.setRole(&b)
	r.checkBucket(&b)
	return b
}

func (r *resolver) checkCredentials(b S3) {
	switch {
	case (b.AccessKeyID == "") != (b.SecretAccessKey == ""):
		r.bad("aws_storage.access_key_id", "and secret_access_key go together: one of them is missing")
	case b.SessionToken != "" && b.AccessKeyID == "":
		r.bad("aws_storage.session_token", "needs access_key_id and secret_access_key")
	}
}

// setRole fills in the role to assume. AWS_ROLE_ARN beside AWS_WEB_IDENTITY_TOKEN_FILE is the platform's pair: static credentials are
// there to be used instead of it.
func (r *resolver) setRole(b *S3) {
	const arn, token, session = "aws_storage.role_arn", "aws_storage.web_identity_token_file", "aws_storage.role_session_name"
	b.RoleARN, b.WebIdentityTokenFile, b.RoleSessionName = r.str(arn), r.str(token), r.str(session)
	if b.WebIdentityTokenFile != "" && b.AccessKeyID != "" {
		r.bad(token, "and access_key_id are two ways to log in: leave one out")
	}
	environment := os.Getenv(known[token].env)
	if b.AccessKeyID == "" || environment == "" {
		b.RoleARN = r.fromEnvironment(arn)
	}
	if b.RoleARN == "" {
		if b.WebIdentityTokenFile != "" {
			r.bad(token, "needs role_arn")
		}
		return
	}
	b.RoleSessionName = r.fromEnvironment(session)
	if b.AccessKeyID == "" && b.WebIdentityTokenFile == "" {
		b.WebIdentityTokenFile = environment
	}
}

func (r *resolver) checkBucket(b *S3) {
	if strings.ContainsAny(b.Bucket, "/:") {
		r.bad("aws_storage.s3_bucket", "must be the name of a bucket alone: a prefix goes into s3_key_prefix")
	}
	if b.KMSKeyID != "" && !b.KMS {
		r.bad("aws_storage.s3_kms_key", "needs s3_enable_kms: without it nothing would be encrypted with that key")
	}
	b.SSE = b.SSE && !b.KMS
	if b.StaticName == "" {
		return
	}
	if own := r.own(); own.integer("aws_storage.retain") > 0 || !own.rules(s3Block).Empty() {
		name := "retain"
		if !own.rules(s3Block).Empty() {
			name = "keep"
		}
		r.warn("%s: %s has no effect beside s3_static_snapshot_name: keep versions in the bucket, and let it expire them", r.name, name)
	}
}

// clouds are the environments of Azure.
var clouds = []string{"AZUREPUBLICCLOUD", "AZURECHINACLOUD", "AZUREGERMANCLOUD", "AZUREUSGOVERNMENTCLOUD"}

func (r *resolver) azure() Azure {
	b := Azure{
		AccountName:            r.require("azure_blob_storage.account_name"),
		AccountKey:             r.own().secret("azure_blob_storage.account_key"),
		ContainerName:          r.require("azure_blob_storage.container_name"),
		Environment:            strings.ToUpper(r.str("azure_blob_storage.environment")),
		ServicePrincipalID:     r.str("azure_blob_storage.service_principal_id"),
		ServicePrincipalSecret: r.own().secret("azure_blob_storage.service_principal_secret"),
		TenantID:               r.str("azure_blob_storage.tenant_id"),
		Endpoint:               r.endpoint("azure_blob_storage.endpoint", r.str("azure_blob_storage.endpoint")),
		KeyPrefix:              r.prefix("azure_blob_storage.key_prefix"),
	}
	if !slices.Contains(clouds, b.Environment) {
		r.bad("azure_blob_storage.environment", "must be one of "+strings.Join(clouds, ", "))
	}
	principal := b.ServicePrincipalID != "" || b.ServicePrincipalSecret != "" || b.TenantID != ""
	whole := b.ServicePrincipalID != "" && b.ServicePrincipalSecret != "" && b.TenantID != ""
	switch {
	case principal && !whole:
		r.bad("azure_blob_storage.service_principal_id", "needs service_principal_secret and tenant_id beside it: one of the three is missing")
	case principal && b.AccountKey != "":
		r.bad("azure_blob_storage.account_key", "and service_principal_id are two ways to log in: leave one out")
	}
	return b
}

func (r *resolver) gcs() GCS {
	return GCS{
		Bucket:    r.require("google_storage.bucket"),
		KeyPrefix: r.prefix("google_storage.key_prefix"),
		Endpoint:  r.endpoint("google_storage.endpoint", r.str("google_storage.endpoint")),
	}
}
