package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeygen(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		got := lictor("keygen")
		key, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(got.out, "\n"))
		if err != nil || len(key) != 32 || got.code != 0 || got.err != "" || seen[got.out] {
			t.Errorf("exit %d, stdout %q, stderr %q", got.code, got.out, got.err)
		}
		seen[got.out] = true
	}
	check(t, result{code: lictor("keygen", "x").code, err: lictor("keygen", "x").err}, result{0, "", "Warning: arguments are ignored: x\n"})
}

const keyringList = `[
 {"WAN":true,"Datacenter":"dc1","Segment":"","Messages":{},"Keys":{"bbb=":1},"PrimaryKeys":{"bbb=":1},"NumNodes":1},
 {"WAN":false,"Datacenter":"dc1","Segment":"","Messages":{"n2":"truncated \u001b[31m","n1":"odd"},"Keys":{"bbb=":2,"aaa=":3},
  "PrimaryKeys":{"aaa=":3},"NumNodes":3},
 {"WAN":false,"Datacenter":"dc2","Segment":"red","Messages":{},"Keys":{},"PrimaryKeys":{},"NumNodes":0}]`

func TestKeyringList(t *testing.T) {
	const messages = "  ===> n1: odd\n" + `  ===> n2: "truncated \x1b[31m"` + "\n"
	const all = "\nWAN:\n  bbb= [1/1]\n\ndc1 (LAN):\n" + messages + "  aaa= [3/3]\n  bbb= [2/3]\n\ndc2 (LAN) [red]:\n"
	const primary = "\nWAN:\n  bbb= [1/1]\n\ndc1 (LAN):\n" + messages + "  aaa= [3/3]\n\ndc2 (LAN) [red]:\n"
	const gathering = "==> Gathering installed encryption keys...\n"
	const gatheringPrimary = "==> Gathering installed primary encryption keys...\n"
	for _, c := range []struct {
		name, line string
		want       result
		query      string
	}{
		{"all", "keyring -list", result{out: gathering + all}, ""},
		{"primary", "keyring -list-primary", result{out: gatheringPrimary + primary}, ""},
		{"both", "keyring -list -list-primary", result{out: gathering + all + "\n" + gatheringPrimary + primary}, ""},
		{"options", "keyring -list -relay-factor=5 -local-only -datacenter=dc1", result{out: gathering + all}, "?dc=dc1&local-only=true&relay-factor=5"},
		{"unknown format", "keyring -list -format=xml", failed("Unknown format: xml"), "none"},
		{"relay factor too high", "keyring -list -relay-factor=6", failed("Invalid -relay-factor 6: it is a number from 0 to 5"), "none"},
		{"two actions", "keyring -list -install=aaa=", failed("Only a single action is allowed: give one of -install, -use, -remove and -list"), "none"},
		{"two changes", "keyring -use=aaa= -remove=bbb=", failed("Only a single action is allowed: give one of -install, -use, -remove and -list"), "none"},
		{"change of one pool", "keyring -use=aaa= -local-only",
			failed("-local-only is for -list and -list-primary: a change always reaches all members"), "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.answers["GET /v1/operator/keyring"] = keyringList
			check(t, lictor(words(c.line)...), c.want)
			want := "GET /v1/operator/keyring" + c.query
			if c.query == "none" {
				want = ""
			}
			if got := f.calls(); got != want {
				t.Errorf("asked %q, want %q", got, want)
			}
		})
	}
}

func TestKeyringListAsJSON(t *testing.T) {
	newFake(t).answers["GET /v1/operator/keyring"] = `[{"WAN":false,"Datacenter":"dc1","Segment":"","Messages":{},"Keys":{"a=":2},"PrimaryKeys":{"a=":1},"NumNodes":2}]`
	check(t, lictor("keyring", "-list", "-format=json"), ok(`[
   {
      "WAN": false,
      "Datacenter": "dc1",
      "Segment": "",
      "Keys": {
         "a=": 2
      },
      "PrimaryKeys": {
         "a=": 1
      },
      "NumNodes": 2
   }
]`))
}

func TestKeyringChanges(t *testing.T) {
	const path, refused = "/v1/operator/keyring", "Unexpected response code: 500 (refused by the test)\n"
	for _, c := range []struct {
		flag, method, begun, failure string
	}{
		{"install", "POST", "==> Installing new gossip encryption key...\n", "Error installing key: "},
		{"use", "PUT", "==> Changing primary gossip encryption key...\n", "Error changing the primary key: "},
		{"remove", "DELETE", "==> Removing gossip encryption key...\n", "Error removing key: "},
	} {
		t.Run(c.flag, func(t *testing.T) {
			f := newFake(t)
			f.answers[c.method+" "+path] = ""
			file := filepath.Join(t.TempDir(), "gossip.key")
			if err := os.WriteFile(file, []byte("fff=\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			check(t, lictor("keyring", "-"+c.flag, "aaa=", "-relay-factor=2"), result{out: c.begun})
			check(t, lictor("keyring", "-"+c.flag+"=@"+file), result{out: c.begun})
			check(t, lictorReading("iii=\n", "keyring", "-"+c.flag+"=-"), result{out: c.begun})
			want := c.method + " " + path + `?relay-factor=2 {"Key":"aaa="}` + "\n" +
				c.method + " " + path + ` {"Key":"fff="}` + "\n" + c.method + " " + path + ` {"Key":"iii="}`
			if got := f.calls(); got != want {
				t.Errorf("asked\n%s\nwant\n%s", got, want)
			}
			check(t, lictor("keyring", "-"+c.flag+"=@/does/not/exist"),
				failed("Error! Failed to read file: open /does/not/exist: no such file or directory"))
			f.refuse["keyring"] = 500
			check(t, lictor("keyring", "-"+c.flag+"=aaa="), result{1, c.begun, c.failure + refused})
		})
	}
}

func TestKeyringListFails(t *testing.T) {
	newFake(t).refuse["keyring"] = 500
	check(t, lictor("keyring", "-list"), result{1, "==> Gathering installed encryption keys...\n",
		"Error listing keys: Unexpected response code: 500 (refused by the test)\n"})
}
