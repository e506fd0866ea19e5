package tlsconf

import (
	"fmt"
	"time"
)

// soon is how long before a certificate's end it is warned of.
const soon = 30 * 24 * time.Hour

// Expiry is when the agent's certificate ends, the first to do so if there are two; false without a certificate.
func (t *TLS) Expiry() (time.Time, bool) {
	l := t.now.Load()
	var first time.Time
	for _, m := range []material{l.internal, l.https} {
		if m.cert != nil && (first.IsZero() || m.cert.Leaf.NotAfter.Before(first)) {
			first = m.cert.Leaf.NotAfter
		}
	}
	return first, !first.IsZero()
}

// ExpiryWarnings tell of each certificate that is not valid now, or will not be in 30 days.
func (t *TLS) ExpiryWarnings(now time.Time) (warnings []string) {
	l := t.now.Load()
	told := map[string]bool{} // most often both are one
	for _, s := range []struct {
		file string
		material
	}{{l.config.InternalRPC.CertFile, l.internal}, {l.config.HTTPS.CertFile, l.https}} {
		if s.cert == nil || told[s.file] {
			continue
		}
		told[s.file] = true
		if w := validity(now, s.cert.Leaf.NotBefore, s.cert.Leaf.NotAfter); w != "" {
			warnings = append(warnings, fmt.Sprintf("the certificate in %s %s", s.file, w))
		}
	}
	return warnings
}

// validity says what is wrong with the time in which a certificate is valid, or nothing.
func validity(now, from, to time.Time) string {
	left := to.Sub(now)
	switch {
	case left <= 0:
		return "expired on " + to.UTC().Format(time.RFC3339) + ": clients refuse it. Replace the file and reload"
	case now.Before(from):
		return "is not valid before " + from.UTC().Format(time.RFC3339) + ": clients refuse it. Is the clock right?"
	case left <= soon:
		return fmt.Sprintf("expires on %s, in %d days: replace the file and reload", to.UTC().Format(time.RFC3339), int(left/(24*time.Hour)))
	}
	return ""
}
