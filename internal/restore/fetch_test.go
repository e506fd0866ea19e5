package restore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/retrieval"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// commit puts an archive as a proven backup of dc1; with a key it is encrypted for that.
func commit(t *testing.T, store blobstore.Store, id, fixture string, to *age.X25519Identity, change func(*inventory.Entry)) {
	t.Helper()
	archive := golden.Read(t, fixture+".snap")
	d, err := inventory.Describe(t.Context(), bytes.NewReader(archive), inventory.Own{})
	if err != nil {
		t.Fatal(err)
	}
	e := d.Entry(id, "dc1")
	now := time.Now()
	e.Started, e.Saved, e.Committed, e.Proof, e.ProvenAt, e.Writer = now, now, now, inventory.Proven, &now, "test"
	if to != nil {
		archive = sealed(t, archive, to)
		sum := sha256.Sum256(archive)
		recipients, err := encryption.ParseRecipients([]string{to.Recipient().String()})
		if err != nil {
			t.Fatal(err)
		}
		e.Name, e.Encryption, e.Size, e.SHA256 = inventory.EncryptedName(id, 0), inventory.EncryptedFor(recipients), int64(len(archive)), hex.EncodeToString(sum[:])
	}
	if change != nil {
		change(e)
	}
	put(t, store, e.Name, archive)
	if err := inventory.Commit(t.Context(), store, e); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, store blobstore.Store, name string, data []byte) {
	t.Helper()
	if err := store.Put(t.Context(), name, bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
}

func sealed(t *testing.T, plain []byte, to *age.X25519Identity) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(plain)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func newKey(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// keysOf decrypt with an identity, which comes from a file.
func keysOf(t *testing.T, id *age.X25519Identity) *encryption.Keys {
	t.Helper()
	path := t.TempDir() + "/key.txt"
	if err := os.WriteFile(path, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := new(encryption.Keys)
	if _, err := keys.AddFile(path, nil); err != nil {
		t.Fatal(err)
	}
	return keys
}

// fetched gets the backup with ID 100, and returns the warnings, too.
func fetched(t *testing.T, keys *encryption.Keys, stores ...blobstore.Store) (*Fetched, []error, error) {
	t.Helper()
	copies, err := retrieval.FindCopies(t.Context(), stores, "100", "")
	if err != nil {
		t.Fatal(err)
	}
	var warnings []error
	f := &Fetch{Progress: quiet{}, Keys: func() (*encryption.Keys, error) { return keys, nil }, Warn: func(err error) { warnings = append(warnings, err) }}
	got, err := f.First(t.Context(), copies)
	if err == nil {
		t.Cleanup(func() { got.Close() })
	}
	return got, warnings, err
}

func TestFetch(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	const kv = "consul-1.21.4/kv"
	key, other := newKey(t), newKey(t)
	plain := func(t *testing.T, s blobstore.Store) { commit(t, s, "100", kv, nil, nil) }
	secret := func(t *testing.T, s blobstore.Store) { commit(t, s, "100", kv, key, nil) }
	flipped := func(t *testing.T, s blobstore.Store) {
		plain(t, s)
		b := golden.Read(t, kv+".snap")
		b[len(b)/2] ^= 1
		put(t, s, "consul-100.snap", b)
	}
	swapped := func(t *testing.T, s blobstore.Store) { // for another that is sound, which encryption for a public key does not keep anybody from
		secret(t, s)
		put(t, s, "consul-100.snap.age", sealed(t, golden.Read(t, "consul-1.21.4/full.snap"), key))
	}
	foreign := func(t *testing.T, s blobstore.Store) { put(t, s, "consul-100.snap", golden.Read(t, kv+".snap")) }
	bad := func(t *testing.T, s blobstore.Store) {
		commit(t, s, "100", kv, nil, func(e *inventory.Entry) { e.Proof, e.Reason, e.ProvenAt = inventory.Bad, "a difference", nil })
	}
	lethal := func(t *testing.T, s blobstore.Store) { commit(t, s, "100", "damaged/state-unknown-type", nil, nil) }
	fill := func(list ...func(*testing.T, blobstore.Store)) []func(*testing.T, blobstore.Store) { return list }
	for _, c := range []struct {
		name      string
		stores    []func(*testing.T, blobstore.Store)
		keys      *age.X25519Identity
		from      int // the number of the store it comes from
		encrypted bool
		want      error
		text      string
	}{
		{"sound", fill(plain), nil, 0, false, nil, ""},
		{"without an entry", fill(foreign), nil, 0, false, nil, ""},
		{"encrypted", fill(secret), key, 0, true, nil, ""},
		{"encrypted for somebody else", fill(secret), other, 0, false, ErrNoCopy, encryption.Fingerprint(key.Recipient().String())},
		{"encrypted, in one of two stores", fill(secret, plain), nil, 1, false, nil, ""},
		{"damaged", fill(flipped), nil, 0, false, retrieval.ErrChanged, "consul-100.snap"},
		{"damaged in one of two stores", fill(flipped, plain), nil, 1, false, nil, ""},
		{"damaged in both", fill(flipped, flipped), nil, 0, false, ErrNoCopy, ""},
		{"swapped", fill(swapped), key, 0, false, retrieval.ErrChanged, ""},
		{"bad", fill(bad), nil, 0, false, ErrBad, "a difference"},
		{"bad in one of two stores", fill(bad, plain), nil, 1, false, nil, ""},
		{"what kills a server, in both stores", fill(lethal, lethal), nil, 0, false, ErrRefused, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stores []blobstore.Store
			for _, fill := range c.stores {
				s := dir(t)
				fill(t, s)
				stores = append(stores, s)
			}
			var keys *encryption.Keys
			if c.keys != nil {
				keys = keysOf(t, c.keys)
			}
			got, warnings, err := fetched(t, keys, stores...)
			if c.want != nil {
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("%v, want %v with %q", err, c.want, c.text)
				}
				if refused := errors.Is(c.want, ErrRefused); refused && (len(warnings) > 0 || errors.Is(err, ErrNoCopy)) {
					t.Errorf("the same was tried again: %v, %v", warnings, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Source.Store != stores[c.from] || got.Encrypted != c.encrypted || len(warnings) != c.from || got.Plan.Report.Meta.Index != 233 {
				t.Errorf("%+v, warnings %v", got, warnings)
			}
			to := new(target)
			if err := got.Plan.Send(t.Context(), to, quiet{}); err != nil || !bytes.Equal(to.got, golden.Read(t, kv+".snap")) {
				t.Errorf("sent %d bytes, %v", len(to.got), err)
			}
		})
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind %v, %v", left, err)
	}
}

// A store that fails while it is read is no worse than one with a damaged copy.
func TestFetchFromAFaultyStore(t *testing.T) {
	for _, fault := range []storetest.Fault{storetest.FailGet, storetest.LoseGet, storetest.FailRead, storetest.TruncateRead, storetest.FlipRead} {
		t.Run(fault.String(), func(t *testing.T) {
			first, second := dir(t), dir(t)
			commit(t, first, "100", "consul-1.21.4/kv", nil, nil)
			commit(t, second, "100", "consul-1.21.4/kv", nil, nil)
			faulty := storetest.NewFaulty(first, 1, storetest.Strike{Fault: fault, Match: func(name string) bool { return strings.HasSuffix(name, ".snap") }})
			got, warnings, err := fetched(t, nil, faulty, second)
			if err != nil || got.Source.Store != second || len(warnings) != 1 || len(faulty.Struck()) == 0 {
				t.Errorf("%+v, %v, %v", got, warnings, err)
			}
			if _, _, err := fetched(t, nil, faulty); !errors.Is(err, ErrNoCopy) {
				t.Error(err)
			}
		})
	}
}

func TestFetchInterrupted(t *testing.T) {
	store := dir(t)
	commit(t, store, "100", "consul-1.21.4/kv", nil, nil)
	copies, err := retrieval.FindCopies(t.Context(), []blobstore.Store{store}, "100", "")
	if err != nil {
		t.Fatal(err)
	}
	copies.Sources = slices.Repeat(copies.Sources, 3)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by hand")
	cancel(stopped)
	f := &Fetch{Progress: quiet{}, Warn: func(err error) { t.Error(err) }}
	if _, err := f.First(ctx, copies); !errors.Is(err, stopped) || errors.Is(err, ErrNoCopy) {
		t.Error(err)
	}
}

// Without room for a private copy nothing goes on, and nobody's backup is called damaged for it.
func TestWithoutScratchSpace(t *testing.T) {
	store := dir(t)
	commit(t, store, "100", "consul-1.21.4/kv", nil, nil)
	r, to, _, _ := runOf(t)
	t.Setenv("TMPDIR", "/nope")
	if _, warnings, err := fetched(t, nil, store, store); !errors.Is(err, errSpool) || errors.Is(err, ErrNoCopy) || len(warnings) > 0 {
		t.Errorf("%v, %v", warnings, err)
	}
	if o, err := r.Do(t.Context()); !errors.Is(err, ErrSafety) || o.Safety != nil || to.got != nil {
		t.Errorf("%+v, %v", o, err)
	}
	r.Guard = nil
	if o, err := r.Do(t.Context()); err != nil || !errors.Is(o.NotCompared, errSpool) || !to.whole {
		t.Errorf("%+v, %v", o, err)
	}
}
