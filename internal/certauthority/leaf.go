package certauthority

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// A Role is what a certificate is for.
type Role string

// The roles. A server's certificate lets its holder become a server; a client agent's serves and asks; the command line's only asks.
const (
	Server Role = "server"
	Client Role = "client"
	CLI    Role = "cli"
)

// A LeafRequest says what a certificate is to be.
type LeafRequest struct {
	Role       Role
	Datacenter string
	Domain     string
	Node       string // of a server: named as well, as NODE.server.DATACENTER.DOMAIN
	Days       int

	AdditionalNames     []string // DNS names; a first label * stands for any
	AdditionalAddresses []net.IP
}

// Names are the DNS names of the certificate, the one of its subject first.
func (r LeafRequest) Names() []string {
	name := fmt.Sprintf("%s.%s.%s", r.Role, r.Datacenter, r.Domain)
	names := []string{name}
	if r.Node != "" {
		names = append(names, r.Node+"."+name)
	}
	return append(append(names, "localhost"), r.AdditionalNames...)
}

func (r LeafRequest) addresses() []net.IP {
	if r.Role == CLI {
		return r.AdditionalAddresses
	}
	return append([]net.IP{net.IPv4(127, 0, 0, 1)}, r.AdditionalAddresses...)
}

func (r LeafRequest) usages() []x509.ExtKeyUsage {
	if r.Role == CLI {
		return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
}

func (r LeafRequest) check() error {
	switch r.Role {
	case Server:
	case Client, CLI:
		if r.Node != "" {
			return errors.New("a node is named by server certificates only")
		}
	default:
		return fmt.Errorf("unknown role %q of a certificate", r.Role)
	}
	if err := CheckName(r.Datacenter); err != nil {
		return fmt.Errorf("datacenter: %w", err)
	}
	if strings.Contains(r.Datacenter, ".") {
		return fmt.Errorf("datacenter: invalid name %q: it has no dots", r.Datacenter)
	}
	for _, name := range r.Names() {
		if err := CheckName(strings.TrimPrefix(name, "*.")); err != nil {
			return err
		}
	}
	return nil
}

// Issue makes a certificate that begins now, and verifies it against the authority.
func (a *Authority) Issue(r LeafRequest, now time.Time) (*Pair, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := a.ValidFor(now); err != nil {
		return nil, err
	}
	until, err := validUntil(now, r.Days)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	id, err := keyID(key.Public())
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: subject(r.Names()[0])}, NotBefore: now.Add(-backdate), NotAfter: until,
		DNSNames: r.Names(), IPAddresses: r.addresses(), BasicConstraintsValid: true, SubjectKeyId: id,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: r.usages(),
	}
	pair, err := sign(template, a.Certificate, key, a.key)
	if err != nil {
		return nil, err
	}
	return pair, a.verify(pair, now)
}

// subject is a common name, which X.509 limits; the names that count are the alternative ones.
func subject(name string) string { return name[:min(len(name), 64)] }

// verify is what the other side of a connection will do.
func (a *Authority) verify(pair *Pair, now time.Time) error {
	certificates, err := parseCertificates(pair.Certificate)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate)
	leaf := certificates[0]
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.CANotAuthorizedForThisName {
		return fmt.Errorf("the authority %q must not sign for these names: %s (permitted: %s); change the names, or make an authority without "+
			"this constraint", a.Certificate.Subject, invalid.Detail, strings.Join(a.Certificate.PermittedDNSDomains, ", "))
	}
	if err != nil {
		return fmt.Errorf("the certificate would not be accepted: %w", err)
	}
	return nil
}

// CheckName refuses what is no host name, of one label or several. The parts of names become parts of file names as well.
func CheckName(name string) error {
	if len(name) > 253 {
		return fmt.Errorf("invalid name %q: it has more than 253 characters", name)
	}
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "" || len(label) > 63:
			return fmt.Errorf("invalid name %q: the parts between its dots have 1 to 63 characters", name)
		case strings.Trim(label, alphabet) != "" || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
			return fmt.Errorf("invalid name %q: it has letters of ASCII, digits, dots, hyphens and underscores, no hyphen at the end of a part",
				name)
		}
	}
	return nil
}

const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
