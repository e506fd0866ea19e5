package retryjoin

import (
	"errors"
	"log"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-discover/provider/aws"
	"github.com/hashicorp/go-discover/provider/azure"
	"github.com/hashicorp/go-discover/provider/gce"
	"github.com/hashicorp/go-discover/provider/mdns"
	"github.com/hashicorp/go-hclog"
)

// provider is a cloud that can be asked.
type provider struct {
	// ask is go-discover's. It cannot be cut short.
	ask       func(values map[string]string, l *log.Logger) ([]string, error)
	arguments []string // all that ask reads
	required  []string
	choices   map[string][]string // what values there are, where ask would take another one for the first
	check     func(values map[string]string) string
}

// providers are the clouds that are served. (go-discover's own table would link a dozen others, most of which nobody maintains.)
var providers = map[string]provider{
	"aws": {
		ask: new(aws.Provider).Addrs,
		arguments: []string{"region", "tag_key", "tag_value", "addr_type", "access_key_id", "secret_access_key", "session_token",
			"service", "ecs_cluster", "ecs_family", "endpoint"},
		required: []string{"tag_key", "tag_value"},
		choices:  map[string][]string{"addr_type": {"private_v4", "public_v4", "public_v6"}, "service": {"ec2", "ecs"}},
	},
	"azure": {
		ask: new(azure.Provider).Addrs,
		arguments: []string{"tenant_id", "client_id", "subscription_id", "secret_access_key", "tag_name", "tag_value",
			"resource_group", "vm_scale_set"},
		check: checkAzure,
	},
	"gce": {
		ask:       new(gce.Provider).Addrs,
		arguments: []string{"project_name", "tag_value", "zone_pattern", "credentials_file"},
		required:  []string{"tag_value"},
	},
	"mdns": {
		ask:       new(mdns.Provider).Addrs,
		arguments: []string{"service", "domain", "timeout", "v4", "v6"},
		required:  []string{"service"},
	},
}

// secrets are the arguments and the environment's variables that providers take credentials from.
var (
	secretArguments = []string{"secret_access_key", "session_token", "access_key_id"}
	secretVariables = []string{
		"AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN",
		"ARM_CLIENT_SECRET", "AZURE_CLIENT_SECRET", "AZURE_CERTIFICATE_PASSWORD", "AZURE_PASSWORD",
	}
)

// discover asks a cloud for the addresses of the machines that an entry describes. The provider's own messages go to the logger at debug
// level; neither they nor the error hold a secret of the entry's or the environment's. A question takes as long as the provider allows.
func discover(entry string, logger hclog.Logger) ([]string, error) {
	q, err := parseQuery(entry)
	if err != nil {
		return nil, err
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	masked := mask(q.values)
	addresses, err := providers[q.provider].ask(q.values, log.New(messages{logger, q.provider, masked}, "", 0))
	if err != nil {
		return nil, errors.New(masked.Replace(err.Error())) // not wrapped: the original holds what is masked
	}
	return addresses, nil
}

// mask replaces the secrets that a provider may quote, as they are and as URLs and quoted strings have them.
func mask(values map[string]string) *strings.Replacer {
	var secrets []string
	for _, name := range secretArguments {
		secrets = append(secrets, values[name])
	}
	for _, name := range secretVariables {
		secrets = append(secrets, os.Getenv(name))
	}
	var forms []string
	for _, s := range secrets {
		quoted := strconv.Quote(s)
		forms = append(forms, s, url.QueryEscape(s), url.PathEscape(s), quoted[1:len(quoted)-1])
	}
	// A secret that begins with another one must not be left with a tail.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, form := range forms {
		if form != "" {
			pairs = append(pairs, form, "<hidden>")
		}
	}
	return strings.NewReplacer(pairs...)
}

// messages is where a provider writes.
type messages struct {
	logger   hclog.Logger
	provider string
	masked   *strings.Replacer
}

var levelPrefix = regexp.MustCompile(`^\[[A-Z]+\] `)

// Write logs one message. The level that it is marked with is go-discover's, for which most of what it does is worth an operator's while.
func (m messages) Write(b []byte) (int, error) {
	text := levelPrefix.ReplaceAllString(strings.TrimSpace(string(b)), "")
	m.logger.Debug("Cloud auto-join", "provider", m.provider, "message", m.masked.Replace(text))
	return len(b), nil
}
