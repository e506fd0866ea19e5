package main

import (
	"flag"
	"os"
	"strconv"
	"strings"

	"github.com/hashicorp/consul/api"
)

// clientFlags say which agent to talk to, and how. A flag that is empty leaves
// the choice to the environment, and that to the default.
type clientFlags struct {
	addr          string
	token         string
	tokenFile     string
	caFile        string
	caPath        string
	clientCert    string
	clientKey     string
	tlsServerName string
}

func (c *clientFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&c.addr, "http-addr", "",
		"The `address` of the agent: host:port, http://host:port, https://host:port or unix:///path. "+
			"A path after host:port is put in front of the path of every request. "+
			"Environment: CONSUL_HTTP_ADDR. The default is 127.0.0.1:8500.")
	fs.StringVar(&c.token, "token", "",
		"The ACL token to send, as a `value`. Other users of this machine can see it in the list of "+
			"processes; -token-file and the environment keep it from them. Environment: CONSUL_HTTP_TOKEN.")
	fs.StringVar(&c.tokenFile, "token-file", "",
		"A `file` that holds the ACL token. It wins over -token. Environment: CONSUL_HTTP_TOKEN_FILE.")
	fs.StringVar(&c.caFile, "ca-file", "",
		"A PEM `file` of certificate authorities to trust instead of the system's. Environment: CONSUL_CACERT.")
	fs.StringVar(&c.caPath, "ca-path", "",
		"A `directory` of PEM files of certificate authorities to trust instead of the system's. "+
			"Environment: CONSUL_CAPATH.")
	fs.StringVar(&c.clientCert, "client-cert", "",
		"A PEM `file` with the certificate to show to the agent. Needs -client-key. "+
			"Environment: CONSUL_CLIENT_CERT.")
	fs.StringVar(&c.clientKey, "client-key", "",
		"A PEM `file` with the key of -client-cert. Environment: CONSUL_CLIENT_KEY.")
	fs.StringVar(&c.tlsServerName, "tls-server-name", "",
		"The `name` to ask for, and to expect in the agent's certificate, instead of the host of "+
			"the address. Environment: CONSUL_TLS_SERVER_NAME.")
}

// serverFlags say which server answers in the end.
type serverFlags struct {
	datacenter string
	stale      bool
}

func (s *serverFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&s.datacenter, "datacenter", "",
		"The `name` of the datacenter to ask. The default is the agent's own.")
	fs.BoolVar(&s.stale, "stale", false,
		"Let any server answer a read, also without a leader. The answer may be old.")
}

// tenancyFlags are Consul Enterprise's. They are sent as given; a server
// without the feature refuses them.
type tenancyFlags struct {
	namespace string
	partition string
}

func (t *tenancyFlags) define(fs *flag.FlagSet) {
	t.definePartition(fs)
	fs.StringVar(&t.namespace, "namespace", "",
		"The `name` of the namespace to ask (Consul Enterprise). Environment: CONSUL_NAMESPACE.")
}

func (t *tenancyFlags) definePartition(fs *flag.FlagSet) {
	fs.StringVar(&t.partition, "partition", "",
		"The `name` of the admin partition to ask (Consul Enterprise). Environment: CONSUL_PARTITION.")
}

// connection is the flags of one command that lead to a client. A command
// registers the parts that it takes.
type connection struct {
	clientFlags
	serverFlags
	tenancyFlags
}

// clientOptions is the heading of commands that ask the local agent alone.
func (c *connection) clientOptions() optionGroup {
	return options("HTTP API Options", c.clientFlags.define)
}

// serverOptions is the heading of commands whose requests reach a server.
func (c *connection) serverOptions() optionGroup {
	return options("HTTP API Options", func(fs *flag.FlagSet) {
		c.clientFlags.define(fs)
		c.serverFlags.define(fs)
	})
}

// query returns the options of a read.
func (c *connection) query() *api.QueryOptions {
	return &api.QueryOptions{AllowStale: c.stale}
}

// warnStaleWrite tells that -stale says nothing about a write.
func (c *connection) warnStaleWrite(p *program) {
	if c.stale {
		p.warn("-stale has no effect on a write and is ignored")
	}
}

// client makes a client of what flags and environment say, flags first.
func (c *connection) client(p *program) (*api.Client, error) {
	client, _, err := c.clientAndConfig(p)
	return client, err
}

// clientAndConfig returns beside the client what it was made of, completed.
func (c *connection) clientAndConfig(p *program) (*api.Client, *api.Config, error) {
	unset, err := checkEnvironment(p)
	if err != nil {
		return nil, nil, err
	}
	defer hideEnvironment(unset...)()

	config := api.DefaultConfig()
	c.override(config)
	c.chooseToken(config)

	// The client library reads the token variables once more, and lets them
	// win over a flag of the same value. They are settled by now.
	defer hideEnvironment(api.HTTPTokenEnvName, api.HTTPTokenFileEnvName)()
	client, err := api.NewClient(config)
	if err != nil {
		return nil, nil, err
	}
	config.HttpClient.Transport = &advisor{config.HttpClient.Transport} // the client's own
	return client, config, nil
}

// dial is client with the failure already printed; the client is then nil.
func (c *connection) dial(p *program) *api.Client {
	client, err := c.client(p)
	if err != nil {
		p.fail("Error connecting to Consul agent: %s", err)
		return nil
	}
	return client
}

func (c *connection) override(config *api.Config) {
	for _, f := range []struct {
		flag   string
		target *string
	}{
		{c.addr, &config.Address},
		{c.caFile, &config.TLSConfig.CAFile},
		{c.caPath, &config.TLSConfig.CAPath},
		{c.clientCert, &config.TLSConfig.CertFile},
		{c.clientKey, &config.TLSConfig.KeyFile},
		{c.tlsServerName, &config.TLSConfig.Address},
		{c.datacenter, &config.Datacenter},
		{c.namespace, &config.Namespace},
		{c.partition, &config.Partition},
	} {
		if f.flag != "" {
			*f.target = f.flag
		}
	}
	config.Address = tidyAddress(config.Address)
}

// chooseToken settles the order -token-file, -token, CONSUL_HTTP_TOKEN_FILE,
// CONSUL_HTTP_TOKEN. An empty file falls back to the token beside it.
func (c *connection) chooseToken(config *api.Config) {
	if c.token != "" {
		config.Token = c.token
		config.TokenFile = ""
	}
	if c.tokenFile != "" {
		config.TokenFile = c.tokenFile
	}
}

// tidyAddress gives an address with a path the scheme without which the client
// library would take the path for a part of the host, and drops slashes at its
// end, which would be doubled in every request.
func tidyAddress(addr string) string {
	scheme, rest, found := strings.Cut(addr, "://")
	switch {
	case !found && strings.Contains(addr, "/"):
		return "http://" + strings.TrimRight(addr, "/")
	case found && (scheme == "http" || scheme == "https"):
		return scheme + "://" + strings.TrimRight(rest, "/")
	}
	return addr
}

// checkEnvironment refuses or reports booleans that do not parse, and returns
// the names of variables to leave out of account.
func checkEnvironment(p *program) (unset []string, err error) {
	if v := os.Getenv(api.HTTPSSLVerifyEnvName); v != "" {
		if _, err := strconv.ParseBool(v); err != nil {
			// Consul takes this for false and stops verifying certificates.
			return nil, &badBoolean{api.HTTPSSLVerifyEnvName, v}
		}
	}
	if v := os.Getenv(api.HTTPSSLEnvName); v != "" {
		if _, err := strconv.ParseBool(v); err != nil {
			p.warn("%s; it is ignored", &badBoolean{api.HTTPSSLEnvName, v})
			return []string{api.HTTPSSLEnvName}, nil
		}
	}
	return nil, nil
}

// badBoolean is an environment variable whose value is no boolean.
type badBoolean struct {
	name, value string
}

// Error names the variable and the values it takes.
func (e *badBoolean) Error() string {
	return e.name + "=" + strconv.Quote(e.value) + " is not a boolean: set it to true or false, or unset it"
}

// hideEnvironment removes variables from the environment until the function it
// returns is called.
func hideEnvironment(names ...string) (restore func()) {
	saved := make(map[string]string)
	for _, name := range names {
		if v, ok := os.LookupEnv(name); ok {
			saved[name] = v
			os.Unsetenv(name)
		}
	}
	return func() {
		for name, v := range saved {
			os.Setenv(name, v)
		}
	}
}
