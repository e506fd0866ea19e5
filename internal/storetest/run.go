package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

const (
	many   = 1100 // objects: more than a page of any store
	large  = 20 << 20
	s3Part = 5 << 20
)

// Run puts a store to the test of all that [blobstore.Store] promises. open returns an empty one each time, which Run closes.
func Run(t *testing.T, open func(t testing.TB) blobstore.Store) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, blobstore.Store)
	}{
		{"empty store", emptyStore},
		{"life of an object", lifeOfAnObject},
		{"an object is replaced", replaced},
		{"sizes", sizes},
		{"names", names},
		{"names that are refused", refusedNames},
		{"a reader that fails", failingReaders},
		{"a put that is cancelled", cancelledPut},
		{"a context that is done", doneContext},
		{"a read that is cancelled", cancelledGet},
		{"puts at once", concurrentPuts},
		{"puts of one object at once", concurrentReplaces},
		{"many objects", manyObjects},
		{"words", words},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			tt.test(t, s)
		})
	}
}

// Content is size bytes that are the same for the same seed and do not compress.
func Content(seed uint64, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, seed))).Read(b) // it never fails
	return b
}

func put(t *testing.T, s blobstore.Store, name string, content []byte) {
	t.Helper()
	// A plain reader: no store may rely on more.
	if err := s.Put(t.Context(), name, struct{ io.Reader }{bytes.NewReader(content)}, int64(len(content))); err != nil {
		t.Fatalf("Put %s: %v", name, err)
	}
}

// read returns an object, or nil if there is none.
func read(t *testing.T, s blobstore.Store, name string) []byte {
	t.Helper()
	r, err := s.Get(t.Context(), name)
	if errors.Is(err, blobstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		t.Fatalf("Get %s: %v", name, err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return append([]byte{}, b...)
}

// holds wants the store to have these objects and no others, as listed and as read.
func holds(t *testing.T, s blobstore.Store, want map[string][]byte) {
	t.Helper()
	listed, err := s.List(t.Context())
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	var got []string
	for _, o := range listed {
		got = append(got, o.Name)
		if content, ok := want[o.Name]; ok && o.Size != int64(len(content)) {
			t.Errorf("%s is listed with %d bytes, not %d", o.Name, o.Size, len(content))
		}
		if age := time.Since(o.Modified); age < -time.Hour || age > time.Hour {
			t.Errorf("%s is listed as modified at %v", o.Name, o.Modified)
		}
	}
	if names := slices.Sorted(maps.Keys(want)); !slices.Equal(got, names) {
		t.Errorf("listed: %q, want %q", got, names)
	}
	for name, content := range want {
		if b := read(t, s, name); !bytes.Equal(b, content) {
			t.Errorf("%s holds %d bytes that are not the %d that were put", name, len(b), len(content))
		}
	}
}

func emptyStore(t *testing.T, s blobstore.Store) {
	holds(t, s, nil)
	if r, err := s.Get(t.Context(), "consul-1.snap"); !errors.Is(err, blobstore.ErrNotFound) || r != nil {
		t.Errorf("Get of nothing: %v, %v", r, err)
	} else if !strings.Contains(err.Error(), s.Location("consul-1.snap")) {
		t.Errorf("the error %q does not say where", err)
	}
	if err := s.Delete(t.Context(), "consul-1.snap"); err != nil {
		t.Errorf("Delete of nothing: %v", err)
	}
}

func lifeOfAnObject(t *testing.T, s blobstore.Store) {
	a, b := Content(1, 1000), []byte("{}\n")
	put(t, s, "consul-1.snap", a)
	put(t, s, "consul-1.snap.json", b)
	holds(t, s, map[string][]byte{"consul-1.snap": a, "consul-1.snap.json": b})
	for range 2 {
		if err := s.Delete(t.Context(), "consul-1.snap"); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		holds(t, s, map[string][]byte{"consul-1.snap.json": b})
	}
	if read(t, s, "consul-1.snap") != nil {
		t.Error("what was deleted can be read")
	}
}

func replaced(t *testing.T, s blobstore.Store) {
	for _, size := range []int{1000, 10, 2000, 0} {
		content := Content(uint64(size), size)
		put(t, s, "a", content)
		holds(t, s, map[string][]byte{"a": content})
	}
}

// sizes are those at which stores change how they upload.
func sizes(t *testing.T, s blobstore.Store) {
	for _, size := range []int{0, 1, 256 << 10, 4<<20 - 1, 4 << 20, 4<<20 + 1, s3Part - 1, s3Part, s3Part + 1, 2 * s3Part, large} {
		content := Content(2, size)
		put(t, s, "a", content)
		if !bytes.Equal(read(t, s, "a"), content) {
			t.Errorf("%d bytes do not come back", size)
		}
	}
	content := Content(3, large)
	if err := s.Put(t.Context(), "b", iotest.HalfReader(bytes.NewReader(content)), large); err != nil {
		t.Fatalf("Put from a reader in small pieces: %v", err)
	}
	holds(t, s, map[string][]byte{"a": Content(2, large), "b": content})
}

func names(t *testing.T, s blobstore.Store) {
	want := map[string][]byte{}
	for _, name := range []string{
		"a", "A0", "consul-1479360073448728784.snap", "consul-1.snap.json", "consul-1.snap.bad", "with space", "plus+and&", "per%41cent",
		"q?x=1#f", "a~b_c-d=e,f@g:h;i!j(k)'l\"m", "Grüße", "日本", "no.tmp.here", strings.Repeat("n", 230),
	} {
		want[name] = []byte("content of " + name)
		put(t, s, name, want[name])
	}
	holds(t, s, want)
	for name := range want {
		if err := s.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete %q: %v", name, err)
		}
	}
	holds(t, s, nil)
}

func refusedNames(t *testing.T, s blobstore.Store) {
	for _, name := range []string{
		"", ".", "..", ".hidden", "a/b", "/a", "a/", `a\b`, "../a", "a\x00", "a\nb", "\xff", "a.tmp", "a.tmp123", strings.Repeat("n", 231),
	} {
		if err := s.Put(t.Context(), name, strings.NewReader("x"), 1); err == nil {
			t.Errorf("Put takes %q", name)
		}
		if _, err := s.Get(t.Context(), name); err == nil || errors.Is(err, blobstore.ErrNotFound) {
			t.Errorf("Get of %q: %v", name, err)
		}
		if err := s.Delete(t.Context(), name); err == nil {
			t.Errorf("Delete takes %q", name)
		}
	}
	holds(t, s, nil)
}

func failingReaders(t *testing.T, s blobstore.Store) {
	broken := errors.New("the disk is broken")
	old := []byte("the old object")
	put(t, s, "old", old)
	for _, size := range []int{10, 1 << 20, s3Part, 2*s3Part + 1} {
		content := Content(4, size)
		for what, r := range map[string]struct {
			reader io.Reader
			want   error
		}{
			"fails half-way": {io.MultiReader(bytes.NewReader(content[:size/2]), iotest.ErrReader(broken)), broken},
			"fails at once":  {iotest.ErrReader(broken), broken},
			"fails at end":   {io.MultiReader(bytes.NewReader(content), iotest.ErrReader(broken)), broken},
			"ends early":     {bytes.NewReader(content[:size-1]), io.ErrUnexpectedEOF},
			"is empty":       {bytes.NewReader(nil), io.ErrUnexpectedEOF},
			"goes on":        {bytes.NewReader(append(content, 0)), nil},
			"goes on and on": {io.MultiReader(bytes.NewReader(content), bytes.NewReader(content)), nil},
		} {
			for _, name := range []string{"old", "new"} {
				err := s.Put(t.Context(), name, struct{ io.Reader }{r.reader}, int64(size))
				if err == nil || r.want != nil && !errors.Is(err, r.want) && name == "old" {
					t.Errorf("%d bytes, a reader that %s: %v", size, what, err)
				}
			}
		}
	}
	holds(t, s, map[string][]byte{"old": old})
}

// cancelReader cancels a context when it has given so many bytes.
type cancelReader struct {
	r      io.Reader
	after  int
	cancel func()
}

func (c *cancelReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.after -= n; c.after <= 0 {
		c.cancel()
	}
	return n, err
}

func cancelledPut(t *testing.T, s blobstore.Store) {
	old := []byte("the old object")
	put(t, s, "old", old)
	for _, size := range []int{10, 1 << 20, 3 * s3Part} {
		for _, after := range []int{0, size / 2} {
			for _, name := range []string{"old", "new"} {
				ctx, cancel := context.WithCancel(t.Context())
				r := &cancelReader{bytes.NewReader(Content(5, size)), after, cancel}
				if err := s.Put(ctx, name, r, int64(size)); !errors.Is(err, context.Canceled) {
					t.Errorf("%d bytes, cancelled after %d: %v", size, after, err)
				}
				cancel()
			}
		}
	}
	holds(t, s, map[string][]byte{"old": old})
}

func doneContext(t *testing.T, s blobstore.Store) {
	put(t, s, "a", []byte("a"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, "b", strings.NewReader("b"), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	if _, err := s.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get: %v", err)
	}
	if _, err := s.List(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("List: %v", err)
	}
	if err := s.Delete(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("Delete: %v", err)
	}
	holds(t, s, map[string][]byte{"a": []byte("a")})
}

func cancelledGet(t *testing.T, s blobstore.Store) {
	put(t, s, "a", Content(6, large))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := s.Get(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if n, err := io.Copy(io.Discard, r); err == nil {
		t.Errorf("%d bytes are read to the end after the context was cancelled", n)
	}
}

// each calls do n times, a few at once, and reports what fails.
func each(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	todo := make(chan int)
	for range 8 {
		wg.Go(func() {
			for i := range todo {
				if err := do(i); err != nil {
					t.Errorf("%d: %v", i, err)
				}
			}
		})
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	wg.Wait()
}

func concurrentPuts(t *testing.T, s blobstore.Store) {
	want := map[string][]byte{}
	for i := range 24 {
		want[fmt.Sprintf("consul-%d.snap", i)] = Content(uint64(i), 100_000*(i%4))
	}
	each(t, len(want), func(i int) error {
		name := fmt.Sprintf("consul-%d.snap", i)
		return s.Put(t.Context(), name, bytes.NewReader(want[name]), int64(len(want[name])))
	})
	holds(t, s, want)
}

func concurrentReplaces(t *testing.T, s blobstore.Store) {
	contents := make([][]byte, 8)
	for i := range contents {
		contents[i] = Content(uint64(i), 300_000)
	}
	each(t, len(contents), func(i int) error {
		return s.Put(t.Context(), "a", bytes.NewReader(contents[i]), int64(len(contents[i])))
	})
	got := read(t, s, "a")
	if !slices.ContainsFunc(contents, func(c []byte) bool { return bytes.Equal(c, got) }) {
		t.Error("the object is none of those that were put")
	}
	holds(t, s, map[string][]byte{"a": got})
}

func manyObjects(t *testing.T, s blobstore.Store) {
	want := map[string]bool{}
	name := func(i int) string { return fmt.Sprintf("consul-%d.snap", i) }
	each(t, many, func(i int) error { return s.Put(t.Context(), name(i), strings.NewReader("x"), 1) })
	for i := range many {
		want[name(i)] = true
	}
	listed, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(listed, func(a, b blobstore.Object) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the list is not sorted by name")
	}
	for _, o := range listed {
		if !want[o.Name] || o.Size != 1 {
			t.Errorf("listed: %v", o)
		}
		delete(want, o.Name)
	}
	if len(want) > 0 {
		t.Errorf("%d of %d objects are not listed", len(want), many)
	}
}

func words(t *testing.T, s blobstore.Store) {
	if s.String() == "" || !strings.Contains(s.String(), "->") {
		t.Errorf("String: %q", s.String())
	}
	if !strings.HasSuffix(s.Location("consul-1.snap"), "consul-1.snap") {
		t.Errorf("Location: %q", s.Location("consul-1.snap"))
	}
}
