package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/lictor-dr/lictor/internal/encryption"
)

func init() { canAsk = func() bool { return false } } // whoever runs the tests is not asked

// ageKey is a key pair whose identity is in a file.
type ageKey struct {
	*age.X25519Identity
	file string
}

func newAgeKey(t *testing.T) ageKey {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(file, []byte("# a key\n"+id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return ageKey{id, file}
}

// fingerprint is that of the public key.
func (k ageKey) fingerprint() string { return encryption.Fingerprint(k.Recipient().String()) }

// byAge encrypts with age's own library.
func byAge(t *testing.T, plain []byte, to ...age.Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(plain)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func armored(t *testing.T, sealed []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := armor.NewWriter(&out)
	_, err := w.Write(sealed)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func openedBy(t *testing.T, sealed []byte, id age.Identity) []byte {
	t.Helper()
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Every reader says of an encrypted archive what it says of the plain one, good or bad, whatever the file's name.
func TestReadersOfEncryptedArchives(t *testing.T) {
	newSnapshotServer(t)
	key := newAgeKey(t)
	names := slices.Concat([]string{"consul-1.21.4/empty", "consul-1.21.4/kv", "consul-1.21.4/full", "consul-1.21.4/large-kv"}, damagedNames(t))
	t.Chdir(t.TempDir())
	for _, dir := range []string{"plain", "sealed"} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	back, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	readers := []string{"inspect", "decode", "verify", "restore -dry-run"}
	for i, name := range names {
		plain := fixtureBytes(t, name)
		sealed := byAge(t, plain, key.Recipient())
		if i%2 == 1 {
			sealed = armored(t, sealed)
		}
		writeFile(t, "plain/f.snap", plain)
		writeFile(t, "sealed/f.snap", sealed)
		for _, reader := range readers {
			t.Chdir(filepath.Join(back, "plain"))
			want := lictor(append(append([]string{"snapshot"}, words(reader)...), "f.snap")...)
			t.Chdir(filepath.Join(back, "sealed"))
			args := append(append([]string{"snapshot"}, words(reader)...), "-identity="+key.file)
			check(t, lictor(append(args, "f.snap")...), want)
			if reader != "verify" { // which prints the name
				check(t, lictorReading(string(sealed), append(args, "-")...), want)
			}
			if t.Failed() {
				t.Fatalf("%s of %s", reader, name)
			}
		}
		t.Chdir(back)
	}
}

// fixturesDir stays right when the test changes its directory.
var fixturesDir, _ = filepath.Abs(allFixtures)

func fixtureBytes(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(fixturesDir, name+".snap"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Without what decrypts, each reader says what it needs; nothing is sent or printed of what is not whole.
func TestReadersWithoutAKey(t *testing.T) {
	s := newSnapshotServer(t)
	key, other := newAgeKey(t), newAgeKey(t)
	plain := snapshotBytes(t, "consul-1.21.4/full")
	sealed := byAge(t, plain, key.Recipient())
	light, err := age.NewScryptRecipient("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	light.SetWorkFactor(8)
	t.Chdir(t.TempDir())
	writeFile(t, "f.age", sealed)
	writeFile(t, "p.age", byAge(t, plain, light))
	writeFile(t, "cut.age", sealed[:len(sealed)-1])
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	writeFile(t, "flipped.age", flipped)
	writeFile(t, "right.txt", []byte("correct horse\n"))
	writeFile(t, "wrong.txt", []byte("battery staple\n"))
	for _, reader := range []string{"inspect", "decode", "verify", "restore", "restore -dry-run"} {
		for _, c := range []struct{ flags, want string }{
			{"f.age", "it is encrypted for a public key: give an identity that decrypts it with -identity"},
			{"-identity=" + other.file + " f.age", "none of the keys given is one of theirs"},
			{"-identity=nope f.age", "open nope: no such file"},
			{"p.age", "it is encrypted with a passphrase: give that with -passphrase-file"},
			{"-passphrase-file=wrong.txt p.age", "is -passphrase-file the right one?"},
			{"-passphrase-file=wrong.txt f.age", "none of the keys"},
			{"-identity=" + key.file + " cut.age", "the encrypted file is damaged, or not whole"},
			{"-identity=" + key.file + " flipped.age", "the encrypted file is damaged, or not whole"},
		} {
			got := lictor(words("snapshot " + reader + " " + c.flags)...)
			if got.code != 1 || !strings.Contains(got.err+got.out, c.want) || reader != "verify" && got.out != "" {
				t.Errorf("%s %s: %+v", reader, c.flags, got)
			}
			if strings.Contains(got.err+got.out, "battery") || strings.Contains(got.err+got.out, "AGE-SECRET") {
				t.Errorf("%s %s shows a secret: %+v", reader, c.flags, got)
			}
		}
		if got := lictor(words("snapshot " + reader + " -passphrase-file=right.txt p.age")...); got.code != 0 {
			t.Errorf("%s: %+v", reader, got)
		}
	}
	if puts := s.arrived(); len(puts) != 1 || !bytes.Equal(puts[0], plain) {
		t.Errorf("%d archives were sent", len(puts))
	}
}

// A file of a passphrase that others can read is used, with a warning; one who is asked is asked once.
func TestPassphrases(t *testing.T) {
	newSnapshotServer(t)
	light, err := age.NewScryptRecipient("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	light.SetWorkFactor(8)
	key := newAgeKey(t)
	plain := snapshotBytes(t, "consul-1.21.4/kv")
	t.Chdir(t.TempDir())
	writeFile(t, "p.age", byAge(t, plain, light))
	writeFile(t, "f.age", byAge(t, plain, key.Recipient()))
	writeFile(t, "locked.txt", armored(t, byAge(t, []byte(key.String()), light)))
	writeFile(t, "open.txt", []byte("correct horse"))
	if err := os.Chmod("open.txt", 0o644); err != nil {
		t.Fatal(err)
	}
	if got := lictor("snapshot", "verify", "-passphrase-file=open.txt", "p.age"); got.code != 0 || !strings.Contains(got.err, "can be read by others (mode 0644)") {
		t.Errorf("%+v", got)
	}
	asked := 0
	defer func(before func(string) (string, error), may func() bool) { askSecret, canAsk = before, may }(askSecret, canAsk)
	askSecret = func(string) (string, error) { asked++; return "correct horse", nil }
	canAsk = func() bool { return true }
	for i, line := range []string{"verify p.age", "decode p.age", "verify -identity=locked.txt f.age"} {
		if got := lictor(words("snapshot " + line)...); got.code != 0 || asked != i+1 {
			t.Errorf("%s: %+v, asked %d times", line, got, asked)
		}
	}
	if got := lictor("snapshot", "verify", "f.age"); got.code != 1 || asked != 3 {
		t.Errorf("%+v, asked %d times for nothing", got, asked)
	}
}

// What is saved for recipients is an age file of what the cluster sent, and no more than that is left.
func TestSaveEncrypted(t *testing.T) {
	s := newSnapshotServer(t)
	s.archive = snapshotBytes(t, "consul-1.21.4/full")
	a, b := newAgeKey(t), newAgeKey(t)
	t.Chdir(t.TempDir())
	writeFile(t, "team.pub", []byte("# the team\n"+b.Recipient().String()+"\n"))
	got := lictor("snapshot", "save", "-recipient="+a.Recipient().String(), "-recipients-file=team.pub", "b.snap.age")
	if got.code != 0 || !strings.HasPrefix(got.out, "Saved and verified snapshot to index 148, encrypted for recipients ") || got.err != "" {
		t.Fatalf("%+v", got)
	}
	sealed, err := os.ReadFile("b.snap.age")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []ageKey{a, b} {
		if !bytes.Equal(openedBy(t, sealed, id), s.archive) {
			t.Error("it is another archive")
		}
	}
	info, err := os.Stat("b.snap.age")
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	got = lictor("snapshot", "save", "-format=json", "-recipient="+a.Recipient().String(), "-")
	var res savedSnapshot
	if err := json.Unmarshal([]byte(got.err[strings.Index(got.err, "{"):]), &res); err != nil || got.code != 0 {
		t.Fatalf("%v, %+v", err, got.err)
	}
	if res.Bytes != int64(len(got.out)) || !slices.Equal(res.Recipients, []string{a.fingerprint()}) || !bytes.Equal(openedBy(t, []byte(got.out), a), s.archive) {
		t.Errorf("%+v", res)
	}
	for _, c := range []struct {
		line, want string
		code       int
	}{
		{"-recipient=" + a.Recipient().String() + " plain.snap", "does not end in .age", 0},
		{"-recipient=" + a.String() + " no.age", "this is an identity", 1},
		{"-recipients-file=none no.age", "none: no such file", 1},
		{"-recipient=age1 no.age", "malformed", 1},
		{"-append-filename=version,dc -recipient=" + a.Recipient().String() + " l.snap.age", "Saved", 0},
	} {
		got := lictor(words("snapshot save " + c.line)...)
		if got.code != c.code || !strings.Contains(got.err+got.out, c.want) || strings.Contains(got.err+got.out, a.String()) {
			t.Errorf("%s: %+v", c.line, got)
		}
	}
	files, err := filepath.Glob("*")
	if want := []string{"b.snap.age", "l-1.21.4-dc1.snap.age", "plain.snap", "team.pub"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("files %v, %v", files, err)
	}
	s.archive = s.archive[:500]
	if got := lictor("snapshot", "save", "-recipients-file=team.pub", "b.snap.age"); got.code != 1 {
		t.Errorf("%+v", got)
	}
	if now, err := os.ReadFile("b.snap.age"); err != nil || !bytes.Equal(now, sealed) {
		t.Error("a save that failed has changed the file")
	}
}

// A file is encrypted anew in its place, or stays as it is.
func TestRekeyFile(t *testing.T) {
	newSnapshotServer(t)
	old, next := newAgeKey(t), newAgeKey(t)
	plain := snapshotBytes(t, "consul-1.21.4/kv")
	t.Chdir(t.TempDir())
	writeFile(t, "b.age", plain)
	writeFile(t, "new.txt", []byte("correct horse"))
	to := func(k ageKey) string { return " -recipient=" + k.Recipient().String() }
	for _, c := range []struct {
		line, want string
		code       int
		id         age.Identity // that decrypts it afterwards; nil if it is plain
	}{
		{"b.age", "whom to encrypt for is not said", 1, nil},
		{"-dry-run" + to(old) + " b.age", "Would encrypt b.age for recipient " + old.fingerprint(), 0, nil},
		{to(old) + " b.age", "Encrypted b.age for recipient " + old.fingerprint(), 0, old},
		{to(next) + " b.age", "give an identity", 1, old},
		{"-dry-run" + to(next) + " b.age", "give an identity", 1, old},
		{"-identity=" + old.file + to(next) + " b.age", "Encrypted", 0, next},
		{"-identity=" + old.file + to(next) + " b.age", "none of the keys", 1, next},
		{"-new-passphrase-file=new.txt" + to(next) + " b.age", "use one of them", 1, next},
		{to(next) + " -", "name one", 1, next},
		{to(next) + " none.age", "no such file", 1, next},
	} {
		got := lictor(words("snapshot rekey " + c.line)...)
		if got.code != c.code || !strings.Contains(got.out+got.err, c.want) {
			t.Errorf("%s: %+v", c.line, got)
		}
		content, err := os.ReadFile("b.age")
		if err != nil {
			t.Fatal(err)
		}
		if c.id != nil {
			content = openedBy(t, content, c.id)
		}
		if !bytes.Equal(content, plain) {
			t.Fatalf("%s: it is another archive", c.line)
		}
	}
	writeFile(t, "bad.age", byAge(t, plain[:500], old.Recipient()))
	before, _ := os.ReadFile("bad.age")
	got := lictor(words("snapshot rekey -identity=" + old.file + to(next) + " bad.age")...)
	if now, err := os.ReadFile("bad.age"); got.code != 1 || err != nil || !bytes.Equal(now, before) || !strings.Contains(got.err, "the file is as it was") {
		t.Errorf("%+v", got)
	}
	if files, _ := filepath.Glob("*"); len(files) != 3 {
		t.Errorf("files %v", files)
	}
}
