package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// A server that was off for too long is refused until its file is deleted; one that keeps no time starts.
func TestRejoinAge(t *testing.T) {
	c := testConfig(t.TempDir())
	c.RejoinAgeMax = 6 * time.Hour
	closeServer(t, start(t, c))
	var seen lastSeen
	b, err := os.ReadFile(c.seenPath())
	if err != nil || json.Unmarshal(b, &seen) != nil || time.Since(time.Unix(seen.Unix, 0)) > time.Minute {
		t.Fatalf("%s, %v", b, err)
	}
	for name, f := range map[string]struct{ content, want string }{
		"just in time": {fmt.Sprintf(`{"last_seen_unix":%d}`, time.Now().Add(-5*time.Hour).Unix()), ""},
		"ahead":        {fmt.Sprintf(`{"last_seen_unix":%d}`, time.Now().Add(5*time.Hour).Unix()), ""},
		"too long": {fmt.Sprintf(`{"last_seen_unix":%d}`, time.Now().Add(-7*time.Hour).Unix()),
			"refusing to rejoin cluster because server has been offline for more than the configured server_rejoin_age_max (6h0m0s) - " +
				"consider wiping your data dir"},
		"damaged": {"{", "is damaged"},
		"empty":   {"{}", "is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(c.seenPath(), []byte(f.content), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := New(c)
			if err == nil {
				closeServer(t, s)
			}
			if f.want == "" && err != nil || f.want != "" && (err == nil || !strings.Contains(err.Error(), f.want)) {
				t.Errorf("%v, want %q", err, f.want)
			}
			if errors.Is(err, ErrRejoinAge) != (name == "too long") {
				t.Errorf("%v is an ErrRejoinAge: %v", err, errors.Is(err, ErrRejoinAge))
			}
		})
	}
	c.RejoinAgeMax = 0
	closeServer(t, start(t, c))
}

func FuzzDecodeSeen(f *testing.F) {
	for _, seed := range []string{`{"last_seen_unix":1795252560}`, `{}`, `{"last_seen_unix":-1}`, `[]`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if at, ok := decodeSeen(b); ok && at.Unix() <= 0 {
			t.Errorf("%q is %s", b, at)
		}
	})
}
