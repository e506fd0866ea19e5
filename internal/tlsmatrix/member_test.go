//go:build heavy && unix

package tlsmatrix

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/lictor-dr/lictor/internal/tlstest"
)

// A member is a server of a cluster whose certificates are replaced.
type member struct {
	*agent
	dir  string   // its files
	args []string // of its process, beside its files
}

const verifyAll = "verify_incoming = true verify_outgoing = true verify_server_hostname = true"

// configure writes the member's configuration, with flags of tls.internal_rpc. Clients of HTTPS are always verified.
func (m *member) configure(t testing.TB, flags string) {
	t.Helper()
	put(t, m.dir, map[string][]byte{"tls.hcl": fmt.Appendf(nil, `tls { defaults { ca_file = "%[1]s/ca.pem" cert_file = "%[1]s/cert.pem"
		key_file = "%[1]s/key.pem" } internal_rpc { %[2]s } https { verify_incoming = true } }`, m.dir, flags)})
}

// put replaces files of a directory at once each, as a tool for certificates does.
func put(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		next := filepath.Join(dir, name+".next")
		if err := os.WriteFile(next, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t testing.TB, files ...string) (all []byte) {
	t.Helper()
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

// issue puts a new certificate of an authority into a directory.
func issue(t testing.TB, ca *tlstest.CA, dir, role string) {
	t.Helper()
	c := ca.Issue(t, tlstest.Options{DNSNames: []string{role + ".dc1.consul", "localhost"}})
	put(t, dir, map[string][]byte{"cert.pem": read(t, c.CertFile), "key.pem": read(t, c.KeyFile)})
}

// trust makes authorities those of a directory.
func trust(t testing.TB, dir string, cas ...*tlstest.CA) {
	t.Helper()
	var files []string
	for _, ca := range cas {
		files = append(files, ca.File)
	}
	put(t, dir, map[string][]byte{"ca.pem": read(t, files...)})
}

// reload makes a member read its files again, and waits until it has.
func (m *member) reload(t testing.TB) {
	t.Helper()
	if err := m.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := m.Await(patience, m.current); err != nil {
		t.Fatal(err)
	}
}

// current is an error unless the member goes by its files: it shows the certificate, and asks for one of the authorities.
func (m *member) current() error {
	var asked [][]byte
	config := &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = info.AcceptableCAs
		return &tls.Certificate{}, nil
	}}
	conn, err := tls.Dial("tcp", fmt.Sprint("127.0.0.1:", m.https), config)
	if err != nil {
		return err
	}
	defer conn.Close()
	shown, err := certificatesIn(filepath.Join(m.dir, "cert.pem"))
	if err != nil {
		return err
	}
	trusted, err := certificatesIn(filepath.Join(m.dir, "ca.pem"))
	if err != nil {
		return err
	}
	if !conn.ConnectionState().PeerCertificates[0].Equal(shown[0]) {
		return errors.New("it shows another certificate")
	}
	same := slices.EqualFunc(asked, trusted, func(subject []byte, c *x509.Certificate) bool { return bytes.Equal(subject, c.RawSubject) })
	if !same {
		return errors.New("it trusts other authorities")
	}
	return nil
}

func certificatesIn(file string) (all []*x509.Certificate, err error) {
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all, nil
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
}

// again starts the member's process.
func (m *member) again(t testing.TB) {
	t.Helper()
	m.start(t, "", append([]string{"-config-file=" + filepath.Join(m.dir, "tls.hcl"), fmt.Sprint("-https-port=", m.https)}, m.args...)...)
}

// newMember makes a server with files of its own, which has not been started.
func newMember(t testing.TB, name, flags string, shown *tlstest.CA, trusted ...*tlstest.CA) *member {
	t.Helper()
	p := takePorts(t, 4)
	m := &member{agent: &agent{name: name, http: p[0], https: p[1], server: p[2], serf: p[3]}, dir: t.TempDir()}
	trust(t, m.dir, trusted...)
	issue(t, shown, m.dir, "server")
	m.configure(t, flags)
	return m
}

// found starts three servers with certificates of an authority.
func found(t testing.TB, ca *tlstest.CA, flags string) (members []*member) {
	t.Helper()
	for i := range 3 {
		members = append(members, newMember(t, fmt.Sprint("s", i+1), flags, ca, ca))
	}
	for _, m := range members {
		m.args = []string{"-server", "-bootstrap-expect=3", "-data-dir=" + t.TempDir()}
		for _, other := range members {
			m.args = append(m.args, "-retry-join="+other.gossip())
		}
		m.again(t)
	}
	for _, m := range members {
		m.leads(t)
	}
	return members
}
