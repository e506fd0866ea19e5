package walkthrough

import (
	"maps"
	"strings"
	"testing"
)

const (
	idA, idB   = "8f246b77-f3e1-ff88-5b48-8ec93abf3e05", "1f3c0d2e-6a54-9e0b-7c1d-0d4fbb3d0a11"
	idC, idD   = "0b6b35d3-31a1-5f6a-94b0-4a8d3c0f9a2e", "7310a004-1330-7076-5872-ac6c68e5a11a"
	keyA, keyB = "wVjY9Wl9ZQSkNHKd7V5Hs7vXeSPRz3h0fVrB6jLFF0c=", "Zf2wSgGSvmJqXl3vWXk4BjLqEoJvFWe0eIb9yNNU2Pw="
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name, shown, printed string
		same                 bool
	}{
		{"nothing", "", "", true},
		{"the same", "Success! Data written to: a", "Success! Data written to: a", true},
		{"another text", "Success! Data written to: a", "Success! Data written to: b", false},
		{"a line less", "a\nb", "a", false},
		{"a line more", "a", "a\nb", false},
		{"wider columns", "a  b", "a     b", true},
		{"times", "saved 2026-11-21T12:00:00Z", "saved 2027-01-02T03:04:05.678Z", true},
		{"a time is shown, none printed", "saved 2026-11-21", "saved yesterday", false},
		{"long numbers", "index 20", "index 4711", true},
		{"a number of one digit counts", "Tolerance: 1", "Tolerance: 0", false},
		{"numbers of names count", "dc10 a-17 10.0.0.12:8300", "dc11 a-17 10.0.0.12:8300", false},
		{"addresses count", "at 127.0.0.12:8300", "at 127.0.0.13:8300", false},
		{"durations", "LastContact 17.447s", "LastContact 31ms", true},
		{"anything in a line", "notAfter=…", "notAfter=Nov 21", true},
		{"any lines", "a\n…\nd", "a\nb\nc\nd", true},
		{"no lines", "a\n…\nd", "a\nd", true},
		{"any lines, another end", "a\n…\nd", "a\nb\nc", false},
		{"another leads", "s1 leader -\ns2 follower 0 commits", "s1 follower 0 commits\ns2 leader -", true},
		{"two lead", "s1 leader\ns2 follower", "s1 leader\ns2 leader", false},
		{"nobody leads", "s1 leader\ns2 follower", "s1 follower\ns2 follower", false},
		{"one is behind", "s2 follower 0 commits", "s2 follower 3 commits", false},
		{"an ID", idA, idB, true},
		{"the same ID twice", idA + " " + idA, idB + " " + idB, true},
		{"two IDs where one is shown", idA + " " + idA, idB + " " + idC, false},
		{"a key", keyA, keyB, true},
		{"no key", keyA, "key", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := values{}.match(strings.Split(c.shown, "\n"), strings.Split(c.printed, "\n"))
			if (err == nil) != c.same {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestValuesAreLearned(t *testing.T) {
	known, err := values{}.match([]string{"token " + idA + " key " + keyA}, []string{"token " + idB + " key " + keyB})
	if err != nil || !maps.Equal(known, values{idA: idB, keyA: keyB}) {
		t.Fatalf("%v, %v", known, err)
	}
	if got := known.put("use " + idA + " and " + keyA); got != "use "+idB+" and "+keyB {
		t.Errorf("put: %s", got)
	}
	if _, err := known.match([]string{idA}, []string{idB}); err != nil {
		t.Errorf("a known ID again: %v", err)
	}
	if _, err := known.match([]string{idA}, []string{idC}); err == nil {
		t.Error("another ID is taken for one that is known")
	}
	if more, err := known.match([]string{idD}, []string{idC}); err != nil || len(more) != 3 || len(known) != 2 {
		t.Errorf("%v, %v, %v", more, known, err)
	}
}
