package blobstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

func TestOpenURL(t *testing.T) {
	quiet(t)
	t.Setenv("AWS_REGION", "env-1")
	t.Setenv("AZURE_STORAGE_ACCOUNT", "envaccount")
	t.Setenv("AZURE_STORAGE_KEY", "a2V5")
	t.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1")
	dir := t.TempDir()
	local := `Local -> Path: "` + dir + `"`
	const (
		s3    = `Amazon S3 -> Region: "env-1" Bucket: "b" Key Prefix: `
		azure = `Azure Blob Storage -> Account: "envaccount" Container: "c" Key Prefix: `
		gcs   = `Google Cloud Storage -> Bucket: "b" Key Prefix: `
	)
	tests := []struct{ url, describe, location string }{
		{dir, local, filepath.Join(dir, "a")},
		{"file://" + dir, local, filepath.Join(dir, "a")},
		{"s3://b", s3 + `"consul-snapshot"`, "s3://b/consul-snapshot/a"},
		{"s3://b/", s3 + `""`, "s3://b/a"},
		{"s3://b/x/y", s3 + `"x/y"`, "s3://b/x/y/a"},
		{"s3://b?prefix=x/y/", s3 + `"x/y"`, "s3://b/x/y/a"},
		{"s3://b?region=r&endpoint=http://h:9000&s3ForcePathStyle=true&ssetype=aws:kms&kmskeyid=k",
			`Amazon S3 -> Region: "r" Bucket: "b" Key Prefix: "consul-snapshot" Endpoint: "http://h:9000"`, "s3://b/consul-snapshot/a"},
		{"s3://b?static_name=a", `Amazon S3 -> Region: "env-1" Bucket: "b" Static Name: "a"`, "s3://b/a"},
		{"azblob://c", azure + `"consul-snapshot"`, "https://envaccount.blob.core.windows.net/c/consul-snapshot/a"},
		{"azblob://c/x?environment=AzureChinaCloud", azure + `"x"`, "https://envaccount.blob.core.chinacloudapi.cn/c/x/a"},
		{"azblob://c?storage_account=other&endpoint=http://127.0.0.1:1/other",
			`Azure Blob Storage -> Account: "other" Container: "c" Key Prefix: "consul-snapshot"`, "http://127.0.0.1:1/other/c/consul-snapshot/a"},
		{"gs://b", gcs + `"consul-snapshot"`, "gs://b/consul-snapshot/a"},
		{"gs://b/x?endpoint=http://127.0.0.1:1", gcs + `"x"`, "gs://b/x/a"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			s, err := blobstore.OpenURL(t.Context(), tt.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if s.String() != tt.describe || s.Location("a") != tt.location {
				t.Errorf("it is %s, at %s", s, s.Location("a"))
			}
		})
	}
}

func TestOpenURLRefuses(t *testing.T) {
	quiet(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ url, want string }{
		{"", "a store is needed"},
		{"/no/such/directory", "no such file or directory"},
		{file, "is a file: name a directory"},
		{"file://relative", "three slashes"},
		{"file://host/path", "three slashes"},
		{"file:///tmp?mode=1", "the parameter mode is not known"},
		{"ftp://b", "but no ftp"},
		{"s3://", "a bucket is needed"},
		{"s3://u:" + secret + "@b", "no user and password"},
		{"s3://b%zz:" + secret, "is not a URL"},
		{"s3://b?access_key=" + secret, "the parameter access_key is not known"},
		{"s3://b?b=1&a=2", "the parameter a, b is not known"},
		{"s3://b?region=a&region=b", "stands there twice"},
		{"s3://b?use_path_style=maybe", "true or false"},
		{"s3://b?ssetype=rot13", "AES256 or aws:kms"},
		{"s3://b/x?prefix=y", "a prefix in the path and one as parameter"},
		{"s3://b", "a region is needed"},
		{"azblob://c", "an account is needed"},
		{"azblob://c?storage_account=a&environment=MOON", `"MOON" is unknown`},
		{"azblob://c?storage_account=a&key=" + secret, "the parameter key is not known"},
		{"gs://", "a bucket is needed"},
		{"gs://b?endpoint=ftp://h", "a URL like"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			s, err := blobstore.OpenURL(t.Context(), tt.url, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%v, %v; want %s", s, err, tt.want)
			}
			noSecret(t, err.Error())
		})
	}
}

func FuzzOpenURL(f *testing.F) {
	schemes := []string{"s3", "azblob", "gs", "ftp"} // no directories: opening one sweeps it
	for i, rest := range []string{"b/p?region=r", "c?storage_account=a", "b?endpoint=http://h", "u:p@b"} {
		f.Add(uint8(i), rest)
	}
	f.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	f.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1")
	f.Setenv("AZURE_STORAGE_KEY", "a2V5")
	f.Fuzz(func(t *testing.T, scheme uint8, rest string) {
		s, err := blobstore.OpenURL(t.Context(), schemes[int(scheme)%len(schemes)]+"://"+rest, nil)
		if (s == nil) == (err == nil) {
			t.Fatalf("%v, %v", s, err)
		}
		if s != nil {
			_, _ = s.String(), s.Location("a")
			s.Close()
		}
	})
}

func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"consul-1.snap", "", ".a", "a/b", "a.tmp1", "\xff"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if blobstore.CheckName(name) == nil && (name != filepath.Base(name) || strings.ContainsAny(name, "\x00\n/") || len(name) > 240) {
			t.Errorf("%q is taken", name)
		}
	})
}
