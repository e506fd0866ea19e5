package tlsconf

import (
	"errors"
	"fmt"
	"strings"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals included.

// Config is what an operator asks for.
type Config struct {
	InternalRPC Protocol // the server port, and what agents dial of each other
	HTTPS       Protocol // the HTTP API over TLS

	Datacenter string // the agent's own
	Domain     string // in the names of servers: server.DATACENTER.DOMAIN; a dot at its end does not count
	NodeName   string
	ServerName string // what certificates of the agent's checks have to name; empty for NodeName
	// UseForChecks shows the agent's certificate to what is checked, and trusts the agent's authorities there.
	UseForChecks bool
}

// Protocol is one stanza of tls, with what it inherits.
type Protocol struct {
	CAFile string // PEM, any number of certificates
	CAPath string // a directory of such files; it says nothing beside CAFile
	// CertFile and KeyFile are PEM, both or neither.
	CertFile, KeyFile string

	VerifyIncoming       bool // clients must show a certificate of the authority
	VerifyOutgoing       bool // connections to others are TLS
	VerifyServerHostname bool // and only to who is a server by its certificate's name

	MinVersion   uint16   // as crypto/tls counts; 0 is Go's own default
	CipherSuites []uint16 // for TLS 1.2 and below; empty is Go's own choice
}

// outgoing reports whether connections to others are TLS.
func (p Protocol) outgoing() bool { return p.VerifyOutgoing || p.VerifyServerHostname }

func (p Protocol) hasCA() bool { return p.CAFile != "" || p.CAPath != "" }

// check finds what contradicts itself.
func (p Protocol) check() error {
	switch {
	case p.CertFile != "" && p.KeyFile == "":
		return errors.New("cert_file is set without key_file: set both, or neither")
	case p.CertFile == "" && p.KeyFile != "":
		return errors.New("key_file is set without cert_file: set both, or neither")
	case p.VerifyIncoming && !p.hasCA():
		return errors.New("VerifyIncoming set but no CA certificates were provided")
	case p.VerifyIncoming && p.CertFile == "":
		return errors.New("verify_incoming is set without a certificate to show to clients: set cert_file and key_file")
	case p.outgoing() && !p.hasCA():
		return errors.New("VerifyOutgoing set but no CA certificates were provided")
	}
	return nil
}

// serverName is the name in the certificate of a datacenter's servers.
func (c Config) serverName(datacenter string) string {
	return "server." + datacenter + "." + strings.TrimSuffix(c.Domain, ".")
}

// check finds what contradicts itself. The texts that are Consul's do not tell the stanza; what would not be understood without does.
func (c Config) check() error {
	for _, s := range []struct {
		name     string
		protocol Protocol
	}{{"tls.internal_rpc", c.InternalRPC}, {"tls.https", c.HTTPS}} {
		if err := s.protocol.check(); err != nil {
			if strings.HasPrefix(err.Error(), "Verify") {
				return err
			}
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}
