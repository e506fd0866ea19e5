package retryjoin

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const secretKey = `hunter2/+"x=`

// withoutAccount keeps what the machine's user has configured away from the providers.
func withoutAccount(t *testing.T) {
	t.Helper()
	absent := filepath.Join(t.TempDir(), "absent")
	t.Setenv("AWS_CONFIG_FILE", absent)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", absent)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	others := []string{"AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_USE_DUALSTACK_ENDPOINT", "HTTP_PROXY", "http_proxy"}
	for _, name := range append(others, secretVariables...) {
		t.Setenv(name, "")
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

// ec2 answers questions for instances with a status and a body, and keeps the last one.
func ec2(t *testing.T, status int, body string) (endpoint string, asked *url.Values) {
	t.Helper()
	asked = new(url.Values)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil {
			*asked, err = url.ParseQuery(string(b))
		}
		if err != nil || !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIAEXAMPLE/") {
			t.Errorf("%v, %s", err, r.Header)
		}
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

const twoInstances = `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId><reservationSet>
<item><reservationId>r-1</reservationId><instancesSet>
<item><instanceId>i-1</instanceId><privateIpAddress>10.1.0.1</privateIpAddress><ipAddress>192.0.2.1</ipAddress></item>
<item><instanceId>i-2</instanceId><privateIpAddress>10.1.0.2</privateIpAddress></item>
</instancesSet></item></reservationSet></DescribeInstancesResponse>`

func awsEntry(endpoint string) string {
	const account = `provider=aws region=eu-west-1 access_key_id=AKIAEXAMPLE secret_access_key=%q endpoint=%s`
	return fmt.Sprintf(account+` tag_key=consul-role tag_value="a server"`, secretKey, endpoint)
}

func requireNoSecret(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, "hunter2") || strings.Contains(text, "AKIAEXAMPLE") {
		t.Errorf("a secret is in\n%s", text)
	}
}

func TestInstancesOfAWSAreJoined(t *testing.T) {
	withoutAccount(t)
	for _, c := range []struct {
		name, more string
		want       []string
	}{
		{"private addresses", "", []string{"10.1.0.1", "10.1.0.2", "10.0.0.9"}},
		{"public addresses", " addr_type=public_v4", []string{"192.0.2.1", "10.0.0.9"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			endpoint, asked := ec2(t, http.StatusOK, twoInstances)
			var log logbook
			var joined []string
			err := Run(t.Context(), Config{
				Addresses: []string{"provider=xyz", awsEntry(endpoint) + c.more, "10.0.0.9"}, MaxAttempts: 1, Logger: log.logger(),
				Join: func(addresses []string) (int, error) { joined = addresses; return len(addresses), nil },
			})
			if err != nil || !slices.Equal(joined, c.want) {
				t.Errorf("%v, joined %q, want %q", err, joined, c.want)
			}
			if asked.Get("Action") != "DescribeInstances" || asked.Get("Filter.1.Name") != "tag:consul-role" ||
				asked.Get("Filter.1.Value.1") != "a server" {
				t.Errorf("asked for %v", *asked)
			}
			requireLines(t, &log, `[DEBUG] agent: Cloud auto-join: provider=aws message="discover-aws: Found ip addresses: [`)
			requireNoSecret(t, log.String())
		})
	}
}

func TestErrorOfAWSHasNoSecret(t *testing.T) {
	withoutAccount(t)
	t.Setenv("AWS_SESSION_TOKEN", "hunter2-of-the-environment")
	escaped := strings.ReplaceAll(secretKey, `"`, "&quot;")
	message := "AKIAEXAMPLE, " + escaped + ", " + url.QueryEscape(secretKey) + ", hunter2-of-the-environment"
	endpoint, _ := ec2(t, http.StatusForbidden, `<Response><Errors><Error><Code>AuthFailure</Code><Message>`+message+
		`</Message></Error></Errors><RequestID>1</RequestID></Response>`)
	var log logbook
	addresses, err := discover(awsEntry(endpoint), log.logger())
	if err == nil || len(addresses) != 0 {
		t.Fatalf("%q, %v", addresses, err)
	}
	if !strings.Contains(err.Error(), "AuthFailure: <hidden>, <hidden>, <hidden>, <hidden>") {
		t.Error(err)
	}
	requireNoSecret(t, err.Error()+log.String())
}

func TestMessagesOfProvidersAreMasked(t *testing.T) {
	var log logbook
	masked := mask(map[string]string{"secret_access_key": secretKey, "session_token": secretKey + "tail", "region": "eu-west-1"})
	m := messages{log.logger(), "aws", masked}
	for _, message := range []string{
		"[INFO] discover-aws: eu-west-1 " + secretKey, fmt.Sprintf("%q", secretKey), "a=" + url.QueryEscape(secretKey), secretKey + "tail\n",
	} {
		if n, err := m.Write([]byte(message)); n != len(message) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	requireNoSecret(t, log.String())
	requireLines(t, &log, `[DEBUG] agent: Cloud auto-join: provider=aws message="discover-aws: eu-west-1 <hidden>"`, `a=<hidden>`,
		`message=<hidden>`)
	if strings.Contains(log.String(), "tail") {
		t.Errorf("the end of a secret is in\n%s", &log)
	}
}

// serviceAccount writes a credentials file of Google's whose tokens are handed out at an address.
func serviceAccount(t *testing.T, tokens string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "lictor@example.com", "private_key_id": "1", "token_uri": tokens,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCredentialsOfGoogleAreUsed(t *testing.T) {
	withoutAccount(t)
	refused := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
	}))
	defer refused.Close()
	entry := fmt.Sprintf("provider=gce project_name=p tag_value=consul credentials_file=%q", serviceAccount(t, refused.URL))
	if _, err := discover(entry, new(logbook).logger()); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Error(err)
	}
}

func TestProvidersRefuseBeforeTheyAsk(t *testing.T) {
	withoutAccount(t)
	t.Setenv("ARM_SUBSCRIPTION_ID", "")
	absent := filepath.Join(t.TempDir(), "absent.json")
	for _, c := range []struct{ name, entry, want string }{
		{"azure", "provider=azure", "give either tag_name and tag_value, or resource_group and vm_scale_set"},
		{"gce", "provider=gce", "tag_value is missing"},
		{"gce's file", "provider=gce project_name=p tag_value=t credentials_file=" + absent, absent},
		{"mdns", "provider=mdns", "service is missing"},
		{"mdns's timeout", "provider=mdns service=_lictor._tcp timeout=5", "Failed to parse timeout"},
		{"mdns's v6", "provider=mdns service=_lictor._tcp v6=maybe", "Failed to parse v6"},
		{"unreadable", "provider=aws tag_key", "argument 2 has no equals sign"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log logbook
			if _, err := discover(c.entry, log.logger()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
