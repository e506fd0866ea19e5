package snapshotagent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// keyPair is a new public key, and what decrypts.
func keyPair(t *testing.T) (*encryption.Recipients, *age.X25519Identity) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	to, err := encryption.ParseRecipients([]string{id.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	return to, id
}

func opened(t *testing.T, sealed []byte, ids ...age.Identity) []byte {
	t.Helper()
	r, err := age.Decrypt(bytes.NewReader(sealed), ids...)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// seer is a judge that looks at what it is given.
type seer struct {
	judge
	saw []byte
	err error
}

func (s *seer) Prove(ctx context.Context, path string, want *inventory.Description) Verdict {
	s.saw, s.err = os.ReadFile(path)
	return s.judge.Prove(ctx, path, want)
}

// A backup is proven in the clear and stored encrypted; its entry tells of both.
func TestEncryptedRun(t *testing.T) {
	to, id := keyPair(t)
	eye := &seer{judge: judge{verdicts: []Verdict{proven}}}
	s := newStage(t, 2, func(c *Config) { c.Encrypt, c.Prover = to, eye })
	for range 3 {
		if err := s.run(t.Context(), s.term); err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(time.Hour)
	}
	if !bytes.Equal(eye.saw, s.cluster.archive) || eye.err != nil {
		t.Errorf("the proof was of %d bytes, %v", len(eye.saw), eye.err)
	}
	want, err := inventory.Describe(t.Context(), bytes.NewReader(s.cluster.archive), s.config.Own)
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range s.stores {
		all := s.entries(t, store)
		if len(all) != 2 || len(store.names()) != 4 {
			t.Fatalf("%d backups, objects %v", len(all), store.names())
		}
		e := all[0]
		sealed := store.objects[e.Name]
		if e.Name != "consul-"+e.ID+".snap.age" || store.objects["consul-"+e.ID+".snap.json"] == nil {
			t.Errorf("name %s, objects %v", e.Name, store.names())
		}
		if !bytes.Equal(opened(t, sealed, id), s.cluster.archive) {
			t.Error("what is stored does not decrypt to what the cluster sent")
		}
		if e.Proof != inventory.Proven || e.Size != int64(len(sealed)) || e.SHA256 != fmt.Sprintf("%x", sha256.Sum256(sealed)) ||
			e.Encryption == nil || !slices.Equal(e.Encryption.Recipients, to.Fingerprints()) || e.Encryption.Passphrase {
			t.Errorf("entry %+v, %+v", e, e.Encryption)
		}
		if e.Index != want.Meta.Index || e.StateSize != want.StateSize || e.Essence != want.Essence || len(e.Census) != len(want.Families) {
			t.Errorf("the entry does not tell what was encrypted: %+v", e)
		}
	}
	if s.leftovers(t) != 0 {
		t.Error("scratch files are left")
	}
}

// With a passphrase what was stored is decrypted again.
func TestEncryptedWithAPassphrase(t *testing.T) {
	to, err := encryption.Passphrase("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, 1, func(c *Config) { c.Encrypt = to })
	if err := s.run(t.Context(), s.term); err != nil {
		t.Fatal(err)
	}
	e := s.entries(t, s.stores[0])[0]
	id, err := age.NewScryptIdentity("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !e.Encryption.Passphrase || len(e.Encryption.Recipients) != 0 || e.Proof != inventory.Proven {
		t.Errorf("%+v, %+v", e, e.Encryption)
	}
	if !bytes.Equal(opened(t, s.stores[0].objects[e.Name], id), s.cluster.archive) {
		t.Error("it is another archive")
	}
	// what decrypts to something else is bad
	other, err := s.config.Scratch.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Discard()
	w, err := to.Encrypt(other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("another archive")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	made := &taken{Description: new(inventory.Description)}
	if v := s.verdictOn(t, made, &sealed{proven, to.Keys()}, other.Name()); v.Proof != inventory.Bad {
		t.Errorf("%+v", v)
	}
}

// verdictOn is verdict for the file at path.
func (s *stage) verdictOn(t *testing.T, made *taken, with *sealed, path string) Verdict {
	t.Helper()
	file, err := s.config.Scratch.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Discard()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	return s.verdict(t.Context(), made, with, file)
}

// What goes wrong with an encrypted backup goes wrong as it does with any.
func TestEncryptedRunFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*stage)
		stage Stage
	}{
		{"store spoils", func(s *stage) { s.stores[0].spoil = func(b []byte) []byte { return append(b, 0) } }, StageReadBack},
		{"store down", func(s *stage) { s.stores[0].down = errors.New("boom") }, StageUpload},
		{"bad proof", func(s *stage) { s.judge.verdicts = []Verdict{{inventory.Bad, "2 keys differ"}} }, StageDrill},
	} {
		t.Run(c.name, func(t *testing.T) {
			to, _ := keyPair(t)
			s := newStage(t, 1, func(c *Config) { c.Encrypt = to })
			c.spoil(s)
			err := s.run(t.Context(), s.term)
			var at *failed
			if !errors.As(err, &at) || at.stage != c.stage {
				t.Errorf("error %v, want one of stage %s", err, c.stage)
			}
			s.stores[0].fail(nil)
			s.stores[0].spoil = nil
			if all := s.entries(t, s.stores[0]); len(all) != 0 || s.leftovers(t) != 0 {
				t.Errorf("backups %+v, %d scratch files", all, s.leftovers(t))
			}
			for name, object := range s.stores[0].objects {
				if bytes.HasPrefix(object, []byte{0x1f, 0x8b}) {
					t.Errorf("%s is stored in the clear", name)
				}
			}
		})
	}
}

// While a destination is down, what waits for it on disk is encrypted; it gets the very same bytes later.
func TestEncryptedCatchUp(t *testing.T) {
	to, id := keyPair(t)
	s := newStage(t, 2, func(c *Config) { c.Encrypt = to })
	s.stores[1].fail(errors.New("down"))
	if err := s.run(t.Context(), s.term); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(s.scratch)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d scratch files, %v", len(files), err)
	}
	waiting, err := os.ReadFile(s.scratch + "/" + files[0].Name())
	if encrypted, _ := encryption.Sniff(bytes.NewReader(waiting)); !encrypted || err != nil {
		t.Errorf("what waits is not encrypted, %v", err)
	}
	s.stores[1].fail(nil)
	s.catchUp(t.Context(), s.term)
	name := s.entries(t, s.stores[1])[0].Name
	if !bytes.Equal(s.stores[0].objects[name], s.stores[1].objects[name]) || !bytes.Equal(opened(t, s.stores[1].objects[name], id), s.cluster.archive) {
		t.Error("the destination got something else")
	}
	if s.leftovers(t) != 0 {
		t.Error("scratch files are left")
	}
}

// A backup that nothing has changed since is good enough only if it is encrypted for whom it should be.
func TestEncryptedSkip(t *testing.T) {
	first, _ := keyPair(t)
	second, _ := keyPair(t)
	s := newStage(t, 2, func(c *Config) { c.SkipUnchanged = true })
	for i, step := range []struct {
		to   *encryption.Recipients
		want int
	}{{nil, 1}, {nil, 1}, {first, 2}, {first, 2}, {second, 3}, {second, 3}, {nil, 4}} {
		current := *s.current.Load()
		current.Encrypt = step.to
		for _, d := range current.destinations {
			d.Retain = 0
		}
		s.current.Store(&current)
		s.look(t.Context())
		if err := s.run(t.Context(), s.term); err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(time.Hour)
		for _, store := range s.stores {
			if n := len(s.entries(t, store)); n != step.want {
				t.Errorf("step %d: %d backups, want %d", i, n, step.want)
			}
		}
	}
	for _, e := range s.entries(t, s.stores[0]) {
		if e.Confirmed == nil && e.ID != s.entries(t, s.stores[0])[0].ID {
			t.Errorf("%s was not confirmed", e.Name)
		}
	}
}

// fixed is a store of one archive.
type fixed struct{ *memory }

func (fixed) FixedName() string { return "latest.snap" }

// A fixed name stays what it is, encrypted or not.
func TestEncryptedUnderAFixedName(t *testing.T) {
	to, id := keyPair(t)
	m := newMemory("fixed")
	s := newStage(t, 0, func(c *Config) {
		c.Encrypt, c.SkipUnchanged = to, true
		c.Destinations = []Destination{{Store: fixed{m}}}
	})
	for range 2 {
		if err := s.run(t.Context(), s.term); err != nil {
			t.Fatal(err)
		}
		s.look(t.Context())
		s.clock.Advance(time.Hour)
	}
	if want := []string{"latest.snap", "latest.snap.json"}; !slices.Equal(m.names(), want) {
		t.Fatalf("objects %v", m.names())
	}
	e, err := inventory.DecodeEntry(m.objects["latest.snap.json"])
	if err != nil || e.Encryption == nil || e.Confirmed == nil || !bytes.Equal(opened(t, m.objects["latest.snap"], id), s.cluster.archive) {
		t.Errorf("%v, %+v", err, e)
	}
}
