package meshca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// validity is that of a root of Consul's built-in authority.
const validity = 10 * 365 * 24 * time.Hour

// A Root is a root certificate in the form of Consul's HTTP API.
type Root struct {
	ID                  string // SHA-1 of the certificate
	Name                string
	SerialNumber        uint64
	SigningKeyID        string
	ExternalTrustDomain string // the cluster's ID
	NotBefore           time.Time
	NotAfter            time.Time
	RootCert            string // PEM
	IntermediateCerts   []string
	Active              bool
	PrivateKeyType      string
	PrivateKeyBits      int
	CreateIndex         uint64
	ModifyIndex         uint64
}

// Roots is the answer to a request for the roots.
type Roots struct {
	ActiveRootID string
	TrustDomain  string
	Roots        []Root
}

// PlaceholderName is the name of the roots that New makes.
const PlaceholderName = "Lictor placeholder root"

// New makes the root of a cluster that has none.
func New(clusterID string, now time.Time) (Root, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Root{}, fmt.Errorf("make the key of a root certificate: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return Root{}, fmt.Errorf("encode the key of a root certificate: %w", err)
	}
	keyID := sha256.Sum256(public)
	serial := big.NewInt(1)
	name, _, _ := strings.Cut(clusterID, "-")
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "lictor.consul.ca." + name + ".consul"},
		URIs:      []*url.URL{{Scheme: "spiffe", Host: clusterID + ".consul"}},
		NotBefore: now.UTC().Truncate(time.Second), NotAfter: now.UTC().Truncate(time.Second).Add(validity),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature, IsCA: true, BasicConstraintsValid: true,
		SubjectKeyId: keyID[:], AuthorityKeyId: keyID[:],
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return Root{}, fmt.Errorf("make a root certificate: %w", err)
	}
	fingerprint := sha1.Sum(der)
	return Root{
		ID: hexPairs(fingerprint[:]), Name: PlaceholderName, SerialNumber: serial.Uint64(), SigningKeyID: hexPairs(keyID[:]),
		ExternalTrustDomain: clusterID, NotBefore: template.NotBefore, NotAfter: template.NotAfter, Active: true,
		RootCert:       string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		PrivateKeyType: "ec", PrivateKeyBits: 256,
	}, nil
}

func hexPairs(b []byte) string { return strings.ReplaceAll(fmt.Sprintf("% x", b), " ", ":") }

// Carried returns the roots that are in an archive, by the records that hold them. Fields of a root that are secret are left out.
func Carried(records []*record.Opaque) ([]Root, error) {
	var roots []Root
	for _, o := range records {
		var r Root
		if err := msgpack.Unmarshal(o.Value, &r); err != nil {
			return nil, fmt.Errorf("read a root of the mesh's certificate authority: %w", err)
		}
		roots = append(roots, r)
	}
	return roots, nil
}

// Answer is the answer that shows roots.
func Answer(roots []Root) Roots {
	a := Roots{Roots: roots}
	for _, r := range roots {
		if r.Active {
			a.ActiveRootID, a.TrustDomain = r.ID, r.ExternalTrustDomain+".consul"
		}
	}
	return a
}
