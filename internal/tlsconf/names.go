package tlsconf

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// versions are the names of tls_min_version. TLS_AUTO leaves it to Go.
var versions = []struct {
	name    string
	version uint16
}{
	{"TLS_AUTO", 0}, {"TLSv1_0", tls.VersionTLS10}, {"TLSv1_1", tls.VersionTLS11}, {"TLSv1_2", tls.VersionTLS12}, {"TLSv1_3", tls.VersionTLS13},
}

// ParseVersion returns the version that a name of tls_min_version stands for; 0 is Go's default.
func ParseVersion(name string) (uint16, error) {
	var names []string
	for _, v := range versions {
		if v.name == name {
			return v.version, nil
		}
		names = append(names, v.name)
	}
	return 0, fmt.Errorf("invalid TLS version: no matching TLS version found for %s, please specify one of [%s]", name, strings.Join(names, ", "))
}

// VersionName is the name of a version that ParseVersion returned.
func VersionName(version uint16) string {
	for _, v := range versions {
		if v.version == version {
			return v.name
		}
	}
	return tls.VersionName(version)
}

// suites may be chosen: those with forward secrecy that Go does not call insecure.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
}

// ParseCipherSuites returns the cipher suites of a list of names with commas between them; none for an empty list.
func ParseCipherSuites(list string) ([]uint16, error) {
	var all []uint16
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		i := slices.IndexFunc(suites, func(id uint16) bool {
			full := tls.CipherSuiteName(id)
			return name == full || strings.Contains(name, "CHACHA20") && name+"_SHA256" == full // Go's first name for it
		})
		if i < 0 {
			return nil, fmt.Errorf("invalid TLS cipher suites: no matching Consul Agent TLS cipher suite found for %s", name)
		}
		all = append(all, suites[i])
	}
	return all, nil
}

// CheckSuites refuses cipher suites beside a version that leaves no choice of them.
func CheckSuites(minVersion uint16, suites []uint16) error {
	if minVersion == tls.VersionTLS13 && len(suites) > 0 {
		return errors.New("invalid TLS cipher suites: TLS 1.3 cipher suites are not configurable")
	}
	return nil
}

// SuiteNames are the names of cipher suites, never nil.
func SuiteNames(suites []uint16) []string {
	names := make([]string, len(suites))
	for i, id := range suites {
		names[i] = tls.CipherSuiteName(id)
	}
	return names
}
