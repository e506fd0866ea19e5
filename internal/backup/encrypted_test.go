package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/golden"
)

// somebody is a recipient, what decrypts for it, and what does here.
func somebody(t *testing.T) (*encryption.Recipients, *age.X25519Identity, *encryption.Keys) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	to, err := encryption.ParseRecipients([]string{id.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(file, []byte(id.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := new(encryption.Keys)
	if _, err := keys.AddFile(file, nil); err != nil {
		t.Fatal(err)
	}
	return to, id, keys
}

func TestSaveEncrypted(t *testing.T) {
	to, id, keys := somebody(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "b.age")
	archive := golden.Read(t, "consul-1.21.4/full.snap")
	place := &Encrypted{Place: &File{Path: path}, To: to}
	res, err := Save(t.Context(), &source{body: bytes.NewReader(archive)}, place, quiet{})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := os.ReadFile(path)
	if err != nil || place.Size != int64(len(sealed)) || place.SHA256 != sha256.Sum256(sealed) {
		t.Errorf("%v, %d bytes, %+v", err, len(sealed), place)
	}
	if res.Report.SHA256 != sha256.Sum256(archive) || !slices.Equal(entries(t, dir), []string{"b.age"}) {
		t.Errorf("%+v, left %v", res.Report, entries(t, dir))
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, archive) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	// and back
	plain := filepath.Join(dir, "b.snap")
	back := &Decrypted{Source: &source{body: bytes.NewReader(sealed)}, Keys: keys}
	if _, err := Save(t.Context(), back, &File{Path: plain}, quiet{}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(plain); err != nil || !bytes.Equal(got, archive) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := os.Remove(plain); err != nil {
		t.Fatal(err)
	}
	back = &Decrypted{Source: &source{body: bytes.NewReader(sealed[:len(sealed)-1])}, Keys: keys}
	if _, err := Save(t.Context(), back, &File{Path: plain}, quiet{}); !errors.Is(err, encryption.ErrDamaged) {
		t.Error(err)
	}
	back = &Decrypted{Source: &source{body: bytes.NewReader(sealed)}, Recipients: []string{"0123456789abcdef"}}
	if _, err := Save(t.Context(), back, &File{Path: plain}, quiet{}); err == nil || !strings.Contains(err.Error(), "0123456789abcdef") {
		t.Error(err)
	}
	if !slices.Equal(entries(t, dir), []string{"b.age"}) {
		t.Errorf("left %v", entries(t, dir))
	}
}

// weak is a place that fails at a step.
type weak struct {
	bytes.Buffer
	at      string
	aborted bool
	done    bool
}

var errWeak = errors.New("weak")

func (w *weak) fails(step string) error {
	if w.at == step {
		return errWeak
	}
	return nil
}

func (w *weak) Stage(context.Context) (Staged, error) { return w, w.fails("stage") }
func (w *weak) Seal() error                           { return w.fails("seal") }
func (w *weak) Abort() error                          { w.aborted = true; return nil }

func (w *weak) Write(p []byte) (int, error) {
	if err := w.fails("write"); err != nil {
		return 0, err
	}
	return w.Buffer.Write(p)
}

func (w *weak) Open() (io.ReadCloser, error) {
	b := bytes.Clone(w.Bytes())
	if w.at == "read" {
		b[len(b)/2] ^= 1
	}
	return io.NopCloser(bytes.NewReader(b)), w.fails("open")
}

func (w *weak) Commit(context.Context) error { w.done = w.at != "commit"; return w.fails("commit") }

// Whatever fails in the place behind it, nothing counts there.
func TestEncryptedPlaceFails(t *testing.T) {
	to, _, _ := somebody(t)
	archive := golden.Read(t, "consul-1.21.4/kv.snap")
	for _, step := range []string{"stage", "write", "seal", "open", "read", "commit", ""} {
		w := &weak{at: step}
		_, err := Save(t.Context(), &source{body: bytes.NewReader(archive)}, &Encrypted{Place: w, To: to}, quiet{})
		if (err == nil) != (step == "") || w.done != (step == "") || w.aborted != (step != "" && step != "stage") {
			t.Errorf("at %q: %v, done %v, aborted %v", step, err, w.done, w.aborted)
		}
	}
	w := new(weak)
	if _, err := Save(t.Context(), &source{body: bytes.NewReader(archive[:500])}, &Encrypted{Place: w, To: to}, quiet{}); err == nil || w.Len() > 0 {
		t.Errorf("a bad archive: %v, %d bytes are in the place", err, w.Len())
	}
}
