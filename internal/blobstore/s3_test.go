package blobstore_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// uploaded stores a small and a large object and returns the requests that began an object.
func uploaded(t *testing.T, server *storetest.S3Server, s blobstore.Store) (begun []storetest.Request) {
	t.Helper()
	store(t, s, "consul-1.snap.json", "{}")
	content := storetest.Content(1, 11<<20)
	if err := s.Put(t.Context(), "consul-1.snap", bytes.NewReader(content), int64(len(content))); err != nil {
		t.Fatal(err)
	}
	for _, r := range server.Requests() {
		if r.Method == http.MethodPost && strings.HasPrefix(r.Query, "uploads") || r.Method == http.MethodPut && !strings.Contains(r.Query, "partNumber") {
			begun = append(begun, r)
		}
	}
	if len(begun) != 2 {
		t.Fatalf("%d objects were begun, not 2", len(begun))
	}
	return begun
}

func TestS3Encryption(t *testing.T) {
	quiet(t)
	const kind, key = "X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"
	tests := []struct {
		name      string
		config    blobstore.S3Config
		kind, key string
	}{
		{"none", blobstore.S3Config{}, "", ""},
		{"SSE-S3", blobstore.S3Config{ServerSideEncryption: true}, "AES256", ""},
		{"SSE-KMS, the account's key", blobstore.S3Config{EnableKMS: true}, "aws:kms", ""},
		{"SSE-KMS before SSE-S3", blobstore.S3Config{EnableKMS: true, ServerSideEncryption: true}, "aws:kms", ""},
		{"SSE-KMS, a key", blobstore.S3Config{EnableKMS: true, KMSKeyID: "key-1"}, "aws:kms", "key-1"},
		{"a key alone", blobstore.S3Config{KMSKeyID: "key-1"}, "aws:kms", "key-1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := storetest.S3(t, "backups")
			for _, r := range uploaded(t, server, openS3(t, server, tt.config)) {
				if r.Header.Get(kind) != tt.kind || r.Header.Get(key) != tt.key {
					t.Errorf("%s %s?%s: encryption %q with key %q", r.Method, r.Path, r.Query, r.Header.Get(kind), r.Header.Get(key))
				}
			}
		})
	}
}

// Older MinIO, Ceph and gateways refuse or garble checksums that they do not know.
func TestS3ChecksumsOnlyWhereRequired(t *testing.T) {
	quiet(t)
	server := storetest.S3(t, "backups")
	s := openS3(t, server, blobstore.S3Config{})
	uploaded(t, server, s)
	r, err := s.Get(t.Context(), "consul-1.snap")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Close(), s.Delete(t.Context(), "consul-1.snap")); err != nil {
		t.Fatal(err)
	}
	for _, r := range server.Requests() {
		for name, value := range r.Header {
			name = strings.ToLower(name)
			sent := strings.HasPrefix(name, "x-amz-checksum") || strings.HasPrefix(name, "x-amz-sdk-checksum") || name == "x-amz-trailer"
			if sent || name == "content-encoding" || strings.Contains(value[0], "STREAMING-") {
				t.Errorf("%s %s?%s has the header %s: %s", r.Method, r.Path, r.Query, name, value[0])
			}
		}
	}
}

func TestS3Addresses(t *testing.T) {
	quiet(t)
	tests := []struct {
		name, host, path string
		config           blobstore.S3Config
	}{
		{"an address", "127.0.0.1", "/backups/consul-snapshot/a", blobstore.S3Config{}},
		{"path style", "127.0.0.1", "/backups/consul-snapshot/a", blobstore.S3Config{ForcePathStyle: true}},
		{"prefix", "127.0.0.1", "/backups/dc1/nightly/a", blobstore.S3Config{KeyPrefix: "/dc1/nightly/"}},
		{"no prefix", "127.0.0.1", "/backups/a", blobstore.S3Config{KeyPrefix: "/"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := storetest.S3(t, "backups")
			s := openS3(t, server, tt.config)
			store(t, s, "a", "content")
			r := server.Requests()[0]
			if !strings.HasPrefix(r.Host, tt.host) || r.Path != tt.path {
				t.Errorf("asked %s for %s", r.Host, r.Path)
			}
			if want := "s3:/" + tt.path; s.Location("a") != want {
				t.Errorf("Location %s, want %s", s.Location("a"), want)
			}
			if got := listed(t, s); !slices.Equal(got, []string{"a"}) {
				t.Errorf("listed: %q", got)
			}
		})
	}
}

// The name of the bucket is looked up as a host, or not. No such host exists.
func TestS3PathStyle(t *testing.T) {
	quiet(t)
	for force, host := range map[bool]string{false: "backups.s3.invalid", true: "s3.invalid"} {
		s, err := blobstore.S3(t.Context(), blobstore.S3Config{
			Bucket: "backups", Region: "r", Endpoint: "http://s3.invalid", AccessKeyID: "a", SecretAccessKey: secret, ForcePathStyle: force,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "lookup "+host) {
			t.Errorf("force path style %v: %v", force, err)
		}
	}
}

// Others' objects: of another prefix, of a prefix that begins alike, and deeper ones.
func TestS3ListsItsPrefixOnly(t *testing.T) {
	quiet(t)
	server := storetest.S3(t, "backups")
	for _, prefix := range []string{"/", "consul-snapshot-2", "other", "consul-snapshot/deeper"} {
		store(t, openS3(t, server, blobstore.S3Config{KeyPrefix: prefix}), "consul-1.snap", "")
	}
	s := openS3(t, server, blobstore.S3Config{})
	store(t, s, "consul-2.snap", "")
	if got := listed(t, s); !slices.Equal(got, []string{"consul-2.snap"}) {
		t.Errorf("listed: %q", got)
	}
}

func TestS3StaticName(t *testing.T) {
	quiet(t)
	const key = "dc1/latest.snap"
	server := storetest.S3(t, "backups")
	s := openS3(t, server, blobstore.S3Config{StaticName: key, KeyPrefix: "ignored"})
	if got := listed(t, s); len(got) > 0 {
		t.Errorf("an empty store lists %q", got)
	}
	store(t, s, key, "one")
	store(t, s, key, "two")
	store(t, s, key+".json", "{}")
	if got, want := listed(t, s), []string{key, key + ".json"}; !slices.Equal(got, want) || !slices.Equal(server.Keys("backups"), want) {
		t.Errorf("listed: %q, there are %q", got, server.Keys("backups"))
	}
	if s.Location(key) != "s3://backups/dc1/latest.snap" {
		t.Errorf("Location: %s", s.Location(key))
	}
	for _, name := range []string{"consul-1.snap", key + "2", key + ".a/b", key + ".tmp", ""} {
		if err := s.Put(t.Context(), name, strings.NewReader(""), 0); err == nil {
			t.Errorf("Put takes %q", name)
		}
	}
	if err := errors.Join(s.Delete(t.Context(), key), s.Delete(t.Context(), key)); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(t.Context(), key); !errors.Is(err, blobstore.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if want := `Amazon S3 -> Region: "eu-test-1" Bucket: "backups" Static Name: "dc1/latest.snap" Endpoint: "` + server.URL + `"`; s.String() != want {
		t.Errorf("String: %s", s)
	}
}

// Who may not list a bucket gets 403 for what is not there.
func TestS3StaticNameWithoutListBucket(t *testing.T) {
	quiet(t)
	server := storetest.S3(t, "backups")
	server.Refuse = func(w http.ResponseWriter, r *http.Request) bool {
		absent := r.Method == http.MethodHead && !slices.Contains(server.Keys("backups"), strings.TrimPrefix(r.URL.Path, "/backups/"))
		if absent {
			w.WriteHeader(http.StatusForbidden)
		}
		return absent
	}
	s := openS3(t, server, blobstore.S3Config{StaticName: "latest.snap"})
	if _, err := s.List(t.Context()); err == nil || !strings.Contains(err.Error(), "s3:GetObject") {
		t.Errorf("List: %v", err)
	}
	store(t, s, "latest.snap", "state")
	if got := listed(t, s); !slices.Equal(got, []string{"latest.snap"}) {
		t.Errorf("listed: %q", got)
	}
}

func answer(status int, code string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>as\n  it says</Message></Error>")
		return true
	}
}

func TestS3Errors(t *testing.T) {
	quiet(t)
	tests := []struct {
		name   string
		refuse func(http.ResponseWriter, *http.Request) bool
		want   string // of all four, after the step and the object
	}{
		{"denied", answer(403, "AccessDenied"), "the store answers 403 AccessDenied: as it says; check the credentials and what they may do: " +
			"s3:PutObject and s3:GetObject, and for retention and lists s3:DeleteObject and s3:ListBucket"},
		{"a bad key", answer(403, "SignatureDoesNotMatch"), "the store answers 403 SignatureDoesNotMatch: as it says; check the credentials"},
		{"no bucket", answer(404, "NoSuchBucket"), "the store answers 404 NoSuchBucket: as it says; check the bucket's name, its region and the endpoint"},
		{"a teapot", answer(418, "Teapot"), "the store answers 418 Teapot: as it says"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := storetest.S3(t, "backups")
			server.Refuse = tt.refuse
			s := openS3(t, server, blobstore.S3Config{})
			_, get := s.Get(t.Context(), "a")
			_, list := s.List(t.Context())
			for begin, err := range map[string]error{
				"store s3://backups/consul-snapshot/a: ":  s.Put(t.Context(), "a", strings.NewReader(""), 0),
				"read s3://backups/consul-snapshot/a: ":   get,
				"list s3://backups/consul-snapshot/: ":    list,
				"delete s3://backups/consul-snapshot/a: ": s.Delete(t.Context(), "a"),
			} {
				if err == nil || !strings.HasPrefix(err.Error(), begin+tt.want) || errors.Is(err, blobstore.ErrNotFound) {
					t.Errorf("got %v, want %s%s", err, begin, tt.want)
					continue
				}
				noSecret(t, err.Error())
			}
			noSecret(t, s.String(), s.Location("a"))
		})
	}
}

func TestS3ThatIsNotThere(t *testing.T) {
	quiet(t)
	s, err := blobstore.S3(t.Context(), blobstore.S3Config{
		Bucket: "backups", Region: "r", Endpoint: "http://127.0.0.1:1", AccessKeyID: "a", SecretAccessKey: secret,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), "a")
	if err == nil || !strings.Contains(err.Error(), "connection refused; check the network, the endpoint") {
		t.Errorf("Get: %v", err)
	}
}

// A gateway that is busy for a moment, and one that closes connections.
func TestS3RetriesAndAborts(t *testing.T) {
	quiet(t)
	server := storetest.S3(t, "backups")
	failures := 2
	server.Refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if failures == 0 || r.Method != http.MethodPut {
			return false
		}
		failures--
		return answer(503, "SlowDown")(w, r)
	}
	s := openS3(t, server, blobstore.S3Config{})
	store(t, s, "a", "content")

	server.Refuse = func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Query().Get("partNumber") == "2" && answer(403, "AccessDenied")(w, r)
	}
	if err := s.Put(t.Context(), "b", bytes.NewReader(make([]byte, 12<<20)), 12<<20); err == nil {
		t.Error("the lost part goes unnoticed")
	}
	if server.Uploads() != 0 || !slices.Equal(listed(t, s), []string{"a"}) {
		t.Errorf("%d uploads were left behind; there are %q", server.Uploads(), listed(t, s))
	}
}

func TestS3ReadThatBreaksOff(t *testing.T) {
	quiet(t)
	server := storetest.S3(t, "backups")
	server.Refuse = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write(make([]byte, 500))
		return true
	}
	r, err := openS3(t, server, blobstore.S3Config{}).Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, r); n != 500 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read %d bytes, %v", n, err)
	}
	r.Close()
}

// stsServer hands out a role, and notes what it was asked.
func stsServer(t *testing.T, asked *[]string) string {
	server := storetest.Plain(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		action := r.Form.Get("Action")
		*asked = append(*asked, action, r.Form.Get("RoleArn"), r.Form.Get("RoleSessionName"), r.Form.Get("WebIdentityToken"))
		io.WriteString(w, "<"+action+"Response><"+action+"Result><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey>"+
			"<SessionToken>role-token</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></"+action+"Result></"+action+"Response>")
	})
	return server
}

func TestS3Roles(t *testing.T) {
	quiet(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("jwt"), 0o600); err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws:iam::1:role/backup"
	tests := []struct {
		name        string
		config      blobstore.S3Config
		environment map[string]string
		asked       []string // of STS
		id          string   // in the signature
	}{
		{"static", blobstore.S3Config{AccessKeyID: "AKIATEST", SecretAccessKey: secret}, nil, nil, "AKIATEST"},
		{"environment", blobstore.S3Config{}, map[string]string{"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": secret}, nil, "AKIAENV"},
		{"role with static credentials", blobstore.S3Config{AccessKeyID: "AKIATEST", SecretAccessKey: secret, RoleARN: arn, RoleSessionName: "me"}, nil,
			[]string{"AssumeRole", arn, "me", ""}, "ASIAROLE"},
		{"role of the environment", blobstore.S3Config{AccessKeyID: "AKIATEST", SecretAccessKey: secret}, map[string]string{"AWS_ROLE_ARN": arn},
			[]string{"AssumeRole", arn, "consul-snapshot", ""}, "ASIAROLE"},
		{"web identity", blobstore.S3Config{RoleARN: arn, WebIdentityTokenFile: token}, nil,
			[]string{"AssumeRoleWithWebIdentity", arn, "consul-snapshot", "jwt"}, "ASIAROLE"},
		{"web identity of the environment", blobstore.S3Config{},
			map[string]string{"AWS_ROLE_ARN": arn, "AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_SESSION_NAME": "pod"},
			[]string{"AssumeRoleWithWebIdentity", arn, "pod", "jwt"}, "ASIAROLE"},
		{"static credentials in a pod", blobstore.S3Config{AccessKeyID: "AKIATEST", SecretAccessKey: secret},
			map[string]string{"AWS_ROLE_ARN": arn, "AWS_WEB_IDENTITY_TOKEN_FILE": token}, nil, "AKIATEST"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, value := range tt.environment {
				t.Setenv(name, value)
			}
			server := storetest.S3(t, "backups")
			var asked []string
			c := tt.config
			c.Bucket, c.Region, c.Endpoint, c.STSEndpoint = "backups", "r", server.URL, stsServer(t, &asked)
			s, err := blobstore.S3(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			store(t, s, "a", "")
			if !slices.Equal(asked, tt.asked) {
				t.Errorf("asked STS %q, want %q", asked, tt.asked)
			}
			h := server.Requests()[0].Header
			if !strings.Contains(h.Get("Authorization"), "Credential="+tt.id+"/") {
				t.Errorf("signed as %s", h.Get("Authorization"))
			}
			if got := h.Get("X-Amz-Security-Token"); (got == "role-token") != (tt.id == "ASIAROLE") {
				t.Errorf("session token %q", got)
			}
		})
	}
}

func TestS3Refuses(t *testing.T) {
	quiet(t)
	good := blobstore.S3Config{Bucket: "b", Region: "r"}
	tests := []struct {
		name   string
		change func(*blobstore.S3Config)
		want   string
	}{
		{"no bucket", func(c *blobstore.S3Config) { c.Bucket = "" }, "a bucket is needed"},
		{"prefix in the bucket", func(c *blobstore.S3Config) { c.Bucket = "b/p" }, "give the name alone"},
		{"no region", func(c *blobstore.S3Config) { c.Region = "" }, "a region is needed"},
		{"no secret", func(c *blobstore.S3Config) { c.AccessKeyID = "a" }, "need each other"},
		{"no key", func(c *blobstore.S3Config) { c.SecretAccessKey = secret }, "need each other"},
		{"token alone", func(c *blobstore.S3Config) { c.SessionToken = secret }, "needs an access key ID"},
		{"identity without a role", func(c *blobstore.S3Config) { c.WebIdentityTokenFile = "f" }, "needs a role"},
		{"endpoint with a user", func(c *blobstore.S3Config) { c.Endpoint = "https://u:" + secret + "@h" }, "no secrets in a URL"},
		{"endpoint that is no URL", func(c *blobstore.S3Config) { c.Endpoint = "https://u:" + secret + "@h:x%" }, "s3_endpoint is not a URL"},
		{"endpoint of another kind", func(c *blobstore.S3Config) { c.Endpoint = "ftp://h" }, "a URL like https://host:port"},
		{"STS endpoint", func(c *blobstore.S3Config) { c.RoleARN, c.STSEndpoint = "arn", "ftp://h" }, "sts_endpoint"},
		{"IAM endpoint", func(c *blobstore.S3Config) { c.IAMEndpoint = "ftp://h" }, "iam_endpoint"},
		{"static name", func(c *blobstore.S3Config) { c.StaticName = "a/" }, "neither begins nor ends"},
		{"profile", func(c *blobstore.S3Config) { c.Profile = "none" }, "find credentials and region"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			_, err := blobstore.S3(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			noSecret(t, err.Error())
		})
	}
}

func TestS3EndpointsAndWarnings(t *testing.T) {
	quiet(t)
	var warned error
	c := blobstore.S3Config{Bucket: "b", Region: "r", IAMEndpoint: "iam.example.org", Warn: func(err error) { warned = err }}
	for said, want := range map[string]string{
		"":                         `Amazon S3 -> Region: "r" Bucket: "b" Key Prefix: "consul-snapshot"`,
		"s3.example.org:9000":      `Amazon S3 -> Region: "r" Bucket: "b" Key Prefix: "consul-snapshot" Endpoint: "https://s3.example.org:9000"`,
		"http://s3.example.org/":   `Amazon S3 -> Region: "r" Bucket: "b" Key Prefix: "consul-snapshot" Endpoint: "http://s3.example.org"`,
		"https://s3.example.org/x": `Amazon S3 -> Region: "r" Bucket: "b" Key Prefix: "consul-snapshot" Endpoint: "https://s3.example.org/x"`,
	} {
		c.Endpoint = said
		s, err := blobstore.S3(t.Context(), c)
		if err != nil || s.String() != want {
			t.Errorf("endpoint %q: %v, %v; want %s", said, s, err, want)
		}
	}
	if warned == nil || !strings.Contains(warned.Error(), "iam_endpoint is of no effect") {
		t.Errorf("warning: %v", warned)
	}
}
