package tlsconf

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
)

func TestVersions(t *testing.T) {
	for name, want := range map[string]uint16{"TLS_AUTO": 0, "TLSv1_0": 0x301, "TLSv1_1": 0x302, "TLSv1_2": 0x303, "TLSv1_3": 0x304} {
		got, err := ParseVersion(name)
		if err != nil || got != want || VersionName(got) != name {
			t.Errorf("%s: %x, %v, and back %s", name, got, err, VersionName(got))
		}
	}
	for _, name := range []string{"", "tls12", "TLSv1_4", "tlsv1_2"} {
		if _, err := ParseVersion(name); err == nil {
			t.Errorf("%q is a version", name)
		}
	}
}

func TestCipherSuites(t *testing.T) {
	var all []string
	for _, id := range suites {
		all = append(all, tls.CipherSuiteName(id))
	}
	if len(all) != 10 {
		t.Errorf("%d cipher suites", len(all))
	}
	got, err := ParseCipherSuites(strings.Join(all, " ,"))
	if err != nil || !slices.Equal(got, suites) || !slices.Equal(SuiteNames(got), all) {
		t.Errorf("%v %v", got, err)
	}
	if got, err := ParseCipherSuites(""); got != nil || err != nil {
		t.Errorf("an empty list: %v %v", got, err)
	}
	for _, name := range []string{"FOO", "TLS_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_RC4_128_SHA", "TLS_ECDHE_RSA_WITH_AES_128_GCM"} {
		if _, err := ParseCipherSuites(all[0] + "," + name); err == nil || !strings.HasSuffix(err.Error(), "cipher suite found for "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCipherSuites(f *testing.F) {
	f.Add("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305")
	f.Add(",,")
	f.Fuzz(func(t *testing.T, list string) {
		got, err := ParseCipherSuites(list)
		if err != nil {
			return
		}
		again, err := ParseCipherSuites(strings.Join(SuiteNames(got), ","))
		if err != nil || !slices.Equal(again, got) {
			t.Errorf("%q: %v, then %v %v", list, got, again, err)
		}
	})
}
