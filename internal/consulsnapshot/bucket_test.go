package consulsnapshot

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/storetest"
)

// withCredentials gives some to S3, and keeps the tester's own out.
func withCredentials(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "very-secret", "AWS_PROFILE": "", "AWS_REGION": "", "AWS_ROLE_ARN": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
}

const theKey = "backups/2026/11/21/host1.consul.snapshot.1795246816.tar.gz"

func TestS3(t *testing.T) {
	withCredentials(t)
	const sse, kms = "X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"
	for _, c := range []struct{ name, encryption, key, wantSSE, wantKey string }{
		{"plain", "", "", "", ""},
		{"AES256", "AES256", "", "AES256", ""},
		{"aws:kms", "aws:kms", "", "aws:kms", ""},
		{"aws:kms with a key", "aws:kms", "key1", "aws:kms", "key1"},
		{"a key alone", "", "key1", "aws:kms", "key1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := storetest.S3(t, "bucket")
			s := newStage(t, key("a", "1"))
			s.Config.S3Bucket, s.Config.S3Region, s.Config.S3Endpoint = "bucket", "eu-test-1", server.URL
			s.Config.S3Encryption, s.Config.S3KMSKey = c.encryption, c.key
			s.Places = s.Config.Places(s.Log)
			s.take(t)
			if keys := server.Keys("bucket"); !slices.Equal(keys, []string{theKey}) {
				t.Fatalf("keys %q", keys)
			}
			for _, r := range server.Requests() {
				if r.Method == http.MethodPut && (r.Header.Get(sse) != c.wantSSE || r.Header.Get(kms) != c.wantKey) {
					t.Errorf("%s: %q with key %q", r.Path, r.Header.Get(sse), r.Header.Get(kms))
				}
				if !strings.HasPrefix(r.Path, "/bucket/") {
					t.Errorf("the bucket is not in the path: %s", r.Path)
				}
			}
			a, err := s.Config.Fetch(t.Context(), theKey)
			must(t, err)
			if must(t, a.Close()); a.Counts.Keys != 1 || a.Location != "s3://bucket/"+theKey || a.File != "" {
				t.Errorf("%+v", a)
			}
			if strings.Contains(s.said.String(), "very-secret") {
				t.Errorf("said %s", s.said)
			}
		})
	}
}

// Credentials that may write, and nothing else, were enough for the real tool. They are enough, and what is not proven then is told.
func TestCredentialsThatMayOnlyWrite(t *testing.T) {
	withCredentials(t)
	server := storetest.S3(t, "bucket")
	server.Refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut || r.Method == http.MethodPost {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	}
	s := newStage(t, key("a", "1"))
	s.Config.S3Bucket, s.Config.S3Region, s.Config.S3Endpoint = "bucket", "eu-test-1", server.URL
	s.Places = s.Config.Places(s.Log)
	s.take(t)
	if !strings.Contains(s.said.String(), "[WARN] the credentials may write and not read") || len(server.Keys("bucket")) != 1 {
		t.Errorf("said %s", s.said)
	}
}

// recorded puts a server before another one, which keeps the beginning of what is posted.
func recorded(t *testing.T, to string) (address string, posted *text) {
	t.Helper()
	target, err := url.Parse(to)
	must(t, err)
	posted = new(text)
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has gone
		}
		if r.Method == http.MethodPost {
			fmt.Fprintf(posted, "%s %.600s\n", r.Header.Get("X-Upload-Content-Type"), body)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, posted
}

func TestS3AndGCS(t *testing.T) {
	withCredentials(t)
	server := storetest.S3(t, "bucket")
	google, uploads := recorded(t, storetest.GCS(t, "gbucket"))
	t.Setenv("STORAGE_EMULATOR_HOST", google)
	s := newStage(t, key("a", "1"))
	s.Config.S3Bucket, s.Config.S3Region, s.Config.S3Endpoint, s.Config.GCSBucket = "bucket", "eu-test-1", server.URL, "gbucket"
	s.Places = s.Config.Places(s.Log)
	r := s.take(t)
	if want := []string{"s3://bucket/" + theKey, "gs://gbucket/" + theKey}; !slices.Equal(r.Locations, want) {
		t.Errorf("kept in %q", r.Locations)
	}
	if sent := uploads.String(); !strings.Contains(sent, "text/plain") || strings.Contains(sent, "application/octet-stream") {
		t.Errorf("the content type is another: %.300q", sent)
	}
	a, err := s.Config.Fetch(t.Context(), "/"+theKey)
	must(t, err)
	if must(t, a.Close()); a.Location != "gs://gbucket/"+theKey {
		t.Errorf("restored from %s: with both it is Google's", a.Location)
	}
}
