package tlsconf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/tlstest"
)

func TestFaults(t *testing.T) {
	ca := tlstest.NewCA(t)
	cert, other := ca.Issue(t, tlstest.Options{}), ca.Issue(t, tlstest.Options{})
	text, empty := filepath.Join(t.TempDir(), "text"), t.TempDir()
	write(t, text, []byte("no PEM"))
	broken := filepath.Join(t.TempDir(), "broken")
	write(t, broken, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	mixed := t.TempDir()
	write(t, filepath.Join(mixed, "ca.pem"), read(t, ca.File))
	write(t, filepath.Join(mixed, "README"), []byte("no PEM"))
	tests := []struct {
		name string
		p    Protocol
		want string // an end in "…" is a beginning
	}{
		{"CA file is missing", Protocol{CAFile: "/nope"}, "Error loading from /nope: open /nope: no such file or directory"},
		{"CA file holds no PEM", Protocol{CAFile: text}, "Error loading from " + text + ": failed to parse PEM"},
		{"CA file holds a key only", Protocol{CAFile: cert.KeyFile}, "Error loading from " + cert.KeyFile + ": failed to parse PEM"},
		{"CA file holds a broken certificate", Protocol{CAFile: broken}, "Error loading from " + broken + ": x509: …"},
		{"CA directory is missing", Protocol{CAPath: "/nope"}, "Error loading from /nope: open /nope: no such file or directory"},
		{"CA directory is empty", Protocol{CAPath: empty}, "Error loading from " + empty + ": there is no file in it"},
		{"CA directory with another file", Protocol{CAPath: mixed}, "Error loading from " + mixed + "/README: failed to parse PEM"},
		{"certificate is missing", Protocol{CertFile: "/nope", KeyFile: cert.KeyFile}, "Failed to load cert/key pair: open /nope: no such file or directory"},
		{"key is missing", Protocol{CertFile: cert.CertFile, KeyFile: "/nope"}, "Failed to load cert/key pair: open /nope: no such file or directory"},
		{"key of another", Protocol{CertFile: cert.CertFile, KeyFile: other.KeyFile}, "Failed to load cert/key pair: tls: private key does not match public key"},
		{"key in the certificate's place", Protocol{CertFile: cert.KeyFile, KeyFile: cert.KeyFile}, "Failed to load cert/key pair: tls: …"},
		{"incoming without a CA", Protocol{VerifyIncoming: true, CertFile: cert.CertFile, KeyFile: cert.KeyFile},
			"VerifyIncoming set but no CA certificates were provided"},
		{"outgoing without a CA", Protocol{VerifyOutgoing: true}, "VerifyOutgoing set but no CA certificates were provided"},
		{"host name without a CA", Protocol{VerifyServerHostname: true}, "VerifyOutgoing set but no CA certificates were provided"},
		{"incoming without a certificate", Protocol{VerifyIncoming: true, CAFile: ca.File},
			"tls.X: verify_incoming is set without a certificate to show to clients: set cert_file and key_file"},
		{"lone certificate", Protocol{CertFile: cert.CertFile}, "tls.X: cert_file is set without key_file: set both, or neither"},
		{"lone key", Protocol{KeyFile: cert.KeyFile}, "tls.X: key_file is set without cert_file: set both, or neither"},
	}
	for _, tt := range tests {
		for stanza, config := range map[string]Config{"https": {HTTPS: tt.p}, "internal_rpc": {InternalRPC: tt.p}} {
			t.Run(tt.name+", "+stanza, func(t *testing.T) {
				_, err := Load(config)
				want, isStart := strings.CutSuffix(strings.ReplaceAll(tt.want, "tls.X", "tls."+stanza), "…")
				if err == nil || err.Error() != want && !(isStart && strings.HasPrefix(err.Error(), want)) {
					t.Errorf("error %v, want %s", err, want)
				}
			})
		}
	}
}

// A directory is read as Kubernetes mounts one: links to files, and the files a second time in directories beside them.
func TestCADirectory(t *testing.T) {
	one, two, stranger := tlstest.NewCA(t), tlstest.NewCA(t), tlstest.NewCA(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "..data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(data, "one.pem"), read(t, one.File))
	write(t, filepath.Join(dir, "two.crt"), read(t, two.File))
	if err := os.Symlink(filepath.Join("..data", "one.pem"), filepath.Join(dir, "one.pem")); err != nil {
		t.Fatal(err)
	}
	server := one.Issue(t, tlstest.Options{})
	p := protocol(nil, server)
	p.CAPath, p.VerifyIncoming = dir, true
	log, _ := logTo()
	address := echo(t, mustLoad(t, Config{HTTPS: p}).HTTPSServer(), 0, log)
	for name, c := range map[string]struct {
		ca *tlstest.CA
		ok bool
	}{"one": {one, true}, "two": {two, true}, "a stranger": {stranger, false}} {
		if _, err := ask(address, trusting(one, c.ca.Issue(t, tlstest.Options{}))); (err == nil) != c.ok {
			t.Errorf("a client of %s: %v", name, err)
		}
	}
}

func FuzzCertificates(f *testing.F) {
	ca := tlstest.NewCA(f)
	pem, err := os.ReadFile(ca.File)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pem)
	f.Add(append(pem, pem[:100]...))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := parseCertificates(data)
		if (err == nil) != (len(certs) > 0) {
			t.Errorf("%d certificates and the error %v", len(certs), err)
		}
	})
}
