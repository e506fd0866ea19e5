package serverport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
)

// What a server says, or fails to say, to a new connection.
var (
	errNoPort      = errors.New("what listens there is no server port of Lictor")
	errUnserved    = errors.New("the server does not serve this protocol, or not yet")
	errRequiresTLS = errors.New("the server requires TLS: set verify_outgoing = true, ca_file, cert_file and key_file in " +
		"tls.internal_rpc here")
	errNoServer = errors.New("the server does not take Raft from this agent, for its certificate is not that of a server of the " +
		"datacenter: see cert_file in tls.internal_rpc here")
	errNoVerdict = errors.New("the server closed the connection before it took it: it is stopping, or has too many connections, or is no " +
		"server port of Lictor")
)

// A handshakeError is a failure with TLS: in the handshake, or in the server's verdict.
type handshakeError struct{ error }

func (e *handshakeError) Unwrap() error { return e.error }

// explain says of a connection that failed what is wrong, and what to do.
func explain(err error, address string) error {
	var handshake *handshakeError
	if !errors.As(err, &handshake) {
		return fmt.Errorf("connect to the server port %s: %w", address, err)
	}
	if advice := advise(handshake.error); advice != "" {
		return fmt.Errorf("connect to the server port %s with TLS: %s: %w", address, advice, err)
	}
	return fmt.Errorf("connect to the server port %s with TLS: %w", address, err)
}

// advise says what a failure of TLS means, empty if the error says it itself.
func advise(err error) string {
	var (
		operation *net.OpError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, errNoVerdict):
		return ""
	case errors.As(err, &operation) && operation.Op == "remote error":
		return adviseOnAlert(operation.Err.Error())
	case errors.As(err, &record):
		return "what listens there does not speak TLS"
	case hungUp(err):
		return "the server closed the connection: probably it has no certificate (set cert_file and key_file in tls.internal_rpc there, " +
			"or verify_outgoing = false here), or it is stopping, or has too many connections"
	}
	return adviseOnCertificate(err)
}

// hungUp tells whether the other side has closed the connection without a word.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// adviseOnCertificate says why the server's certificate is not good enough for us.
func adviseOnCertificate(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority):
		return "the server's certificate is not from an authority in ca_file or ca_path of tls.internal_rpc here"
	case errors.As(err, &name):
		return fmt.Sprintf("the server's certificate is not for %s, which verify_server_hostname expects: "+
			"is it a server of that datacenter? Then it needs a certificate with that name", name.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate has expired or is not valid yet: renew it, and compare the clocks"
	case errors.As(err, &invalid):
		return "the server's certificate is not good for this"
	}
	return ""
}

// adviseOnAlert says what the server has against us. Alerts have no type of their own.
func adviseOnAlert(alert string) string {
	switch {
	case strings.Contains(alert, "certificate required"):
		return "the server requires a certificate: set cert_file and key_file in tls.internal_rpc here"
	case strings.Contains(alert, "unknown certificate authority"):
		return "the server does not know the authority that this agent's certificate is from: compare cert_file in tls.internal_rpc here with " +
			"ca_file there"
	case strings.Contains(alert, "expired certificate"):
		return "the server takes this agent's certificate for expired or not valid yet: renew it, and compare the clocks"
	case strings.Contains(alert, "certificate"):
		return "the server does not accept this agent's certificate: see cert_file in tls.internal_rpc here"
	case strings.Contains(alert, "no application protocol"):
		return errNoPort.Error()
	case strings.Contains(alert, "protocol version"):
		return "the two have no version of TLS in common: compare tls_min_version in tls.internal_rpc"
	case strings.Contains(alert, "handshake failure"):
		return "the two have no cipher suite in common, or the server requires a certificate: compare tls.internal_rpc here and there"
	}
	return "the server refuses"
}
