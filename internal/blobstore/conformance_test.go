package blobstore_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// quiet keeps the caller's own credentials and settings out of a test.
func quiet(t testing.TB) {
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ROLE_ARN",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME", "AWS_S3_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CA_BUNDLE",
		"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS",
	} {
		t.Setenv(name, "")
	}
	none := t.TempDir() + "/none"
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, none)
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestDirConforms(t *testing.T) {
	storetest.Run(t, func(t testing.TB) blobstore.Store { return openDir(t, t.TempDir()) })
}

func TestMemoryConforms(t *testing.T) {
	storetest.Run(t, func(testing.TB) blobstore.Store { return blobstore.Memory() })
}

func TestS3Conforms(t *testing.T) {
	quiet(t)
	storetest.Run(t, func(t testing.TB) blobstore.Store {
		server := storetest.S3(t, "backups")
		t.Cleanup(func() {
			if n := server.Uploads(); n > 0 {
				t.Errorf("%d uploads in parts were left behind", n)
			}
		})
		return openS3(t, server, blobstore.S3Config{})
	})
}

func TestAzureConforms(t *testing.T) {
	storetest.Run(t, func(t testing.TB) blobstore.Store {
		return openAzure(t, storetest.Azure(t, "account", "backups"), "backups")
	})
}

func openAzure(t testing.TB, account, container string) blobstore.Store {
	t.Helper()
	s, err := blobstore.Azure(t.Context(), blobstore.AzureConfig{
		AccountName: "account", AccountKey: base64.StdEncoding.EncodeToString([]byte(secret)), ContainerName: container, Endpoint: account,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGCSConforms(t *testing.T) {
	quiet(t)
	storetest.Run(t, func(t testing.TB) blobstore.Store { return openGCS(t, storetest.GCS(t, "backups"), "backups") })
}

func openGCS(t testing.TB, endpoint, bucket string) blobstore.Store {
	t.Helper()
	s, err := blobstore.GCS(t.Context(), blobstore.GCSConfig{Bucket: bucket, Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// openS3 opens the bucket "backups" of a server.
func openS3(t testing.TB, server *storetest.S3Server, c blobstore.S3Config) blobstore.Store {
	t.Helper()
	c.Bucket, c.Region, c.Endpoint = "backups", "eu-test-1", server.URL
	c.AccessKeyID, c.SecretAccessKey = "AKIATEST", secret
	s, err := blobstore.S3(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const secret = "the-secret-that-nobody-may-see"

// noSecret wants none of the texts to hold the secret.
func noSecret(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(text, secret) {
			t.Errorf("the secret is in %q", text)
		}
	}
}
