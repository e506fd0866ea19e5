package restore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// quiet shows no progress.
type quiet struct{}

func (quiet) Start(string, int64) io.WriteCloser { return quiet{} }
func (quiet) Write(p []byte) (int, error)        { return len(p), nil }
func (quiet) Close() error                       { return nil }

// snapshot opens bytes as a file.
func snapshot(t testing.TB, b []byte) (*Snapshot, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b.snap")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), path, quiet{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, path
}

func prepare(t testing.TB, b []byte, opts Options) (*Plan, error) {
	t.Helper()
	s, _ := snapshot(t, b)
	p, err := Prepare(context.Background(), s, opts, quiet{})
	if err == nil {
		t.Cleanup(func() { p.Close() })
	}
	return p, err
}

// target takes what it gets; before may disturb the upload when half of it has been read.
type target struct {
	before func()
	err    error
	got    []byte
	size   int64
	allow  []record.Type
	whole  bool
}

func (g *target) Restore(_ context.Context, body io.Reader, size int64, allow []record.Type) error {
	g.size, g.allow = size, allow
	half, err := io.ReadAll(io.LimitReader(body, size/2))
	if err != nil {
		return err
	}
	if g.before != nil {
		g.before()
	}
	rest, err := io.ReadAll(body)
	g.got = append(half, rest...)
	if err != nil {
		return err
	}
	g.whole = true
	return g.err
}

// The same as in package backup: what a real Consul restores, and what kills it.
var (
	harmless = strings.Fields(`ok-rebuilt tar-no-eof tar-one-eof-block gzip-with-name tar-other-modes sums-uppercase-hex sums-crlf
		sums-no-final-newline sums-one-blank sums-three-blanks sums-tab sums-trailing-words sums-duplicate-line pax-extended
		trailing-empty-gzip-member order-reversed meta-unknown-field meta-pretty-printed meta-index-zero state-header-only`)
	unrestorable = strings.Fields("state-unknown-type state-unknown-ignorable state-legacy-acl state-txn-type")
)

func TestSendsExactlyTheFile(t *testing.T) {
	names := []string{"consul-1.21.4/full", "consul-1.21.4/large-kv"}
	for _, name := range harmless {
		names = append(names, "damaged/"+name)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			b := golden.Read(t, name+".snap")
			p, err := prepare(t, b, Options{})
			if err != nil {
				t.Fatal(err)
			}
			to := new(target)
			if err := p.Send(t.Context(), to, quiet{}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(to.got, b) || to.size != int64(len(b)) || len(to.allow) > 0 {
				t.Errorf("sent %d bytes of %d, announced %d, allowed %v", len(to.got), len(b), to.size, to.allow)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	files, err := filepath.Glob(golden.Path("damaged/*.snap"))
	if err != nil || len(files) < 60 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".snap")
		if slices.Contains(harmless, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			_, err := prepare(t, golden.Read(t, "damaged/"+name+".snap"), Options{})
			var hint *HintError
			if !errors.As(err, &hint) || len(hint.Hints) == 0 {
				t.Fatalf("got %v, want a refusal with a hint", err)
			}
			if errors.Is(err, ErrRefused) != slices.Contains(unrestorable, name) {
				t.Errorf("wrong kind of refusal: %v", err)
			}
		})
	}
}

func TestAllowTypes(t *testing.T) {
	b := golden.Read(t, "damaged/state-unknown-type.snap")
	p, err := prepare(t, b, Options{AllowTypes: []record.Type{70, 99}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Allowed) != 1 || p.Allowed[99] != 1 {
		t.Errorf("allowed %v", p.Allowed)
	}
	to := new(target)
	if err := p.Send(t.Context(), to, quiet{}); err != nil || !bytes.Equal(to.got, b) || !slices.Equal(to.allow, []record.Type{70, 99}) {
		t.Errorf("sent %d bytes, allowed %v, %v", len(to.got), to.allow, err)
	}
	if _, err := prepare(t, b, Options{AllowTypes: []record.Type{70}}); !errors.Is(err, ErrRefused) {
		t.Errorf("another type allowed: %v", err)
	}
}

// records lists the records of an archive as text.
func records(t *testing.T, b []byte) (list []string, meta archive.Meta) {
	t.Helper()
	res, err := archive.Read(bytes.NewReader(b), func(_ *archive.Meta, r io.Reader) error {
		rr, err := record.NewReader(r)
		for err == nil {
			var raw record.Raw
			if raw, err = rr.Next(); err == nil {
				list = append(list, raw.Type.String()+string(raw.Value))
			}
		}
		if err == io.EOF {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, res.Meta
}

func TestDropLegacyACL(t *testing.T) {
	b := golden.Read(t, "damaged/state-legacy-acl.snap")
	p, err := prepare(t, b, Options{DropLegacyACL: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Dropped) != 1 || p.Dropped[record.TypeLegacyACL] != 1 || p.Report.Count(record.TypeLegacyACL) != 0 {
		t.Errorf("dropped %v, report %v", p.Dropped, p.Report.Records())
	}
	to := new(target)
	if err := p.Send(t.Context(), to, quiet{}); err != nil {
		t.Fatal(err)
	}
	before, metaBefore := records(t, b)
	after, metaAfter := records(t, to.got)
	before = slices.DeleteFunc(before, func(s string) bool { return strings.HasPrefix(s, "ACL\x83") || strings.HasPrefix(s, "ACL\x86") })
	if !slices.Equal(before, after) {
		t.Errorf("%d records before, %d after; they must be the same but for the legacy ones", len(before), len(after))
	}
	if metaAfter.Size >= metaBefore.Size || metaAfter.ID != metaBefore.ID || metaAfter.Index != metaBefore.Index {
		t.Errorf("metadata %+v became %+v", metaBefore, metaAfter)
	}
	if _, err := prepare(t, to.got, Options{}); err != nil {
		t.Errorf("what was sent would be refused: %v", err)
	}
}

func TestDropWithoutLegacySendsTheOriginal(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	b := golden.Read(t, "consul-1.21.4/kv.snap")
	p, err := prepare(t, b, Options{DropLegacyACL: true})
	if err != nil {
		t.Fatal(err)
	}
	to := new(target)
	if err := p.Send(t.Context(), to, quiet{}); err != nil || !bytes.Equal(to.got, b) || len(p.Dropped) > 0 {
		t.Errorf("sent %d bytes of %d, dropped %v, %v", len(to.got), len(b), p.Dropped, err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind %v, %v", left, err)
	}
}

func TestDropDoesNotExcuseTheRest(t *testing.T) {
	for name, marker := range map[string]error{"state-unknown-type": ErrRefused, "state-truncated": record.ErrCorrupt, "gzip-bad-crc": archive.ErrCorrupt} {
		if _, err := prepare(t, golden.Read(t, "damaged/"+name+".snap"), Options{DropLegacyACL: true}); !errors.Is(err, marker) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file that changes between the check and the upload never reaches the target as a whole.
func TestFileThatChanges(t *testing.T) {
	b := golden.Read(t, "consul-1.21.4/large-kv.snap")
	edit := func(change func(f *os.File) error) func(string) error {
		return func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			return errors.Join(change(f), f.Close())
		}
	}
	at := func(offset int64) func(string) error {
		return edit(func(f *os.File) error { _, err := f.WriteAt([]byte{^b[offset]}, offset); return err })
	}
	for _, c := range []struct {
		name   string
		change func(path string) error
	}{
		{"byte at the start", at(20)},
		{"byte in the part that is still to be read", at(int64(len(b)) - 10_000)},
		{"last byte", at(int64(len(b)) - 1)},
		{"longer", edit(func(f *os.File) error { _, err := f.WriteAt([]byte("x"), int64(len(b))); return err })},
		{"shorter", edit(func(f *os.File) error { return f.Truncate(int64(len(b)) - 1) })},
		{"empty", edit(func(f *os.File) error { return f.Truncate(0) })},
	} {
		for _, when := range []string{"before the upload", "during the upload"} {
			if c.name == "byte at the start" && when == "during the upload" {
				continue // what was sent was what was checked
			}
			t.Run(c.name+" "+when, func(t *testing.T) {
				s, path := snapshot(t, b)
				p, err := Prepare(t.Context(), s, Options{}, quiet{})
				if err != nil {
					t.Fatal(err)
				}
				change := func() {
					if err := c.change(path); err != nil {
						t.Error(err)
					}
				}
				to := new(target)
				if when == "before the upload" {
					change()
				} else {
					to.before = change
				}
				if err := p.Send(t.Context(), to, quiet{}); !errors.Is(err, ErrChanged) {
					t.Errorf("got %v", err)
				}
				if to.whole || len(to.got) > len(b)-held {
					t.Errorf("the target got %d bytes of %d", len(to.got), len(b))
				}
			})
		}
	}
}

// A file that is replaced by another one is not the file that was opened: the old one is sent.
func TestFileThatIsReplaced(t *testing.T) {
	b := golden.Read(t, "consul-1.21.4/kv.snap")
	s, path := snapshot(t, b)
	p, err := Prepare(t.Context(), s, Options{}, quiet{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte("other"), 0o600)); err != nil {
		t.Fatal(err)
	}
	to := new(target)
	if err := p.Send(t.Context(), to, quiet{}); err != nil || !bytes.Equal(to.got, b) {
		t.Errorf("sent %d bytes, %v", len(to.got), err)
	}
}

func TestSendFails(t *testing.T) {
	b := golden.Read(t, "consul-1.21.4/kv.snap")
	stopped := errors.New("stopped by hand")
	for _, c := range []struct {
		name     string
		cancel   bool
		err      error
		want     error
		wantHint string
	}{
		{"the server says no", false, &statusError{500, "no"}, nil, ""},
		{"the server turns the client's certificate away", false, &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, nil, ""},
		{"the connection breaks", false, &net.OpError{Op: "write", Err: errors.New("broken pipe, certificate or not")}, nil, "is not known"},
		{"the server dies", false, io.EOF, io.EOF, "is not known"},
		{"interrupted during the upload", true, nil, stopped, "nothing was restored"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := prepare(t, b, Options{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			to := &target{err: c.err}
			var sender Target = to
			if c.cancel {
				sender = refuser{func() { cancel(stopped) }}
			}
			err = p.Send(ctx, sender, quiet{})
			if c.want == nil {
				c.want = c.err
			}
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			var hint *HintError
			if got := errors.As(err, &hint); got != (c.wantHint != "") || got && !strings.Contains(hint.Hints[0], c.wantHint) {
				t.Errorf("hints of %#v", err)
			}
		})
	}
}

// refuser reads a little, then fails.
type refuser struct{ then func() }

func (r refuser) Restore(ctx context.Context, body io.Reader, _ int64, _ []record.Type) error {
	if _, err := io.CopyN(io.Discard, body, 100); err != nil {
		return err
	}
	r.then()
	return ctx.Err()
}

func TestPrepareInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by hand")
	cancel(stopped)
	s, _ := snapshot(t, golden.Read(t, "consul-1.21.4/kv.snap"))
	if _, err := Prepare(ctx, s, Options{}, quiet{}); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
	if _, err := Spool(ctx, strings.NewReader("x"), quiet{}); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
}

// What can be read only once is spooled, and nothing of the spool is seen.
func TestOpenNamedPipe(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	b := golden.Read(t, "consul-1.21.4/kv.snap")
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, b, 0) }()
	s, err := Open(t.Context(), path, quiet{})
	if err := errors.Join(err, <-written); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p, err := Prepare(t.Context(), s, Options{}, quiet{})
	if err != nil {
		t.Fatal(err)
	}
	to := new(target)
	if err := p.Send(t.Context(), to, quiet{}); err != nil || !bytes.Equal(to.got, b) {
		t.Errorf("sent %d bytes, %v", len(to.got), err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind %v, %v", left, err)
	}
}

func TestOpenFails(t *testing.T) {
	if _, err := Open(t.Context(), "/nope.snap", quiet{}); err == nil || err.Error() != "open /nope.snap: no such file or directory" {
		t.Errorf("got %v", err)
	}
	s, err := Open(t.Context(), t.TempDir(), quiet{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Prepare(t.Context(), s, Options{}, quiet{}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("got %v", err)
	}
}

// pack makes an archive of records.
func pack(t testing.TB, values ...any) []byte {
	t.Helper()
	w, err := archive.NewWriter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	b := record.AppendHeader(nil, record.Header{LastIndex: 1})
	for _, v := range values {
		if b, err = record.Append(b, v); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(archive.Meta{Version: 1, ID: "2-10-1795247781585", Index: 10, Term: 2}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := w.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The archive of a cluster from before 1.4: both legacy types, in the middle of the stream.
func TestDropBothLegacyTypes(t *testing.T) {
	nothing := msgpack.AppendNil(nil)
	b := pack(t, &record.Register{Node: "n"}, &record.Opaque{Type: 4, Value: nothing}, &record.Opaque{Type: 4, Value: nothing},
		&record.Opaque{Type: 11, Value: nothing}, &record.KVEntry{Key: "k"})
	p, err := prepare(t, b, Options{DropLegacyACL: true, AllowTypes: []record.Type{4}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Dropped[4] != 2 || p.Dropped[11] != 1 || len(p.Allowed) > 0 {
		t.Errorf("dropped %v, allowed %v", p.Dropped, p.Allowed)
	}
	to := new(target)
	if err := p.Send(t.Context(), to, quiet{}); err != nil {
		t.Fatal(err)
	}
	if list, _ := records(t, to.got); len(list) != 2 {
		t.Errorf("sent %q", list)
	}
}
