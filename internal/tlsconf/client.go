package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// InternalClient is for one connection to the server port of a server in a datacenter, on which the ALPN protocol is to be spoken; an
// empty one asks for none. It is nil if such connections are not TLS. The server's certificate must come from the authority, and
// with verify_server_hostname name the server of that datacenter. It shows the agent's certificate if there is one. As a reload may change all of
// this, it is to be asked for before every connection.
func (t *TLS) InternalClient(datacenter, protocol string) *tls.Config {
	l := t.now.Load()
	p := l.config.InternalRPC
	if !p.outgoing() {
		return nil
	}
	c := clientConfig(p, l.internal)
	c.ServerName = l.config.serverName(datacenter)
	if protocol != "" {
		c.NextProtos = []string{protocol}
	}
	if !p.VerifyServerHostname {
		c.InsecureSkipVerify = true // of the name alone: the chain is verified here
		c.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(s.PeerCertificates, l.internal.cas) }
	}
	return c
}

// clientConfig is what is common to connections that a protocol's material is used for.
func clientConfig(p Protocol, m material) *tls.Config {
	c := &tls.Config{MinVersion: p.MinVersion, CipherSuites: p.CipherSuites, RootCAs: m.cas}
	if m.cert != nil {
		cert := m.cert
		// Shown whatever authorities the server names: some name none of those they take.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	return c
}

// verifyChain verifies a server's certificate, but not its name.
func verifyChain(shown []*x509.Certificate, roots *x509.CertPool) error {
	if len(shown) == 0 {
		return errors.New("the server has shown no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	_, err := shown[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}

// CheckClient is for one connection to what the agent checks. serverName is the name that the check asks for, empty where it does not;
// skipVerify accepts any certificate. With Config.UseForChecks the agent's certificate is shown, its authorities are trusted, and the
// name is the agent's own where the check asks for none; otherwise the system's authorities are trusted, and the name is that of the address.
func (t *TLS) CheckClient(serverName string, skipVerify bool) *tls.Config {
	l := t.now.Load()
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if l.config.UseForChecks {
		c = clientConfig(l.config.InternalRPC, l.internal)
		c.ServerName = l.config.ServerName
		if c.ServerName == "" {
			c.ServerName = l.config.NodeName
		}
	}
	if serverName != "" {
		c.ServerName = serverName
	}
	c.InsecureSkipVerify = skipVerify
	return c
}
