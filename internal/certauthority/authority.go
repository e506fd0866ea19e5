package certauthority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"
)

// DefaultCommonName is the beginning of the name of an authority that is given none; its serial number follows.
const DefaultCommonName = "Consul Agent CA"

// backdate is how far certificates begin before now, for machines whose clocks are behind.
const backdate = 5 * time.Minute

// An AuthorityRequest says what a new authority is to be.
type AuthorityRequest struct {
	CommonName string // "" is DefaultCommonName with the serial number
	Days       int
	Domain     string // of the cluster
	ClusterID  string // not empty: the authority names the cluster, as spiffe://ID.DOMAIN

	// Constrained is whether the authority may sign for localhost, Domain and AdditionalDomains only, and what is below them.
	Constrained       bool
	AdditionalDomains []string
}

// NewAuthority makes an authority that begins now.
func NewAuthority(r AuthorityRequest, now time.Time) (*Pair, error) {
	template, err := r.template(now)
	if err != nil {
		return nil, err
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	if template.SubjectKeyId, err = keyID(key.Public()); err != nil {
		return nil, err
	}
	template.AuthorityKeyId = template.SubjectKeyId
	return sign(template, template, key, key)
}

func (r AuthorityRequest) template(now time.Time) (*x509.Certificate, error) {
	if err := CheckName(r.Domain); err != nil {
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
	name := r.CommonName
	if name == "" {
		name = fmt.Sprintf("%s %s", DefaultCommonName, serial)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-backdate), NotAfter: until,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature, IsCA: true, BasicConstraintsValid: true,
	}
	if r.ClusterID != "" {
		if err := CheckName(r.ClusterID); err != nil {
			return nil, fmt.Errorf("cluster ID: %w", err)
		}
		template.URIs = []*url.URL{{Scheme: "spiffe", Host: r.ClusterID + "." + r.Domain}}
	}
	return template, r.constrain(template)
}

func (r AuthorityRequest) constrain(template *x509.Certificate) error {
	if !r.Constrained {
		if len(r.AdditionalDomains) > 0 {
			return errors.New("additional name constraints have an effect only together with the name constraint itself")
		}
		return nil
	}
	for _, domain := range r.AdditionalDomains {
		if err := CheckName(domain); err != nil {
			return fmt.Errorf("additional name constraint: %w", err)
		}
	}
	template.PermittedDNSDomainsCritical = true
	template.PermittedDNSDomains = append([]string{"localhost", r.Domain}, r.AdditionalDomains...)
	return nil
}

// An Authority is a certificate authority with its key.
type Authority struct {
	// Certificate is that of the authority.
	Certificate *x509.Certificate
	key         crypto.Signer
}

// Load takes an authority from PEM. certificates may be a bundle of several authorities, as there is one while they are
// replaced: the one that the key belongs to is taken.
func Load(certificates, key []byte) (*Authority, error) {
	signer, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	bundle, err := parseCertificates(certificates)
	if err != nil {
		return nil, err
	}
	for _, certificate := range bundle {
		public, ok := certificate.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
		if !ok || !public.Equal(signer.Public()) {
			continue
		}
		if !certificate.IsCA || certificate.KeyUsage != 0 && certificate.KeyUsage&x509.KeyUsageCertSign == 0 {
			return nil, fmt.Errorf("the certificate %q is none of an authority: it must not sign others", certificate.Subject)
		}
		return &Authority{certificate, signer}, nil
	}
	return nil, fmt.Errorf("the key belongs to none of the certificates (%d): these are two halves of different pairs", len(bundle))
}

// ValidFor tells whether the authority is valid at a time, as an error if not.
func (a *Authority) ValidFor(now time.Time) error {
	switch {
	case now.After(a.Certificate.NotAfter):
		return fmt.Errorf("the authority %q expired on %s: make a new one", a.Certificate.Subject, day(a.Certificate.NotAfter))
	case now.Before(a.Certificate.NotBefore):
		return fmt.Errorf("the authority %q is not valid before %s: is this machine's clock right?", a.Certificate.Subject,
			a.Certificate.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

// newSerial makes a random number of up to 127 bits that is not 0.
func newSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	return serial.Add(serial, big.NewInt(1)), nil
}

func keyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("encode the public key: %w", err)
	}
	id := sha256.Sum256(der)
	return id[:], nil
}

// validUntil is when a certificate ends that is made now.
func validUntil(now time.Time, days int) (time.Time, error) {
	const limit = 100 * 366 // beyond it, dates do not fit into a certificate one day
	if days < 1 || days > limit {
		return time.Time{}, fmt.Errorf("invalid number of days %d: it is from 1 to %d", days, limit)
	}
	return now.AddDate(0, 0, days), nil
}

// sign makes the certificate of a key.
func sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey, signer crypto.Signer) (*Pair, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate %q: %w", template.Subject, err)
	}
	text, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	return &Pair{Certificate: encode("CERTIFICATE", der), Key: encode("EC PRIVATE KEY", text)}, nil
}
