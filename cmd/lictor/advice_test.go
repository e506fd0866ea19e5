package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
)

func TestAdvice(t *testing.T) {
	remote := func(text string) error { return &net.OpError{Op: "remote error", Err: errors.New("tls: " + text)} }
	tests := []struct {
		name string
		err  error
		want string // a part of the advice, empty for none
	}{
		{"none", nil, ""},
		{"no TLS", errors.New("connection refused"), ""},
		{"authority", &url.Error{Op: "Get", URL: "https://x", Err: x509.UnknownAuthorityError{}}, "-ca-file"},
		{"name", fmt.Errorf("x: %w", x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}), "-tls-server-name"},
		{"expired", x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.Expired}, "not valid today"},
		{"invalid otherwise", x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.TooManyConstraints}, ""},
		{"none shown", remote("certificate required"), "-client-cert"},
		{"none shown, TLS 1.2", remote("handshake failure"), "-client-cert"},
		{"not taken", remote("bad certificate"), "-client-cert"},
		{"of another authority", remote("unknown certificate authority"), "does not know the authority"},
		{"shown, expired", remote("expired certificate"), "renew what -client-cert names"},
		{"agent without certificate", remote("internal error"), "its log says why"},
		{"another word", remote("user canceled"), ""},
		{"plain port", errors.New("http: server gave HTTP response to HTTPS client"), "CONSUL_HTTP_SSL"},
		{"closed early", errors.New("http2: client conn could not be established"), "-client-cert"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := adviceOn(tt.err); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("advice %q, want %q in it", got, tt.want)
			}
		})
	}
}
