package agentconfig

import (
	"errors"
	"fmt"

	"github.com/hashicorp/go-multierror"

	"github.com/lictor-dr/lictor/internal/tlsconf"
)

// setTLS reads the stanzas of tls.
func setTLS(s *settings, c *Config) error {
	if err := checkStanzas(s); err != nil {
		return err
	}
	c.TLS = tlsconf.Config{
		Datacenter: c.Datacenter, Domain: s.str("domain"), NodeName: c.NodeName, ServerName: s.str("server_name"),
		UseForChecks: s.boolean("enable_agent_tls_for_checks"),
	}
	if err := setProtocol(s, "internal_rpc", &c.TLS.InternalRPC); err != nil {
		return err
	}
	return setProtocol(s, "https", &c.TLS.HTTPS)
}

// setProtocol reads a stanza. What is unset in it comes from defaults.
func setProtocol(s *settings, stanza string, p *tlsconf.Protocol) (err error) {
	path := func(field string) string {
		if own := "tls." + stanza + "." + field; s.isSet(own) {
			return own
		}
		return "tls.defaults." + field
	}
	*p = tlsconf.Protocol{
		CAFile: s.str(path("ca_file")), CAPath: s.str(path("ca_path")), CertFile: s.str(path("cert_file")), KeyFile: s.str(path("key_file")),
		VerifyIncoming: s.boolean(path("verify_incoming")), VerifyOutgoing: s.boolean(path("verify_outgoing")),
	}
	if stanza == "internal_rpc" {
		p.VerifyServerHostname = s.boolean(path("verify_server_hostname"))
	}
	if p.CAFile != "" && p.CAPath != "" {
		s.warn(fmt.Sprintf("The '%s' field has no effect beside '%s': put all certificates in one place", path("ca_path"), path("ca_file")))
	}
	if p.MinVersion, err = tlsconf.ParseVersion(s.str(path("tls_min_version"))); err != nil {
		return err // checkStanzas has told of it already
	}
	suites := path("tls_cipher_suites")
	if p.CipherSuites, err = tlsconf.ParseCipherSuites(s.str(suites)); err != nil {
		return err // likewise
	}
	if err := tlsconf.CheckSuites(p.MinVersion, p.CipherSuites); err != nil {
		return multierror.Append(nil, fmt.Errorf("%s: %w", suites, err))
	}
	return nil
}

// checkStanzas finds what no stanza, or not this one, may say.
func checkStanzas(s *settings) error {
	var errs *multierror.Error
	for _, stanza := range []string{"defaults", "internal_rpc", "https", "grpc"} {
		version, suites := "tls."+stanza+".tls_min_version", "tls."+stanza+".tls_cipher_suites"
		if _, err := tlsconf.ParseVersion(s.str(version)); err != nil {
			errs = multierror.Append(errs, fmt.Errorf("%s: %w", version, err))
		}
		if _, err := tlsconf.ParseCipherSuites(s.str(suites)); err != nil {
			errs = multierror.Append(errs, fmt.Errorf("%s: %w", suites, err))
		}
	}
	if err := errs.ErrorOrNil(); err != nil {
		return err
	}
	if s.isSet("tls.grpc.verify_outgoing") {
		return errors.New("verify_outgoing is not valid in the tls.grpc stanza")
	}
	if s.isSet("tls.https.verify_server_hostname") || s.isSet("tls.grpc.verify_server_hostname") {
		return errors.New("verify_server_hostname is only valid in the tls.defaults and tls.internal_rpc stanzas")
	}
	return nil
}
