package snapshotconfig

import (
	"slices"
	"testing"
)

func TestLicenceInTheEnvironment(t *testing.T) {
	t.Setenv("CONSUL_LICENSE", "test-s3cret")
	t.Setenv("CONSUL_LICENSE_PATH", "test-path")
	_, warnings, err := load(t)
	want := []string{"CONSUL_LICENSE has no effect: Lictor needs no licence", "CONSUL_LICENSE_PATH has no effect: Lictor needs no licence"}
	if err != nil || !slices.Equal(warnings, want) {
		t.Errorf("%v, warnings %q", err, warnings)
	}
}

func TestCredentialsFromTheEnvironment(t *testing.T) {
	const arn, session, token, endpoint = "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_S3_ENDPOINT"
	static := []string{"-aws-access-key-id=a", "-aws-secret-access-key=s"}
	tests := []struct {
		name string
		set  map[string]string
		args []string
		want S3
	}{
		{"nothing", nil, nil, S3{}},
		{"endpoint", map[string]string{endpoint: "test-host"}, nil, S3{Endpoint: "https://test-host"}},
		{"endpoint flag wins", map[string]string{endpoint: "test-host"}, []string{"-aws-s3-endpoint=http://f"}, S3{Endpoint: "http://f"}},
		{"role", map[string]string{arn: "test-r", session: "test-n"}, nil, S3{RoleARN: "test-r", RoleSessionName: "test-n"}},
		{"role flag wins", map[string]string{arn: "test-r", session: "test-n"}, []string{"-aws-role-arn=f", "-aws-role-session-name=g"},
			S3{RoleARN: "f", RoleSessionName: "g"}},
		{"web identity", map[string]string{arn: "test-r", token: "test-w"}, nil, S3{RoleARN: "test-r", WebIdentityTokenFile: "test-w"}},
		{"web identity without role", map[string]string{token: "test-w"}, nil, S3{}},
		{"session name without role", map[string]string{session: "test-n"}, nil, S3{}},
		{"static credentials assume a role", map[string]string{arn: "test-r"}, static, S3{AccessKeyID: "a", SecretAccessKey: "s", RoleARN: "test-r"}},
		{"static credentials win over the platform's", map[string]string{arn: "test-r", token: "test-w"}, static, S3{AccessKeyID: "a", SecretAccessKey: "s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, v := range tt.set {
				t.Setenv(name, v)
			}
			c := mustLoad(t, append([]string{"-aws-s3-bucket=b", "-aws-s3-region=r"}, tt.args...)...)
			tt.want.Bucket, tt.want.Region, tt.want.KeyPrefix, tt.want.Retain = "b", "r", "consul-snapshot", 30
			if len(c.Destinations.S3) != 1 || c.Destinations.S3[0] != tt.want {
				t.Errorf("got\n%#v, want\n%#v", c.Destinations.S3, tt.want)
			}
		})
	}
	t.Setenv(arn, "test-r")
	t.Setenv(endpoint, "test-host")
	if c := mustLoad(t); len(c.Destinations.S3) > 0 {
		t.Error("variables alone configure a destination")
	}
}
