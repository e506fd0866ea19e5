package serverport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"
)

const (
	serverName = "server.dc1.consul"
	clientName = "client.dc1.consul"
)

// An authority issues certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t, key: newKey(t)}
	a.cert = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, a.key, time.Hour)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a certificate that is good for some time from now. Without a parent it signs itself.
func (a *authority) sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey, good time.Duration) *x509.Certificate {
	a.t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotAfter = time.Now().Add(good)
	template.NotBefore = template.NotAfter.Add(-2 * time.Hour)
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// issue makes a certificate for a name that is good for some time from now.
func (a *authority) issue(name string, good time.Duration) *tls.Certificate {
	a.t.Helper()
	key := newKey(a.t)
	cert := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, key, good)
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

func pool(authorities ...*authority) *x509.CertPool {
	p := x509.NewCertPool()
	for _, a := range authorities {
		p.AddCert(a.cert)
	}
	return p
}

// An identity is the TLS of an agent.
type identity struct {
	certificate *tls.Certificate // nil for none
	authorities *x509.CertPool
	required    bool // of others, on this agent's port
	maxVersion  uint16
}

// security is how the agent with an identity secures connections. get is called for each.
func security(get func() *identity) Security {
	return Security{
		Server: func(protocols ...string) *tls.Config {
			id := get()
			if id == nil || id.certificate == nil {
				return nil
			}
			c := &tls.Config{
				Certificates: []tls.Certificate{*id.certificate}, ClientCAs: id.authorities, ClientAuth: tls.VerifyClientCertIfGiven,
				NextProtos: protocols, MaxVersion: id.maxVersion, MinVersion: tls.VersionTLS12,
			}
			if id.required {
				c.ClientAuth = tls.RequireAndVerifyClientCert
			}
			return c
		},
		Required: func() bool {
			id := get()
			return id != nil && id.required
		},
		AllowRaft: func(state tls.ConnectionState) error {
			if len(state.VerifiedChains) == 0 || !slices.Contains(state.VerifiedChains[0][0].DNSNames, serverName) {
				return errors.New("no certificate for " + serverName)
			}
			return nil
		},
		Client: func(datacenter, protocol string) *tls.Config {
			id := get()
			if id == nil {
				return nil
			}
			return &tls.Config{
				RootCAs: id.authorities, ServerName: "server." + datacenter + ".consul", NextProtos: []string{protocol},
				MaxVersion: id.maxVersion, MinVersion: tls.VersionTLS12,
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if id.certificate == nil {
						return new(tls.Certificate), nil
					}
					return id.certificate, nil
				},
			}
		},
	}
}

// always is the security of an agent whose identity stays; nil is plaintext.
func always(id *identity) Security { return security(func() *identity { return id }) }
