package blobstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
)

const (
	azureBlock  = 4 << 20
	azureBlocks = 50_000 // that a blob may have
)

// AzureConfig says where and how to keep objects in Azure Blob Storage.
type AzureConfig struct {
	AccountName   string
	ContainerName string
	// Environment is AZUREPUBLICCLOUD, which empty means too, AZURECHINACLOUD, AZUREUSGOVERNMENTCLOUD or AZUREGERMANCLOUD, in any case.
	Environment string
	// Endpoint is the URL of the account if it is not that of the environment, say http://127.0.0.1:10000/devstoreaccount1.
	Endpoint  string
	KeyPrefix string // of blob names; empty: [DefaultPrefix]; a slash: none

	AccountKey string
	// A service principal instead of the key. With neither: environment, workload identity, managed identity, the Azure CLI.
	TenantID, ServicePrincipalID, ServicePrincipalSecret string
}

// azureCloud is an environment: where its accounts are, and who knows its users.
type azureCloud struct {
	domain  string
	service cloud.Configuration
}

var azureClouds = map[string]azureCloud{
	"":                       {"blob.core.windows.net", cloud.AzurePublic},
	"AZUREPUBLICCLOUD":       {"blob.core.windows.net", cloud.AzurePublic},
	"AZURECHINACLOUD":        {"blob.core.chinacloudapi.cn", cloud.AzureChina},
	"AZUREUSGOVERNMENTCLOUD": {"blob.core.usgovcloudapi.net", cloud.AzureGovernment},
	"AZUREGERMANCLOUD": {"blob.core.cloudapi.de", cloud.Configuration{
		ActiveDirectoryAuthorityHost: "https://login.microsoftonline.de/", Services: map[cloud.ServiceName]cloud.ServiceConfiguration{},
	}},
}

// Azure is the store of the blobs below a prefix of a container. It asks nothing of the network yet. A blob larger than 4 MiB goes up in
// blocks, two at a time; those of a failed upload are no blob, and Azure drops them after a week.
func Azure(ctx context.Context, c AzureConfig) (Store, error) {
	place, err := c.check()
	if err != nil {
		return nil, fmt.Errorf("Azure: %w", err)
	}
	account, err := endpointURL("Azure endpoint", c.Endpoint)
	if err != nil {
		return nil, err
	}
	if account == "" {
		account = "https://" + c.AccountName + "." + place.domain
	}
	client, err := c.client(account+"/"+c.ContainerName, place)
	if err != nil {
		return nil, fmt.Errorf("Azure container %s of account %s: %w", c.ContainerName, c.AccountName, err)
	}
	blobs, err := azureblob.OpenBucket(ctx, client, nil)
	if err != nil {
		return nil, fmt.Errorf("Azure container %s of account %s: %w", c.ContainerName, c.AccountName, err)
	}
	prefix := keyPrefix(c.KeyPrefix)
	return &bucket{
		blobs: blobs, prefix: prefix, at: account + "/" + c.ContainerName, options: azureUpload,
		describe: fmt.Sprintf("Azure Blob Storage -> Account: %q Container: %q Key Prefix: %q",
			c.AccountName, c.ContainerName, trimSlash(prefix)),
		advice: advice{
			missing:     "check the names of the account and of the container: it is not made by itself",
			denied:      "check the account key, or whether the identity has the role Storage Blob Data Contributor",
			unreachable: "check the network, the account's name and the environment",
		},
	}, nil
}

func (c AzureConfig) check() (azureCloud, error) {
	place, ok := azureClouds[strings.ToUpper(c.Environment)]
	principal := c.TenantID != "" || c.ServicePrincipalID != "" || c.ServicePrincipalSecret != ""
	var why string
	switch {
	case c.ContainerName == "":
		why = "a container is needed (container_name)"
	case strings.ContainsAny(c.ContainerName, "/?#"):
		why = fmt.Sprintf("container %q: give the name alone", c.ContainerName)
	case c.AccountName == "":
		why = "an account is needed (account_name)"
	case strings.ContainsAny(c.AccountName, "./?#@:"):
		why = fmt.Sprintf("account %q: give the name alone", c.AccountName)
	case !ok:
		why = fmt.Sprintf("environment %q is unknown: there are AZUREPUBLICCLOUD, AZURECHINACLOUD, AZUREUSGOVERNMENTCLOUD and AZUREGERMANCLOUD",
			c.Environment)
	case principal && c.AccountKey != "":
		why = "there are an account key and a service principal: give one of them"
	case principal && (c.TenantID == "" || c.ServicePrincipalID == "" || c.ServicePrincipalSecret == ""):
		why = "a service principal needs all of tenant_id, service_principal_id and service_principal_secret"
	default:
		return place, nil
	}
	return place, errors.New(why)
}

func (c AzureConfig) client(url string, place azureCloud) (*container.Client, error) {
	core := azcore.ClientOptions{
		Cloud: place.service, Transport: &http.Client{Transport: newTransport()}, Telemetry: policy.TelemetryOptions{ApplicationID: "lictor"},
		Retry: policy.RetryOptions{MaxRetries: attempts - 1},
	}
	options := &container.ClientOptions{ClientOptions: core}
	if c.AccountKey != "" {
		key, err := container.NewSharedKeyCredential(c.AccountName, c.AccountKey)
		if err != nil {
			return nil, errors.New("the account key is not base64")
		}
		return container.NewClientWithSharedKeyCredential(url, key, options)
	}
	var identity azcore.TokenCredential
	var err error
	if c.ServicePrincipalID != "" {
		identity, err = azidentity.NewClientSecretCredential(c.TenantID, c.ServicePrincipalID, c.ServicePrincipalSecret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: core})
	} else {
		identity, err = azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: core})
	}
	if err != nil {
		return nil, fmt.Errorf("find credentials: %w", err)
	}
	return container.NewClient(url, identity, options)
}

// azureUpload bounds the memory of an upload.
func azureUpload(size int64) *blob.WriterOptions {
	block := max(azureBlock, size/azureBlocks+1)
	return &blob.WriterOptions{ContentType: contentType, BufferSize: int(block), MaxConcurrency: 2}
}
