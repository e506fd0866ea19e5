package registration

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestConfigurationIsChecked(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"no name", Config{SavingTTL: time.Hour}, "has no name"},
		{"never fresh", Config{Service: "a"}, "cannot be fresh for 0s"},
		{"negative", Config{Service: "a", SavingTTL: time.Hour, DeregisterAfter: -1}, "use 0 for never"},
		{"good", Config{Service: "a", SavingTTL: time.Hour}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(nil, c.config)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestIDsDiffer(t *testing.T) {
	a, _ := New(nil, Config{Service: "a", SavingTTL: time.Hour})
	b, _ := New(nil, Config{Service: "a", SavingTTL: time.Hour})
	if a.ID() == b.ID() || a.AliveID() == a.SavingID() {
		t.Errorf("%s, %s", a.ID(), b.ID())
	}
}

func TestPresentable(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "disk full", "disk full"},
		{"query", `Put "https://h/b/k?X-Amz-Signature=abc&y": EOF`, `Put "https://h/b/k": EOF`},
		{"user", "https://u:p@h:1/x refused", "https://h:1/x refused"},
		{"slash and at", "https://h/a@b is fine", "https://h/a@b is fine"},
		{"question without URL", "is it? yes", "is it? yes"},
		{"fragment", "azblob://c#sig=1.", "azblob://c"},
		{"several", "s3://b?a=1, gs://c?k=2", "s3://b gs://c"},
		{"not UTF-8", "a\xffb", "a\uFFFDb"},
		{"long", strings.Repeat("ä", 1000), strings.Repeat("ä", 510) + "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Presentable(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzPresentable(f *testing.F) {
	f.Add("https://u:SECRET@h/x?k=SECRET#SECRET")
	f.Fuzz(func(t *testing.T, text string) {
		got := Presentable(text)
		if len(got) > maxNote || !utf8.ValidString(got) {
			t.Errorf("%d bytes: %q", len(got), got)
		}
		if safe := Presentable("https://h/x?k=SECRET" + " " + text); strings.Contains(safe, "k=SECRET") && !strings.Contains(text, "k=SECRET") {
			t.Errorf("kept %q", safe)
		}
	})
}
