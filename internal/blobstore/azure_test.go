package blobstore_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/storetest"
)

func TestAzureEnvironments(t *testing.T) {
	for environment, want := range map[string]string{
		"":                       "https://acc.blob.core.windows.net/c/consul-snapshot/a",
		"AZUREPUBLICCLOUD":       "https://acc.blob.core.windows.net/c/consul-snapshot/a",
		"AzureChinaCloud":        "https://acc.blob.core.chinacloudapi.cn/c/consul-snapshot/a",
		"AZUREUSGOVERNMENTCLOUD": "https://acc.blob.core.usgovcloudapi.net/c/consul-snapshot/a",
		"AZUREGERMANCLOUD":       "https://acc.blob.core.cloudapi.de/c/consul-snapshot/a",
	} {
		s, err := blobstore.Azure(t.Context(), blobstore.AzureConfig{
			AccountName: "acc", ContainerName: "c", Environment: environment,
			TenantID: "00000000-0000-0000-0000-000000000001", ServicePrincipalID: "id", ServicePrincipalSecret: secret,
		})
		if err != nil {
			t.Errorf("%s: %v", environment, err)
			continue
		}
		if s.Location("a") != want {
			t.Errorf("%s: it is at %s", environment, s.Location("a"))
		}
		noSecret(t, s.String(), s.Location("a"))
	}
}

func TestAzureRefuses(t *testing.T) {
	good := blobstore.AzureConfig{AccountName: "acc", ContainerName: "c"}
	tests := []struct {
		name   string
		change func(*blobstore.AzureConfig)
		want   string
	}{
		{"no container", func(c *blobstore.AzureConfig) { c.ContainerName = "" }, "a container is needed"},
		{"prefix in the container", func(c *blobstore.AzureConfig) { c.ContainerName = "c/p" }, "give the name alone"},
		{"no account", func(c *blobstore.AzureConfig) { c.AccountName = "" }, "an account is needed"},
		{"account with a domain", func(c *blobstore.AzureConfig) { c.AccountName = "a.blob.core.windows.net" }, "give the name alone"},
		{"environment", func(c *blobstore.AzureConfig) { c.Environment = "AZUREMOONCLOUD" }, "AZUREMOONCLOUD"},
		{"a key that is none", func(c *blobstore.AzureConfig) { c.AccountKey = secret }, "not base64"},
		{"key and principal", func(c *blobstore.AzureConfig) { c.AccountKey, c.TenantID = "a2V5", "t" }, "give one of them"},
		{"half a principal", func(c *blobstore.AzureConfig) { c.ServicePrincipalSecret = secret }, "needs all of"},
		{"endpoint", func(c *blobstore.AzureConfig) { c.Endpoint = "http://u:" + secret + "@h" }, "no secrets in a URL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			_, err := blobstore.Azure(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			noSecret(t, err.Error())
		})
	}
}

// failures does all four things and returns their errors.
func failures(t *testing.T, s blobstore.Store) map[string]error {
	t.Helper()
	_, get := s.Get(t.Context(), "a")
	_, list := s.List(t.Context())
	return map[string]error{
		"store " + s.Location("a"): s.Put(t.Context(), "a", strings.NewReader("x"), 1), "read " + s.Location("a"): get,
		"list " + s.Location(""): list, "delete " + s.Location("a"): s.Delete(t.Context(), "a"),
	}
}

func TestMissingContainersAndBuckets(t *testing.T) {
	quiet(t)
	for what, s := range map[string]blobstore.Store{
		": the store answers 404 ContainerNotFound; check the names of the account and of the container": openAzure(t,
			storetest.Azure(t, "account", "backups"), "other"),
		"; check the bucket's name": openGCS(t, storetest.GCS(t, "backups"), "other"),
	} {
		for begin, err := range failures(t, s) {
			if begin == "read gs://other/consul-snapshot/a" { // the library drops what the server says
				continue
			}
			if err == nil || !strings.HasPrefix(err.Error(), begin) || !strings.Contains(err.Error(), what) ||
				errors.Is(err, blobstore.ErrNotFound) {
				t.Errorf("got %v, want %s%s", err, begin, what)
			}
		}
	}
}

func TestAzureDenies(t *testing.T) {
	account := storetest.Plain(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-ms-error-code", "AuthorizationFailure")
		w.WriteHeader(http.StatusForbidden)
	})
	s := openAzure(t, account, "backups")
	for begin, err := range failures(t, s) {
		if err == nil || !strings.HasPrefix(err.Error(), begin+": the store answers 403 AuthorizationFailure; check the account key") {
			t.Errorf("%s: %v", begin, err)
			continue
		}
		noSecret(t, err.Error())
	}
}

func TestGCSDenies(t *testing.T) {
	quiet(t)
	endpoint := storetest.Plain(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"error":{"code":403,"message":"x does not have storage.objects.get access"}}`)
	})
	for begin, err := range failures(t, openGCS(t, endpoint, "backups")) {
		if err == nil || !strings.HasPrefix(err.Error(), begin+": the store answers 403") ||
			!strings.Contains(err.Error(), "; check GOOGLE_APPLICATION_CREDENTIALS") {
			t.Errorf("%s: %v", begin, err)
		}
	}
}
