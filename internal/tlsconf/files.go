package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals included.

// material is what the files of one protocol hold.
type material struct {
	cas  *x509.CertPool   // nil without
	cert *tls.Certificate // nil without; its Leaf is there
}

// load reads the files of a protocol that has been checked.
func (p Protocol) load() (m material, err error) {
	switch {
	case p.CAFile != "":
		m.cas, err = loadCAs([]string{p.CAFile})
	case p.CAPath != "":
		m.cas, err = loadDirectory(p.CAPath)
	}
	if err != nil || p.CertFile == "" {
		return m, err
	}
	pair, err := tls.LoadX509KeyPair(p.CertFile, p.KeyFile)
	if err != nil {
		return m, fmt.Errorf("Failed to load cert/key pair: %w", err)
	}
	m.cert = &pair
	return m, nil
}

func loadDirectory(dir string) (*x509.CertPool, error) {
	files, err := filesIn(dir)
	if err != nil {
		return nil, fmt.Errorf("Error loading from %s: %w", dir, err)
	}
	return loadCAs(files)
}

// filesIn lists the files of a directory, at least one, but not those of directories in it: one that is mounted from Kubernetes has its
// files there a second time.
func filesIn(dir string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path) // follows symbolic links
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() {
			files = append(files, path)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("there is no file in it")
	}
	return files, nil
}

func loadCAs(files []string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("Error loading from %s: %w", path, err)
		}
		certs, err := parseCertificates(data)
		if err != nil {
			return nil, fmt.Errorf("Error loading from %s: %w", path, err)
		}
		for _, c := range certs {
			pool.AddCert(c)
		}
	}
	return pool, nil
}

// parseCertificates returns the certificates of a PEM file, at least one.
func parseCertificates(data []byte) (all []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("failed to parse PEM")
	}
	return all, nil
}
