package snapshotconfig

// The keys of remote storage.

var s3Keys = []key{
	{path: "aws_storage.access_key_id", flag: "aws-access-key-id",
		usage: "The `ID` of static credentials. Without it they come from the environment (AWS_ACCESS_KEY_ID and its like), " +
			"the shared credentials file, a web identity, or the role of the container or instance."},
	{path: "aws_storage.secret_access_key", flag: "aws-secret-access-key",
		usage: "The `secret` of -aws-access-key-id. Other users of this machine can see it in the list of processes."},
	{path: "aws_storage.session_token", flag: "aws-session-token",
		usage: "The session `token` of temporary static credentials. Other users of this machine can see it in the list of processes."},
	{path: "aws_storage.iam_endpoint", flag: "aws-iam-endpoint", fate: noEffect, why: "no request is ever sent to IAM",
		usage: "The `URL` of IAM. Accepted with a warning: no request is ever sent to it."},
	{path: "aws_storage.role_arn", flag: "aws-role-arn", env: "AWS_ROLE_ARN",
		usage: "The `ARN` of a role to assume."},
	{path: "aws_storage.role_session_name", flag: "aws-role-session-name", env: "AWS_ROLE_SESSION_NAME",
		usage: "The `name` of the session in which the role is assumed."},
	{path: "aws_storage.web_identity_token_file", flag: "aws-web-identity-token-file", env: "AWS_WEB_IDENTITY_TOKEN_FILE",
		usage: "The `file` with the token of a web identity that assumes the role."},
	{path: "aws_storage.sts_endpoint", flag: "aws-sts-endpoint",
		usage: "The `URL` of STS, where roles are assumed. The default is Amazon's own."},
	{path: "aws_storage.s3_bucket", flag: "aws-s3-bucket",
		usage: "The `name` of the bucket, without a prefix. Required for S3."},
	{path: "aws_storage.s3_region", flag: "aws-s3-region",
		usage: "The `region` of the bucket. Required for S3."},
	{path: "aws_storage.s3_endpoint", flag: "aws-s3-endpoint", env: "AWS_S3_ENDPOINT",
		usage: "The `URL` of the S3 service; https:// is put before a bare host. The default is Amazon's in the region."},
	{path: "aws_storage.s3_key_prefix", flag: "aws-s3-key-prefix", def: "consul-snapshot",
		usage: "The `prefix` of the keys of all objects, to which a slash is added; / alone is the root of the bucket."},
	{path: "aws_storage.s3_server_side_encryption", flag: "aws-s3-server-side-encryption", kind: kindBool,
		usage: "Ask S3 to encrypt with AES256 (SSE-S3)."},
	{path: "aws_storage.s3_static_snapshot_name", flag: "aws-s3-static-snapshot-name",
		usage: "The `key` of the one object that every snapshot goes to, without the prefix. Nothing is deleted then: " +
			"keep versions in the bucket."},
	{path: "aws_storage.s3_force_path_style", flag: "aws-s3-force-path-style", kind: kindBool,
		usage: "Put the bucket into the path instead of the host name, for services that are not Amazon's."},
	{path: "aws_storage.s3_enable_kms", flag: "aws-s3-enable-kms", kind: kindBool,
		usage: "Ask S3 to encrypt with a key of KMS (SSE-KMS). It wins over AES256."},
	{path: "aws_storage.s3_kms_key", flag: "aws-s3-kms-key",
		usage: "The `ID` of the KMS key. Needs -aws-s3-enable-kms. The default is the account's own."},
	{path: "aws_storage.retain", kind: kindInt},
}

var azureKeys = []key{
	{path: "azure_blob_storage.account_name", flag: "azure-blob-account-name",
		usage: "The `name` of the storage account. Required for Azure."},
	{path: "azure_blob_storage.account_key", flag: "azure-blob-account-key",
		usage: "The account's `key`. Without one, and without a service principal, the managed identity of the machine is used. " +
			"Other users of this machine can see it in the list of processes."},
	{path: "azure_blob_storage.container_name", flag: "azure-blob-container-name",
		usage: "The `name` of the container. Required for Azure."},
	{path: "azure_blob_storage.environment", flag: "azure-blob-environment", def: "AZUREPUBLICCLOUD",
		usage: "Azure's `cloud`: AZUREPUBLICCLOUD, AZURECHINACLOUD, AZUREGERMANCLOUD or AZUREUSGOVERNMENTCLOUD."},
	{path: "azure_blob_storage.service_principal_id", flag: "azure-blob-service-principal-id",
		usage: "The client `ID` of a service principal. Needs its secret and -azure-blob-tenant-id."},
	{path: "azure_blob_storage.service_principal_secret", flag: "azure-blob-service-principal-secret",
		usage: "The `secret` of the service principal. Other users of this machine can see it in the list of processes."},
	{path: "azure_blob_storage.tenant_id", flag: "azure-blob-tenant-id",
		usage: "The `ID` of the service principal's tenant."},
	{path: "azure_blob_storage.endpoint"},
	{path: "azure_blob_storage.key_prefix", def: "consul-snapshot"},
	{path: "azure_blob_storage.retain", kind: kindInt},
}

var gcsKeys = []key{
	{path: "google_storage.bucket", flag: "gcs-bucket",
		usage: "The `name` of the bucket. Credentials are found as Google's tools find them: GOOGLE_APPLICATION_CREDENTIALS, " +
			"then the service account of the machine."},
	{path: "google_storage.key_prefix", def: "consul-snapshot"},
	{path: "google_storage.endpoint"},
	{path: "google_storage.retain", kind: kindInt},
}
