package tlstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A CA is a certificate authority.
type CA struct {
	File string // its certificate, PEM
	Cert *x509.Certificate

	key *ecdsa.PrivateKey
}

// Options say what a certificate is for. Those left out make one that is good for the server and the client on this machine.
type Options struct {
	CommonName string             // "test" unless given
	DNSNames   []string           // localhost unless given
	IPs        []net.IP           // 127.0.0.1 unless given
	Usages     []x509.ExtKeyUsage // server and client authentication unless given
	NotBefore  time.Time          // an hour ago unless given
	NotAfter   time.Time          // in a year unless given
}

// A Certificate is what an authority has issued.
type Certificate struct {
	CertFile, KeyFile string // PEM, the key 0600
	TLS               tls.Certificate
}

// NewCA makes an authority.
func NewCA(t testing.TB) *CA {
	t.Helper()
	key, number := newKey(t), serial(t)
	template := &x509.Certificate{
		SerialNumber: number, Subject: pkix.Name{CommonName: "test authority " + number.Text(36)},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(10 * 365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	cert := sign(t, template, template, key, key)
	return &CA{File: writePEM(t, "ca.pem", "CERTIFICATE", cert.Raw), Cert: cert, key: key}
}

// Pool holds the authority alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	return pool
}

// Issue signs a certificate for a new key.
func (ca *CA) Issue(t testing.TB, o Options) *Certificate {
	t.Helper()
	o.complete()
	key := newKey(t)
	cert := sign(t, &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: o.CommonName}, DNSNames: o.DNSNames, IPAddresses: o.IPs,
		NotBefore: o.NotBefore, NotAfter: o.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: o.Usages, BasicConstraintsValid: true,
	}, ca.Cert, key, ca.key)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &Certificate{
		CertFile: writePEM(t, "cert.pem", "CERTIFICATE", cert.Raw), KeyFile: writePEM(t, "key.pem", "EC PRIVATE KEY", der),
		TLS: tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert},
	}
}

func (o *Options) complete() {
	if o.CommonName == "" {
		o.CommonName = "test"
	}
	if o.DNSNames == nil {
		o.DNSNames = []string{"localhost"}
	}
	if o.IPs == nil {
		o.IPs = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	if o.Usages == nil {
		o.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	if o.NotBefore.IsZero() {
		o.NotBefore = time.Now().Add(-time.Hour)
	}
	if o.NotAfter.IsZero() {
		o.NotAfter = time.Now().Add(365 * 24 * time.Hour)
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func sign(t testing.TB, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func writePEM(t testing.TB, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
