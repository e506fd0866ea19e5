package rekey

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/storetest"
)

var errCrashed = errors.New("the store has stopped working")

// shelf is a store in memory that stops working at an operation.
type shelf struct {
	mu      sync.Mutex // entries are read at once
	objects map[string][]byte
	trace   []string
	left    int  // operations until it stops; negative: it never does
	applied bool // whether the operation at which it stops takes effect
}

func (s *shelf) clone() *shelf { return &shelf{objects: maps.Clone(s.objects), left: -1} }

func (s *shelf) begin(what string) (apply bool, err error) {
	s.trace = append(s.trace, what)
	if s.left == 0 {
		apply, s.applied = s.applied, false
		return apply, errCrashed
	}
	s.left--
	return true, nil
}

func (s *shelf) Put(_ context.Context, name string, r io.Reader, _ int64) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	apply, err := s.begin("put " + name)
	if apply {
		s.objects[name] = data
	}
	return err
}

func (s *shelf) Get(_ context.Context, name string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.begin("get " + name); err != nil {
		return nil, err
	}
	data, ok := s.objects[name]
	if !ok {
		return nil, blobstore.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (s *shelf) List(context.Context) (all []blobstore.Object, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.begin("list"); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		all = append(all, blobstore.Object{Name: name, Size: int64(len(s.objects[name]))})
	}
	return all, nil
}

func (s *shelf) Delete(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	apply, err := s.begin("delete " + name)
	if apply {
		delete(s.objects, name)
	}
	return err
}

func (s *shelf) Location(name string) string { return "memory/" + name }
func (s *shelf) String() string              { return "Memory" }
func (s *shelf) Close() error                { return nil }

// key is a key pair.
type key struct {
	to   *encryption.Recipients
	id   *age.X25519Identity
	keys *encryption.Keys
}

func newKey(t *testing.T) key {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(path, []byte(id.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	k := key{id: id, keys: new(encryption.Keys)}
	if _, err := k.keys.AddFile(path, nil); err != nil {
		t.Fatal(err)
	}
	if k.to, err = encryption.ParseRecipients([]string{id.Recipient().String()}); err != nil {
		t.Fatal(err)
	}
	return k
}

// keep puts a proven backup into a store, encrypted if to is not nil.
func keep(t *testing.T, store blobstore.Store, id string, to *encryption.Recipients) {
	t.Helper()
	archive := golden.Read(t, "consul-1.21.4/kv.snap")
	d, err := inventory.Describe(t.Context(), bytes.NewReader(archive), inventory.Own{})
	if err != nil {
		t.Fatal(err)
	}
	e := d.Entry(id, "prod")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	e.Started, e.Saved, e.Committed, e.Proof, e.ProvenAt, e.Writer = now, now, now, inventory.Proven, &now, "test"
	if to != nil {
		var sealed bytes.Buffer
		w, err := to.Encrypt(&sealed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(archive); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		archive = sealed.Bytes()
		e.Name, e.Encryption, e.Size, e.SHA256 = inventory.EncryptedName(id, 0), inventory.EncryptedFor(to), int64(len(archive)), sum(archive)
	}
	if err := store.Put(t.Context(), e.Name, bytes.NewReader(archive), e.Size); err != nil {
		t.Fatal(err)
	}
	if err := inventory.Commit(t.Context(), store, e); err != nil {
		t.Fatal(err)
	}
}

func sum(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

// early is always the same time.
func early() time.Time { return time.UnixMilli(5) }

func list(t *testing.T, store blobstore.Store) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.List(t.Context(), store, nil)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// all rekeys what is in a store.
func all(ctx context.Context, j *Job, store blobstore.Store) error {
	inv, err := inventory.List(ctx, store, nil)
	if err != nil {
		return err
	}
	var errs []error
	for i := range inv.Backups {
		_, err := j.Backup(ctx, store, &inv.Backups[i])
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// whole fails unless each backup is proven, and decrypts to what was saved with one of the keys, or is plain if that is allowed.
func whole(t *testing.T, s *shelf, n int, plain bool, ids ...age.Identity) {
	t.Helper()
	inv := list(t, s.clone())
	if len(inv.Backups) != n {
		t.Fatalf("%d backups of %d", len(inv.Backups), n)
	}
	for _, b := range inv.Backups {
		if !b.Proven() || b.Entry.SHA256 != sum(s.objects[b.Name]) {
			t.Fatalf("%s is not proven, or its entry is about another archive: %+v", b.Name, b.Entry)
		}
		content := s.objects[b.Name]
		if b.Entry.Encryption != nil {
			r, err := age.Decrypt(bytes.NewReader(content), ids...)
			if err == nil {
				content, err = io.ReadAll(r)
			}
			if err != nil {
				t.Fatalf("%s: %v", b.Name, err)
			}
		} else if !plain {
			t.Errorf("%s is not encrypted", b.Name)
		}
		if !bytes.Equal(content, golden.Read(t, "consul-1.21.4/kv.snap")) {
			t.Errorf("%s is another archive", b.Name)
		}
	}
}

// Whenever the store stops working, with an operation done or not, each backup is the old or the new one; and doing it again ends where it
// would have ended.
func TestCrashes(t *testing.T) {
	old, next := newKey(t), newKey(t)
	for name, before := range map[string]*encryption.Recipients{"from another key": old.to, "for the first time": nil} {
		t.Run(name, func(t *testing.T) {
			start := &shelf{objects: map[string][]byte{}, left: -1}
			keep(t, start, "1", before)
			keep(t, start, "2", before)
			start.objects["unrelated"] = []byte("x")
			job := &Job{Keys: old.keys, To: next.to, Now: early}
			good := start.clone()
			if err := all(t.Context(), job, good); err != nil {
				t.Fatal(err)
			}
			whole(t, good, 2, false, next.id)
			names := slices.Sorted(maps.Keys(good.objects))
			trace := good.trace
			for n, op := range trace {
				for _, applied := range []bool{false, true} {
					s := start.clone()
					s.left, s.applied = n, applied
					// a listing reports an entry that cannot be read, and goes on
					if err := all(t.Context(), job, s); err == nil && !strings.HasPrefix(op, "get ") {
						t.Errorf("crash at %s: no error", op)
					}
					left := s.clone()
					whole(t, left, 2, before == nil, old.id, next.id)
					if err := all(t.Context(), job, left); err != nil {
						t.Errorf("again after a crash at %s: %v", op, err)
					}
					whole(t, left, 2, false, next.id)
					if got := slices.Sorted(maps.Keys(left.objects)); !slices.Equal(got, names) {
						t.Errorf("again after a crash at %s: %v, want %v", op, got, names)
					}
					if t.Failed() {
						t.Fatalf("operation %d of %v, applied %v", n+1, trace, applied)
					}
				}
			}
		})
	}
}

// A backup can be encrypted anew again and again; its ID and its proof stay.
func TestGenerations(t *testing.T) {
	first := newKey(t)
	s := &shelf{objects: map[string][]byte{}, left: -1}
	keep(t, s, "7", nil)
	before := list(t, s).Find("7").Entry
	last := first
	for i, want := range []string{"consul-7.5.snap.age", "consul-7.6.snap.age", "consul-7.7.snap.age"} {
		next := newKey(t)
		job := &Job{Keys: last.keys, To: next.to, Now: early}
		r, err := job.Backup(t.Context(), s, list(t, s).Find("7"))
		if err != nil || r.Name != want || r.Already {
			t.Fatalf("%d: %+v, %v", i, r, err)
		}
		if got := slices.Sorted(maps.Keys(s.objects)); !slices.Equal(got, []string{want, "consul-7.snap.json"}) {
			t.Errorf("%d: objects %v", i, got)
		}
		last = next
	}
	whole(t, s, 1, false, last.id)
	e := list(t, s).Find("7").Entry
	if e.ID != before.ID || !e.ProvenAt.Equal(*before.ProvenAt) || e.Essence != before.Essence || e.Index != before.Index ||
		!slices.Equal(e.Encryption.Recipients, last.to.Fingerprints()) {
		t.Errorf("%+v", e)
	}
}

// What a store does wrong costs no backup.
func TestFaultyStores(t *testing.T) {
	old, next := newKey(t), newKey(t)
	for _, fault := range []storetest.Fault{
		storetest.FailPut, storetest.FailAfterPut, storetest.LosePut, storetest.TruncatePut, storetest.EmptyPut, storetest.FlipPut, storetest.ZeroPut,
		storetest.FailGet, storetest.LoseGet, storetest.FailRead, storetest.TruncateRead, storetest.FlipRead, storetest.StaleRead,
		storetest.FailDelete, storetest.LoseDelete,
	} {
		for skip := range 4 {
			honest := &shelf{objects: map[string][]byte{}, left: -1}
			keep(t, honest, "1", old.to)
			inv := list(t, honest)
			faulty := storetest.NewFaulty(honest, uint64(skip), storetest.Strike{Fault: fault, Skip: skip, Times: 1})
			job := &Job{Keys: old.keys, To: next.to, Now: early}
			_, err := job.Backup(t.Context(), faulty, inv.Find("1"))
			// an entry that is damaged in the store is a backup that can be adopted; its archive must be whole
			entries := list(t, honest)
			if b := entries.Find("1"); b.Entry == nil {
				if err == nil {
					t.Errorf("%s after %d: the entry is lost, without an error", fault, skip)
				}
				continue
			}
			whole(t, honest, 1, false, old.id, next.id)
			if b := entries.Find("1"); err == nil && !slices.Equal(b.Entry.Encryption.Recipients, next.to.Fingerprints()) {
				t.Errorf("%s after %d: no error, but it is encrypted for the old key", fault, skip)
			}
		}
	}
}

func TestDryRun(t *testing.T) {
	old, next := newKey(t), newKey(t)
	s := &shelf{objects: map[string][]byte{}, left: -1}
	keep(t, s, "1", old.to)
	before := maps.Clone(s.objects)
	job := &Job{Keys: old.keys, To: next.to, Now: early, DryRun: true}
	r, err := job.Backup(t.Context(), s, list(t, s).Find("1"))
	if err != nil || r.From == nil || r.Already {
		t.Errorf("%+v, %v", r, err)
	}
	job.Keys = next.keys
	var locked *encryption.LockedError
	if _, err = job.Backup(t.Context(), s, list(t, s).Find("1")); !errors.As(err, &locked) || !strings.Contains(err.Error(), old.to.Fingerprints()[0]) {
		t.Errorf("a key that does not fit: %v", err)
	}
	if !maps.EqualFunc(before, s.objects, bytes.Equal) {
		t.Error("a dry run has changed the store")
	}
}

// A passphrase has no fingerprint: whether a backup is encrypted with it is tried.
func TestToAPassphrase(t *testing.T) {
	to, err := encryption.Passphrase("new")
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{objects: map[string][]byte{}, left: -1}
	keep(t, s, "1", nil)
	job := &Job{To: to, Now: early}
	for _, already := range []bool{false, true} {
		if r, err := job.Backup(t.Context(), s, list(t, s).Find("1")); err != nil || r.Already != already {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	other, err := encryption.Passphrase("newer")
	if err != nil {
		t.Fatal(err)
	}
	job = &Job{Keys: to.Keys(), To: other, Now: early}
	if r, err := job.Backup(t.Context(), s, list(t, s).Find("1")); err != nil || r.Already {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRefused(t *testing.T) {
	old, next := newKey(t), newKey(t)
	s := &shelf{objects: map[string][]byte{}, left: -1}
	keep(t, s, "1", old.to)
	keep(t, s, "2", old.to)
	keep(t, s, "3", old.to)
	keep(t, s, "4", old.to)
	s.objects["consul-5.snap"] = []byte("foreign")
	delete(s.objects, "consul-1.snap.age")
	s.objects["consul-2.snap.age"] = s.objects["consul-2.snap.age"][1:]
	s.objects["consul-3.snap.json"] = []byte("{")
	flipped := bytes.Clone(s.objects["consul-4.snap.age"])
	flipped[len(flipped)-1] ^= 1
	s.objects["consul-4.snap.age"] = flipped
	before := maps.Clone(s.objects)
	job := &Job{Keys: old.keys, To: next.to, Now: early}
	for id, want := range map[string]string{"1": "not there", "2": "another size", "3": "entry cannot be used", "4": "", "5": "no entry"} {
		_, err := job.Backup(t.Context(), s, list(t, s).Find(id))
		if err == nil || !strings.Contains(err.Error(), want) || (want != "") != errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if !maps.EqualFunc(before, s.objects, bytes.Equal) {
		t.Error("something was changed")
	}
	fixed := &inventory.Backup{ID: "9", Name: "latest", Archive: true, Size: 1, Entry: &inventory.Entry{Size: 1, Proof: inventory.Unproven}}
	if _, err := job.Backup(t.Context(), s, fixed); !errors.Is(err, inventory.ErrFixed) {
		t.Error(err)
	}
}

// An archive that is not what its entry says, though it decrypts and has the right sum, is not taken over.
func TestAnotherContent(t *testing.T) {
	old, next := newKey(t), newKey(t)
	s := &shelf{objects: map[string][]byte{}, left: -1}
	keep(t, s, "1", old.to)
	text := strings.Replace(string(s.objects["consul-1.snap.json"]), `"count": 1,`, `"count": 2,`, 1)
	s.objects["consul-1.snap.json"] = []byte(text)
	job := &Job{Keys: old.keys, To: next.to, Now: early}
	if _, err := job.Backup(t.Context(), s, list(t, s).Find("1")); err == nil || !strings.Contains(err.Error(), "not what its entry says") {
		t.Error(err)
	}
	if s.objects["consul-1.snap.age"] == nil || s.objects["consul-1.5.snap.age"] != nil {
		t.Error("the archive was replaced")
	}
}

// racing is a store that does something right after the first archive is put.
type racing struct {
	*shelf
	then func()
}

func (r *racing) Put(ctx context.Context, name string, data io.Reader, size int64) error {
	err := r.shelf.Put(ctx, name, data, size)
	if then := r.then; then != nil {
		r.then = nil
		then()
	}
	return err
}

// Two that encrypt the same backup anew at once, and an agent that deletes it meanwhile, leave a backup that is whole or none, and no archive
// that nobody owns.
func TestRaces(t *testing.T) {
	old, a, b := newKey(t), newKey(t), newKey(t)
	s := &shelf{objects: map[string][]byte{}, left: -1}
	keep(t, s, "1", old.to)
	inv := list(t, s)
	first := &Job{Keys: old.keys, To: a.to}
	second := &Job{Keys: old.keys, To: b.to, Now: early}
	_, err := first.Backup(t.Context(), &racing{s, func() {
		if _, err := second.Backup(t.Context(), s, inv.Find("1")); err != nil {
			t.Error(err)
		}
	}}, inv.Find("1"))
	if !errors.Is(err, inventory.ErrChanged) {
		t.Errorf("the one who came late: %v", err)
	}
	whole(t, s, 1, false, b.id)
	if len(s.objects) != 2 {
		t.Errorf("objects %v", slices.Sorted(maps.Keys(s.objects)))
	}
	inv = list(t, s)
	_, err = (&Job{Keys: b.keys, To: a.to}).Backup(t.Context(), &racing{s, func() {
		delete(s.objects, inv.Find("1").Name)
		delete(s.objects, "consul-1.snap.json")
	}}, inv.Find("1"))
	if err == nil || len(s.objects) != 0 {
		t.Errorf("%v, objects %v", err, slices.Sorted(maps.Keys(s.objects)))
	}
}
