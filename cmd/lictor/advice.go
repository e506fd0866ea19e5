package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// An advisor adds to errors of TLS what to do about them.
type advisor struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (a *advisor) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.next.RoundTrip(req)
	if advice := adviceOn(err); advice != "" {
		return nil, fmt.Errorf("%w (%s)", err, advice)
	}
	return resp, err
}

// CloseIdleConnections closes what the next one keeps open.
func (a *advisor) CloseIdleConnections() {
	if c, ok := a.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

const showACertificate = "show a certificate that the agent's authority has signed, with -client-cert and -client-key"

// remoteAdvice is what to do about what an agent says of the handshake. The type of its word is not exported by crypto/tls.
var remoteAdvice = []struct{ word, advice string }{
	{"certificate required", "the agent asks for a client certificate: " + showACertificate},
	{"bad certificate", "the agent does not take this client's certificate, or asks for one: " + showACertificate},
	{"handshake failure", "the agent asks for a client certificate, or for another version of TLS: " + showACertificate},
	{"unknown certificate authority", "the agent does not know the authority of this client's certificate: " + showACertificate},
	{"expired certificate", "this client's certificate is not valid today: renew what -client-cert names"},
	{"internal error", "the agent may have no certificate: its log says why"},
}

// adviceOn says what to do about an error; nothing if it is none of TLS.
func adviceOn(err error) string {
	if err == nil {
		return ""
	}
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return "name the file of the agent's authority with -ca-file, or CONSUL_CACERT"
	case errors.As(err, &name):
		return "give a name that the agent's certificate has with -tls-server-name, or CONSUL_TLS_SERVER_NAME"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the agent's certificate is not valid today: renew it, or set the clock right"
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "this is the agent's port for plain HTTP: give that for HTTPS, or an http:// address without CONSUL_HTTP_SSL"
	case strings.Contains(err.Error(), "http2: client conn could not be established"): // Go's word for what ends before the first answer
		return "the agent closed the connection after the handshake, most often because it asks for a client certificate: " + showACertificate
	}
	_, said, remote := strings.Cut(err.Error(), "remote error: tls: ")
	for _, r := range remoteAdvice {
		if remote && strings.HasPrefix(said, r.word) {
			return r.advice
		}
	}
	return ""
}
