//go:build clients && unix

package blobstore_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/storetest"
	"github.com/lictor-dr/lictor/internal/testproc"
)

const (
	versityGW     = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
	fakeGCSServer = "github.com/fsouza/fake-gcs-server@v1.56.1"

	// The account that every Azurite has.
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

	patience = 30 * time.Second
)

// program returns the path of a program: the one that the environment variable names, or else one that the go command builds.
func program(t *testing.T, variable, pkg string) string {
	t.Helper()
	if path := os.Getenv(variable); path != "" {
		return path
	}
	dir := t.TempDir()
	build := exec.Command("go", "install", pkg)
	build.Env = append(os.Environ(), "GOBIN="+dir, "GOWORK=off", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s (is the Go module proxy reached?): %v\n%s", pkg, err, out)
	}
	path, _, _ := strings.Cut(pkg, "@")
	return filepath.Join(dir, filepath.Base(path))
}

// answers wants a server to answer, whatever it says.
func answers(url string) func() error {
	return func() error {
		resp, err := http.Get(url)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
}

func started(t testing.TB, cmd *exec.Cmd, url string) {
	t.Helper()
	if err := testproc.Start(t, cmd).Await(patience, answers(url)); err != nil {
		t.Fatalf("%s does not answer at %s: %v", filepath.Base(cmd.Path), url, err)
	}
}

func TestServerVersityGW(t *testing.T) {
	quiet(t)
	binary := program(t, "LICTOR_TEST_VERSITYGW", versityGW)
	storetest.Run(t, func(t testing.TB) blobstore.Store {
		root, sidecar := t.TempDir(), t.TempDir()
		if err := os.Mkdir(filepath.Join(root, "backups"), 0o700); err != nil {
			t.Fatal(err)
		}
		address := fmt.Sprintf("127.0.0.1:%d", testproc.FreePorts(t, 1)[0])
		cmd := exec.Command(binary, "--port", address, "--region", "eu-test-1", "--quiet", "posix", "--sidecar", sidecar, root)
		cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=AKIATEST", "ROOT_SECRET_KEY="+secret)
		started(t, cmd, "http://"+address)
		s, err := blobstore.S3(t.Context(), blobstore.S3Config{
			Bucket: "backups", Region: "eu-test-1", Endpoint: "http://" + address, AccessKeyID: "AKIATEST", SecretAccessKey: secret,
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestServerFakeGCS(t *testing.T) {
	quiet(t)
	binary := program(t, "LICTOR_TEST_FAKE_GCS_SERVER", fakeGCSServer)
	storetest.Run(t, func(t testing.TB) blobstore.Store {
		port := testproc.FreePorts(t, 1)[0]
		url := fmt.Sprintf("http://127.0.0.1:%d", port)
		started(t, exec.Command(binary, "-scheme", "http", "-host", "127.0.0.1", "-port", fmt.Sprint(port), "-backend", "memory",
			"-external-url", url, "-data", t.TempDir(), "-log-level", "error"), url+"/storage/v1/b")
		resp, err := http.Post(url+"/storage/v1/b", "application/json", strings.NewReader(`{"name":"backups"}`))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("make bucket: %v, %v", resp, err)
		}
		resp.Body.Close()
		s, err := blobstore.GCS(t.Context(), blobstore.GCSConfig{Bucket: "backups", Endpoint: url})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestServerAzurite(t *testing.T) {
	quiet(t)
	dir := azurite(t)
	storetest.Run(t, func(t testing.TB) blobstore.Store {
		port := testproc.FreePorts(t, 1)[0]
		url := fmt.Sprintf("http://127.0.0.1:%d/%s", port, azuriteAccount)
		started(t, exec.Command("node", filepath.Join(dir, "node_modules/azurite/dist/src/blob/main.js"), "--blobHost", "127.0.0.1",
			"--blobPort", fmt.Sprint(port), "--location", t.TempDir(), "--silent", "--skipApiVersionCheck", "--disableTelemetry"), url)
		key, err := container.NewSharedKeyCredential(azuriteAccount, azuriteKey)
		if err != nil {
			t.Fatal(err)
		}
		c, err := container.NewClientWithSharedKeyCredential(url+"/backups", key, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Create(t.Context(), nil); err != nil {
			t.Fatalf("make container: %v", err)
		}
		s, err := blobstore.Azure(t.Context(), blobstore.AzureConfig{
			AccountName: azuriteAccount, AccountKey: azuriteKey, ContainerName: "backups", Endpoint: url,
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// azurite returns a folder with Azurite and the packages that it needs, as package-lock.json has them.
func azurite(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"node", "npm"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("SKIPPED: %s is not on the PATH", name)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/azurite")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm cannot install the packages of testdata/azurite (does it reach its registry?): %v\n%s", err, out)
	}
	return dir
}
