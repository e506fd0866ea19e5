package tlsconf

import (
	"crypto/tls"
	"errors"
	"fmt"
)

// errNoCertificate is why a handshake fails on a port that is open without a certificate.
var errNoCertificate = errors.New("there is no certificate: set tls.https.cert_file and tls.https.key_file, or those of tls.defaults, and reload")

// serverConfig is what a server answers one handshake with.
func serverConfig(p Protocol, m material) *tls.Config {
	c := &tls.Config{MinVersion: p.MinVersion, CipherSuites: p.CipherSuites, ClientCAs: m.cas, SessionTicketsDisabled: true}
	if p.VerifyIncoming {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if m.cert != nil {
		c.Certificates = []tls.Certificate{*m.cert}
	} else {
		c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errNoCertificate }
	}
	return c
}

// HTTPSServer is for the listener of the HTTPS API, which speaks HTTP/2 and HTTP/1.1. Every handshake goes by the configuration that is
// then in force. Without a certificate every handshake fails, and its error says why.
func (t *TLS) HTTPSServer() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS12, // of no handshake: that goes by what follows
		SessionTicketsDisabled: true,
		GetConfigForClient:     func(*tls.ClientHelloInfo) (*tls.Config, error) { return t.now.Load().httpsServer, nil },
	}
}

// InternalServer is for TLS on the server port, where the ALPN protocols are spoken; none asks for none. It is nil if no certificate is
// configured for it, which no reload changes.
func (t *TLS) InternalServer(protocols ...string) *tls.Config {
	if t.now.Load().internal.cert == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS12, // of no handshake: that goes by what follows
		SessionTicketsDisabled: true,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c := t.now.Load().internalServer.Clone()
			c.NextProtos = protocols
			return c, nil
		},
	}
}

// RequireTLS reports whether the server port is closed to who does not speak TLS: internal_rpc.verify_incoming. A reload may change it.
func (t *TLS) RequireTLS() bool { return t.now.Load().config.InternalRPC.VerifyIncoming }

// AllowRaft refuses a peer that may not speak Raft to this server. With verify_incoming and verify_server_hostname together only servers
// of the own datacenter may, by the name in their certificate; otherwise everybody who came through the handshake.
func (t *TLS) AllowRaft(peer tls.ConnectionState) error {
	c := t.Config()
	if !c.InternalRPC.VerifyIncoming || !c.InternalRPC.VerifyServerHostname {
		return nil
	}
	if len(peer.VerifiedChains) == 0 || len(peer.PeerCertificates) == 0 {
		return errors.New("the peer has shown no certificate of the configured authority: only servers may speak Raft")
	}
	if err := peer.PeerCertificates[0].VerifyHostname(c.serverName(c.Datacenter)); err != nil {
		return fmt.Errorf("only servers may speak Raft (verify_server_hostname): %w", err)
	}
	return nil
}
