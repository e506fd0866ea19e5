package snapshotconfig

import (
	"slices"
	"strings"
	"testing"
)

const (
	alice = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
	bob   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN bob"
)

func TestEncryption(t *testing.T) {
	for _, c := range []struct {
		name, text string
		args       []string
		want       []string // recipients
		banner     string
		fails      string
	}{
		{"nothing", "", nil, nil, "", ""},
		{"a list", `encryption { recipients = ["` + alice + `", "` + bob + `"] }`, nil, []string{alice, bob}, "recipients ", ""},
		{"one text", `encryption { recipients = "` + alice + `" }`, nil, []string{alice}, "recipient cf7e568231315068", ""},
		{"flags", "", []string{"-encryption-recipient", alice, "-encryption-recipient=" + bob}, []string{alice, bob}, "recipients ", ""},
		{"flags over a file", `encryption { recipients = ["` + alice + `"] }`, []string{"-encryption-recipient", bob}, []string{bob}, "recipient ", ""},
		{"a passphrase", `encryption { passphrase_file = "testdata/passphrase-1" }`, nil, nil, "a passphrase, in testdata/passphrase-1", ""},
		{"both", `encryption { recipients = ["` + alice + `"] passphrase_file = "testdata/passphrase-1" }`, nil, nil, "", "cannot be combined"},
		{"no file", `encryption { passphrase_file = "testdata/none" }`, nil, nil, "", "none: no such file"},
		{"an identity", `encryption { recipients = ["AGE-SECRET-KEY-1HUNTER2"] }`, nil, nil, "", "recipient 1: this is an identity"},
		{"no list", `encryption { recipients = 7 }`, nil, nil, "", "expected a list of strings, got a number"},
		{"a list of something else", `encryption { recipients = [1] }`, nil, nil, "", "expected a list of strings, got a number in it"},
		{"unknown key", `encryption { recipient = "x" }`, nil, nil, "", "invalid config key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, _, err := agent(t, c.text, c.args...)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) || strings.Contains(err.Error(), "HUNTER2") {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			banner := config.Banner("1")
			if !slices.Equal(config.Encryption.Recipients, c.want) || strings.Contains(banner, "Encryption:") != (c.banner != "") ||
				!strings.Contains(banner, c.banner) || strings.Contains(banner, "correct horse") {
				t.Errorf("%+v\n%s", config.Encryption, banner)
			}
		})
	}
}
