package snapshotagent

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/agessh"

	"github.com/lictor-dr/lictor/internal/alarm"
	"github.com/lictor-dr/lictor/internal/encryption"
)

// loot is all that somebody has who has the agent: every file of its host, its environment and command line, its log, what its stores give
// to it, and all strings and bytes in the memory that its configuration is in.
func (v *victim) loot(t *testing.T) map[string][]byte {
	t.Helper()
	loot := map[string][]byte{"log": v.log.Bytes()}
	err := filepath.WalkDir(v.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		loot["file: "+path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, arg := range v.args {
		loot[fmt.Sprint("argument ", i)] = []byte(arg)
	}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		loot["environment: "+name] = []byte(value)
	}
	v.readStores(t, loot)
	m := memoryWalk{loot: loot, seen: map[visit]bool{}}
	for name, root := range map[string]any{
		"configuration": v.config, "client": v.client, "agent": v.Agent.config, "settings": v.current.Load(), "waiting": v.debt, "board": v.board,
	} {
		m.walk("memory: "+name, reflect.ValueOf(root))
	}
	return loot
}

// readStores takes what is in remote destinations.
func (v *victim) readStores(t *testing.T, loot map[string][]byte) {
	t.Helper()
	for _, d := range v.current.Load().destinations[1:] {
		all, err := d.Store.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range all {
			r, err := d.Store.Get(t.Context(), o.Name)
			if err != nil {
				t.Fatal(err)
			}
			if loot["store: "+o.Name], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
			r.Close()
		}
	}
}

// A memoryWalk collects the strings and bytes that can be reached from a value, of whatever type, exported or not.
type memoryWalk struct {
	loot map[string][]byte
	seen map[visit]bool
}

type visit struct {
	at uintptr
	as reflect.Type
}

// machinery are packages whose values hold no configuration, but change all the time.
var machinery = []string{"net", "net/http", "crypto/tls", "crypto/x509", "context", "testing", "os", "github.com/hashicorp/go-hclog"}

func (m *memoryWalk) walk(where string, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		m.loot[where] = []byte(v.String())
	case reflect.Pointer, reflect.Map:
		at := visit{v.Pointer(), v.Type()}
		if v.IsNil() || m.seen[at] {
			return
		}
		m.seen[at] = true
		if v.Kind() == reflect.Pointer {
			m.walk(where, v.Elem())
			return
		}
		for i := v.MapRange(); i.Next(); {
			m.walk(where+" key", i.Key())
			m.walk(fmt.Sprint(where, "[", i.Key(), "]"), i.Value())
		}
	case reflect.Interface:
		if !v.IsNil() {
			m.walk(where, v.Elem())
		}
	case reflect.Struct:
		if slices.Contains(machinery, v.Type().PkgPath()) {
			return
		}
		for i := range v.NumField() {
			m.walk(where+"."+v.Type().Field(i).Name, v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		m.list(where, v)
	}
}

func (m *memoryWalk) list(where string, v reflect.Value) {
	if v.Type().Elem().Kind() != reflect.Uint8 {
		for i := range v.Len() {
			m.walk(fmt.Sprint(where, "[", i, "]"), v.Index(i))
		}
		return
	}
	b := make([]byte, v.Len())
	for i := range b {
		b[i] = byte(v.Index(i).Uint())
	}
	m.loot[where] = b
}

// identities are all that may decrypt, of what is in the loot: whatever reads as an identity of age or a private key of OpenSSH, 32 bytes
// as they are, in hex and in base64, and every word and every line as a passphrase.
func identities(loot map[string][]byte) (all []age.Identity) {
	var raw [][]byte
	for _, object := range loot {
		if len(object) == 32 {
			raw = append(raw, object)
		}
		for rest := object; len(rest) > 0; {
			block, left := pem.Decode(rest)
			if block == nil {
				break
			}
			if id, err := agessh.ParseIdentity(pem.EncodeToMemory(block)); err == nil {
				all = append(all, id)
			}
			rest = left
		}
	}
	for _, word := range wordsOf(loot) {
		if id, err := age.ParseX25519Identity(word); err == nil {
			all = append(all, id)
		}
		if id, err := age.ParseHybridIdentity(word); err == nil {
			all = append(all, id)
		}
		if id, err := age.NewScryptIdentity(word); err == nil {
			all = append(all, id)
		}
		for _, decode := range []func(string) ([]byte, error){
			hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
		} {
			if b, err := decode(word); err == nil && len(b) == 32 {
				raw = append(raw, b)
			}
		}
	}
	for _, b := range raw {
		if id, err := age.ParseX25519Identity(bech32("AGE-SECRET-KEY-", b)); err == nil {
			all = append(all, id)
		}
	}
	return all
}

// wordsOf are the words and the lines in what text there is.
func wordsOf(loot map[string][]byte) (words []string) {
	for _, object := range loot {
		if bytes.HasPrefix(object, []byte("age-encryption")) {
			object, _, _ = bytes.Cut(object, []byte("\n---"))
		}
		words = append(words, strings.FieldsFunc(string(object), func(r rune) bool { return strings.ContainsRune(" \t\n\r\"',:=/{}[]()", r) })...)
		words = append(words, strings.Split(string(object), "\n")...)
		words = append(words, string(object))
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// bech32 writes bytes as age writes its identities.
func bech32(prefix string, b []byte) string {
	const digits = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
	var values []byte
	bits, n := uint32(0), 0
	for _, c := range b {
		for bits, n = bits<<8|uint32(c), n+8; n >= 5; n -= 5 {
			values = append(values, byte(bits>>(n-5)&31))
		}
	}
	if n > 0 {
		values = append(values, byte(bits<<(5-n)&31))
	}
	var expanded []byte
	for _, c := range strings.ToLower(prefix) {
		expanded = append(expanded, byte(c>>5))
	}
	expanded = append(expanded, 0)
	for _, c := range strings.ToLower(prefix) {
		expanded = append(expanded, byte(c&31))
	}
	sum := uint32(1)
	for _, v := range slices.Concat(expanded, values, make([]byte, 6)) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ uint32(v)
		for i, g := range []uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	sum ^= 1
	for i := range 6 {
		values = append(values, byte(sum>>(5*(5-i))&31))
	}
	text := prefix + "1"
	for _, v := range values {
		text += digits[v : v+1]
	}
	return text
}

// backupsIn are the encrypted ones among the loot.
func backupsIn(loot map[string][]byte) map[string][]byte {
	backups := map[string][]byte{}
	for name, object := range loot {
		if encrypted, _ := encryption.Sniff(bytes.NewReader(object)); encrypted {
			backups[name] = object
		}
	}
	return backups
}

// openable are the backups that one of the identities opens.
func openable(t *testing.T, backups map[string][]byte, ids []age.Identity, archive []byte) (names []string) {
	t.Helper()
	for name, object := range backups {
		r, err := age.Decrypt(bytes.NewReader(object), ids...)
		if err != nil {
			continue
		}
		if plain, err := io.ReadAll(r); err != nil || !bytes.Equal(plain, archive) {
			t.Errorf("%s opens, but to something else: %v", name, err)
		}
		names = append(names, name)
	}
	return names
}

// A keyHolder is a hook that has something it should not have.
type keyHolder struct {
	deaf
	id *age.X25519Identity
}

// Somebody has all that the agent has, and tries everything that might be a key. With recipients that opens none of its backups. That the
// same search opens all of them where a key is left lying about shows that it would find one; that the operator's identity does, that
// they can be opened.
func TestRedTeam(t *testing.T) {
	operator, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	forOperator := func(*victim) []string { return []string{operator.Recipient().String()} }
	for _, c := range []struct {
		name  string
		to    func(*victim) []string
		plant func(*testing.T, *victim) // a key where the agent is; nil for none
	}{
		{"as it should be", forOperator, nil},
		{"the identity in a file", forOperator, func(t *testing.T, v *victim) {
			v.write(t, "old-notes.txt", "for the day: "+operator.String()+"\n")
		}},
		{"the identity in the environment", forOperator, func(t *testing.T, _ *victim) { t.Setenv("NOTES", operator.String()) }},
		{"the identity in memory", forOperator, func(_ *testing.T, v *victim) {
			s := v.current.Load()
			s.Hooks = append(s.Hooks, alarm.Hook{Name: "leaks", Action: &keyHolder{id: operator}})
		}},
		{"the host's own key is a recipient", func(v *victim) []string { return []string{operator.Recipient().String(), v.hostKey} },
			func(*testing.T, *victim) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := victimOf(t, c.to)
			if c.plant != nil {
				c.plant(t, v)
			}
			loot := v.loot(t)
			v.checkLoot(t, loot, operator)
			backups, ids := backupsIn(loot), identities(loot)
			if len(backups) != 3+2+1 {
				t.Fatalf("%d encrypted backups", len(backups))
			}
			want := 0
			if c.plant != nil {
				want = len(backups)
			}
			if got := openable(t, backups, ids, v.archive); len(got) != want {
				t.Errorf("%d of %d backups open with what the agent has, want %d: %q", len(got), len(backups), want, got)
			}
			if got := openable(t, backups, []age.Identity{operator}, v.archive); len(got) != len(backups) {
				t.Errorf("the operator's identity opens only %q", got)
			}
			t.Logf("%d places searched, %d keys tried on %d backups", len(loot), len(ids), len(backups))
		})
	}
}

// checkLoot wants the search to have come everywhere, and to have found nothing of an archive in the clear.
func (v *victim) checkLoot(t *testing.T, loot map[string][]byte, operator *age.X25519Identity) {
	t.Helper()
	for _, c := range []struct{ in, what string }{
		{"memory: ", victimS3}, {"memory: ", victimToken}, {"memory: ", operator.Recipient().String()}, {"file: ", victimToken},
		{"file: ", victimS3}, {"file: ", victimHook}, {"file: ", victimHookAt}, {"argument ", "agent.json"}, {"log", "Saved snapshot"},
		{"store: ", `"encryption"`}, {"environment: ", os.Getenv("PATH")}, {"memory: waiting", "consul-"},
	} {
		found := false
		for name, object := range loot {
			found = found || strings.HasPrefix(name, c.in) && bytes.Contains(object, []byte(c.what))
		}
		if !found {
			t.Errorf("%q was not found in %q: the search does not go far enough", c.what, c.in)
		}
	}
	searchPlain(t, loot, v.archive)
}

// searchPlain fails if there is a part of the archive in the loot, as it is or unpacked.
func searchPlain(t *testing.T, loot map[string][]byte, archive []byte) {
	t.Helper()
	for name, object := range loot {
		if strings.HasPrefix(name, "environment: ") {
			continue // of whoever runs the tests
		}
		for at := 0; at+32 <= len(archive); at += 32 {
			if bytes.Contains(object, archive[at:at+32]) {
				t.Fatalf("%s holds bytes %d to %d of the archive", name, at, at+32)
			}
		}
		for _, secret := range []string{"SecretID", "PrivateKey", "lictor-full-1", "locks/ttl", "\x1f\x8b\x08"} {
			if bytes.Contains(object, []byte(secret)) {
				t.Errorf("%s holds %q", name, secret)
			}
		}
	}
}
