package certauthority

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newPair(t testing.TB, r AuthorityRequest) *Pair {
	t.Helper()
	r.Domain = "consul"
	if r.Days == 0 {
		r.Days = 1825
	}
	pair, err := NewAuthority(r, now)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func newAuthority(t testing.TB, r AuthorityRequest) *Authority {
	t.Helper()
	pair := newPair(t, r)
	a, err := Load(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func leaf(role Role) LeafRequest {
	return LeafRequest{Role: role, Datacenter: "dc1", Domain: "consul", Days: 365}
}

func issue(t testing.TB, a *Authority, r LeafRequest) (*Pair, *x509.Certificate) {
	t.Helper()
	pair, err := a.Issue(r, now)
	if err != nil {
		t.Fatal(err)
	}
	certificates, err := parseCertificates(pair.Certificate)
	if err != nil || len(certificates) != 1 {
		t.Fatalf("%d certificates, %v", len(certificates), err)
	}
	return pair, certificates[0]
}

func TestAuthority(t *testing.T) {
	a := newAuthority(t, AuthorityRequest{ClusterID: "c39ecaf2-c83a-903b-b729-5dff6c677601"})
	c := a.Certificate
	if err := c.CheckSignatureFrom(c); err != nil || !c.IsCA {
		t.Errorf("%v, CA %v", err, c.IsCA)
	}
	if got := c.URIs[0].String(); got != "spiffe://c39ecaf2-c83a-903b-b729-5dff6c677601.consul" {
		t.Errorf("URI %s", got)
	}
	if want := DefaultCommonName + " " + c.SerialNumber.String(); c.Subject.CommonName != want || len(want) > 64 {
		t.Errorf("common name %q", c.Subject.CommonName)
	}
	if c.SignatureAlgorithm != x509.ECDSAWithSHA256 || !c.NotAfter.Equal(now.AddDate(0, 0, 1825)) || !c.NotBefore.Before(now) {
		t.Errorf("%v, %v to %v", c.SignatureAlgorithm, c.NotBefore, c.NotAfter)
	}
	if other := newAuthority(t, AuthorityRequest{CommonName: "ours"}).Certificate; other.Subject.CommonName != "ours" || other.URIs != nil ||
		other.SerialNumber.Cmp(c.SerialNumber) == 0 {
		t.Errorf("another: %v, %v, %v", other.Subject, other.URIs, other.SerialNumber)
	}
}

func TestRefusedAuthorities(t *testing.T) {
	for name, c := range map[string]struct {
		r    AuthorityRequest
		want string
	}{
		"no days":          {AuthorityRequest{Domain: "consul"}, "invalid number of days 0"},
		"too many days":    {AuthorityRequest{Domain: "consul", Days: 1 << 30}, "invalid number of days 1073741824"},
		"domain is a path": {AuthorityRequest{Domain: "../etc", Days: 1}, `invalid name "../etc"`},
		"no domain":        {AuthorityRequest{Days: 1}, `invalid name ""`},
		"cluster ID":       {AuthorityRequest{Domain: "consul", Days: 1, ClusterID: "a/b"}, `cluster ID: invalid name "a/b"`},
		"constraint": {AuthorityRequest{Domain: "consul", Days: 1, Constrained: true, AdditionalDomains: []string{"*"}},
			"additional name constraint: "},
		"constraint without any": {AuthorityRequest{Domain: "consul", Days: 1, AdditionalDomains: []string{"a"}}, "only together with"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewAuthority(c.r, now); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestLeaves(t *testing.T) {
	a := newAuthority(t, AuthorityRequest{})
	both := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	node, more := leaf(Server), leaf(Client)
	node.Node = "s1"
	more.AdditionalNames, more.AdditionalAddresses = []string{"*.example.com"}, []net.IP{net.IPv4(10, 0, 0, 1)}
	for name, c := range map[string]struct {
		r         LeafRequest
		names     []string
		addresses []string
		usages    []x509.ExtKeyUsage
	}{
		"server":          {leaf(Server), []string{"server.dc1.consul", "localhost"}, []string{"127.0.0.1"}, both},
		"server, by node": {node, []string{"server.dc1.consul", "s1.server.dc1.consul", "localhost"}, []string{"127.0.0.1"}, both},
		"client":          {leaf(Client), []string{"client.dc1.consul", "localhost"}, []string{"127.0.0.1"}, both},
		"client, more":    {more, []string{"client.dc1.consul", "localhost", "*.example.com"}, []string{"127.0.0.1", "10.0.0.1"}, both},
		"command line":    {leaf(CLI), []string{"cli.dc1.consul", "localhost"}, nil, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
	} {
		t.Run(name, func(t *testing.T) {
			pair, got := issue(t, a, c.r)
			var addresses []string
			for _, ip := range got.IPAddresses {
				addresses = append(addresses, ip.String())
			}
			if !slices.Equal(got.DNSNames, c.names) || !slices.Equal(addresses, c.addresses) || !slices.Equal(got.ExtKeyUsage, c.usages) {
				t.Errorf("%v, %v, %v", got.DNSNames, addresses, got.ExtKeyUsage)
			}
			if got.IsCA || got.Subject.CommonName != c.names[0] || !got.NotAfter.Equal(now.AddDate(0, 0, 365)) {
				t.Errorf("CA %v, %v, until %v", got.IsCA, got.Subject, got.NotAfter)
			}
			if _, err := tls.X509KeyPair(pair.Certificate, pair.Key); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRefusedLeaves(t *testing.T) {
	plain := newAuthority(t, AuthorityRequest{})
	constrained := newAuthority(t, AuthorityRequest{Constrained: true, AdditionalDomains: []string{"example.com"}})
	short := newAuthority(t, AuthorityRequest{Days: 10})
	with := func(change func(*LeafRequest)) LeafRequest {
		r := leaf(Server)
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		a    *Authority
		r    LeafRequest
		at   time.Time
		want string
	}{
		"name that the authority must not sign": {constrained,
			with(func(r *LeafRequest) { r.AdditionalNames = []string{"consul.example.org"} }), now,
			"consul.example.org"},
		"domain that the authority must not sign": {constrained, with(func(r *LeafRequest) { r.Domain = "other" }), now,
			"(permitted: localhost, consul, example.com)"},
		"authority expired": {short, leaf(Server), now.AddDate(0, 0, 11), "expired on 2026-12-01: make a new one"},
		"authority of tomorrow": {plain, leaf(Server), now.AddDate(0, 0, -1),
			"not valid before 2026-11-21T11:55:00Z: is this machine's clock right?"},
		"node of a client": {plain, with(func(r *LeafRequest) { r.Role, r.Node = Client, "s1" }), now,
			"a node is named by server certificates only"},
		"unknown role":          {plain, with(func(r *LeafRequest) { r.Role = "" }), now, "unknown role"},
		"datacenter is a path":  {plain, with(func(r *LeafRequest) { r.Datacenter = "../x" }), now, "datacenter: invalid name"},
		"datacenter with a dot": {plain, with(func(r *LeafRequest) { r.Datacenter = "a.b" }), now, "it has no dots"},
		"name with a space":     {plain, with(func(r *LeafRequest) { r.AdditionalNames = []string{"a b"} }), now, `invalid name "a b"`},
		"star in the middle":    {plain, with(func(r *LeafRequest) { r.AdditionalNames = []string{"a.*.b"} }), now, `invalid name "a.*.b"`},
		"no days":               {plain, with(func(r *LeafRequest) { r.Days = 0 }), now, "invalid number of days 0"},
	} {
		t.Run(name, func(t *testing.T) {
			pair, err := c.a.Issue(c.r, c.at)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v", pair, err)
			}
		})
	}
	if _, err := constrained.Issue(with(func(r *LeafRequest) { r.AdditionalNames = []string{"consul.example.com"} }), now); err != nil {
		t.Errorf("a name that is permitted: %v", err)
	}
}

func TestLoad(t *testing.T) {
	first, second := newPair(t, AuthorityRequest{CommonName: "first"}), newPair(t, AuthorityRequest{CommonName: "second"})
	bundle := slices.Concat(first.Certificate, second.Certificate)
	for _, pair := range []*Pair{first, second} {
		a, err := Load(bundle, pair.Key)
		if err != nil {
			t.Fatal(err)
		}
		if own, _ := parseCertificates(pair.Certificate); !a.Certificate.Equal(own[0]) {
			t.Errorf("out of a bundle: %v", a.Certificate.Subject)
		}
	}
	server, _ := issue(t, newAuthority(t, AuthorityRequest{}), leaf(Server))
	for name, c := range map[string]struct {
		certificate, key []byte
		want             string
	}{
		"halves of two pairs":   {first.Certificate, second.Key, "two halves of different pairs"},
		"no authority":          {server.Certificate, server.Key, "it must not sign others"},
		"swapped":               {first.Key, first.Certificate, "no private key in PEM"},
		"key twice":             {first.Key, first.Key, "no certificate in PEM"},
		"empty":                 {nil, nil, "no private key in PEM"},
		"broken key":            {first.Certificate, encode("EC PRIVATE KEY", []byte("x")), "parse private key"},
		"broken certificate":    {encode("CERTIFICATE", []byte("x")), first.Key, "parse certificate"},
		"encrypted key":         {first.Certificate, encode("ENCRYPTED PRIVATE KEY", []byte("x")), "decrypt it first"},
		"key of another format": {first.Certificate, encode("DSA PRIVATE KEY", []byte("x")), "no private key in PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Load(c.certificate, c.key); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// An authority of openssl's, with an RSA key, signs as well.
func TestAuthorityOfSomebodyElse(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := newAuthority(t, AuthorityRequest{}).Certificate
	template.PublicKey, template.SignatureAlgorithm, template.SubjectKeyId, template.AuthorityKeyId = nil, 0, nil, nil
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{encode("PRIVATE KEY", pkcs8), encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))} {
		a, err := Load(encode("CERTIFICATE", der), text)
		if err != nil {
			t.Fatal(err)
		}
		issue(t, a, leaf(Server))
	}
}

// handshake lets a client and a server meet, each with a pair, and returns the first error of the two.
func handshake(a *Authority, server, client *Pair, name string, trusted ...*Authority) error {
	roots := x509.NewCertPool()
	for _, a := range append(trusted, a) {
		roots.AddCert(a.Certificate)
	}
	config := func(pair *Pair) *tls.Config {
		own, err := tls.X509KeyPair(pair.Certificate, pair.Key)
		if err != nil {
			panic(err)
		}
		return &tls.Config{Certificates: []tls.Certificate{own}, RootCAs: roots, ClientCAs: roots, ServerName: name,
			ClientAuth: tls.RequireAndVerifyClientCert, Time: func() time.Time { return now }}
	}
	left, right := net.Pipe()
	defer left.Close()
	defer right.Close()
	done := make(chan error, 1)
	go func() {
		err := tls.Server(left, config(server)).Handshake()
		left.Close()
		done <- err
	}()
	err := tls.Client(right, config(client)).Handshake()
	right.Close()
	return errors.Join(err, <-done)
}

func TestHandshakes(t *testing.T) {
	a, stranger := newAuthority(t, AuthorityRequest{Constrained: true}), newAuthority(t, AuthorityRequest{})
	pairs := map[Role]*Pair{}
	for _, role := range []Role{Server, Client, CLI} {
		pairs[role], _ = issue(t, a, leaf(role))
	}
	foreign, _ := issue(t, stranger, leaf(Server))
	for _, c := range []struct {
		name           string
		server, client *Pair
		as             string
		want           string
	}{
		{"servers among each other", pairs[Server], pairs[Server], "server.dc1.consul", ""},
		{"client agent asks a server", pairs[Server], pairs[Client], "server.dc1.consul", ""},
		{"command line asks a client agent", pairs[Client], pairs[CLI], "localhost", ""},
		{"command line asks by address", pairs[Server], pairs[CLI], "127.0.0.1", ""},
		{"client agent is no server", pairs[Client], pairs[Server], "server.dc1.consul", "not server.dc1.consul"},
		{"server of another datacenter", pairs[Server], pairs[Server], "server.dc2.consul", "not server.dc2.consul"},
		{"command line serves nobody", pairs[CLI], pairs[Server], "localhost", "incompatible key usage"},
		{"server of another authority", foreign, pairs[Server], "server.dc1.consul", "signed by unknown authority"},
		{"client of another authority knows that it would not be accepted", pairs[Server], foreign, "server.dc1.consul",
			"didn't provide a certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := handshake(a, c.server, c.client, c.as)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := handshake(a, foreign, pairs[Server], "server.dc1.consul", stranger); err != nil {
		t.Errorf("with a bundle of both authorities: %v", err)
	}
}

func TestOpenSSLAgrees(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not there")
	}
	dir := t.TempDir()
	authority, err := NewAuthority(AuthorityRequest{Domain: "consul", Days: 10, Constrained: true, ClusterID: "c1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ca := Files{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca-key.pem")}
	if err := authority.Write(t.Context(), ca, nil); err != nil {
		t.Fatal(err)
	}
	a, err := Load(authority.Certificate, authority.Key)
	if err != nil {
		t.Fatal(err)
	}
	for role, purpose := range map[Role]string{Server: "sslserver", Client: "sslserver", CLI: "sslclient"} {
		pair, err := a.Issue(leaf(role), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		to := Files{filepath.Join(dir, string(role)+".pem"), filepath.Join(dir, string(role)+"-key.pem")}
		if err := pair.Write(t.Context(), to, nil); err != nil {
			t.Fatal(err)
		}
		verify := exec.Command(openssl, "verify", "-x509_strict", "-purpose", purpose, "-CAfile", ca.Certificate, to.Certificate)
		if out, err := verify.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", role, err, out)
		}
	}
}

func FuzzLoad(f *testing.F) {
	pair := newPair(f, AuthorityRequest{})
	f.Add(pair.Certificate, pair.Key)
	f.Add(pair.Key, pair.Certificate)
	f.Fuzz(func(t *testing.T, certificate, key []byte) {
		a, err := Load(certificate, key)
		if err != nil {
			return
		}
		if err := a.ValidFor(now); err != nil {
			return
		}
		_, _ = a.Issue(leaf(Server), now) // an error or a pair, whatever the authority is
	})
}
