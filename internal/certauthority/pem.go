package certauthority

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func parseCertificates(text []byte) (certificates []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse certificate: %w", err)
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, errors.New("no certificate in PEM is in it")
	}
	return certificates, nil
}

// parseKey reads the first private key of a text: SEC 1, PKCS #8 or PKCS #1.
func parseKey(text []byte) (crypto.Signer, error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, errors.New("no private key in PEM is in it")
		}
		switch block.Type {
		case "EC PRIVATE KEY":
			return signer(x509.ParseECPrivateKey(block.Bytes))
		case "PRIVATE KEY":
			return signer(x509.ParsePKCS8PrivateKey(block.Bytes))
		case "RSA PRIVATE KEY":
			return signer(x509.ParsePKCS1PrivateKey(block.Bytes))
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("the private key is encrypted: decrypt it first, with openssl pkey")
		}
	}
}

func signer[K any](key K, err error) (crypto.Signer, error) {
	if err != nil {
		return nil, fmt.Errorf("parse private key: %w", err)
	}
	s, ok := any(key).(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a private key of the type %T cannot sign", key)
	}
	return s, nil
}
