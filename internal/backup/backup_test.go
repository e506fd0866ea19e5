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
	"time"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

// quiet shows no progress.
type quiet struct{}

func (quiet) Start(string, int64) io.WriteCloser { return quiet{} }
func (quiet) Write(p []byte) (int, error)        { return len(p), nil }
func (quiet) Close() error                       { return nil }

// source gives what it holds, or fails.
type source struct {
	body io.Reader
	err  error
}

func (s *source) Snapshot(context.Context) (*Stream, error) {
	if s.err != nil {
		return nil, s.err
	}
	return &Stream{Body: io.NopCloser(s.body), Index: 7}, nil
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestSaveToAFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "b.snap")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	archive := golden.Read(t, "consul-1.21.4/full.snap")
	res, err := Save(t.Context(), &source{body: bytes.NewReader(archive)}, &File{Path: path}, quiet{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, archive) {
		t.Errorf("the file differs from what the server sent (%v)", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if names := entries(t, dir); !slices.Equal(names, []string{"b.snap"}) {
		t.Errorf("left behind: %q", names)
	}
	r := res.Report
	if r.SHA256 != sha256.Sum256(archive) || r.Bytes != int64(len(archive)) || r.StateSize != 134783 || r.Meta.Index != 148 {
		t.Errorf("wrong report %+v", r)
	}
	if r.Count(record.TypeKVS) != 20 || r.Records()["Index"] != 67 || len(r.Findings.Warnings()) > 0 || res.Stream.Index != 7 {
		t.Errorf("wrong counts %v, findings %v", r.Records(), r.Findings)
	}
	if c := r.Census(); c.TotalSize != r.StateSize || c.Stats[0].Sum < c.Stats[1].Sum || c.Meta.Term != 2 {
		t.Errorf("wrong census %+v", c)
	}
}

func TestSaveToAPipe(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	archive := golden.Read(t, "consul-1.21.4/kv.snap")
	var out bytes.Buffer
	if _, err := Save(t.Context(), &source{body: bytes.NewReader(archive)}, &Pipe{Out: &out}, quiet{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), archive) {
		t.Error("the output differs from what the server sent")
	}
	out.Reset()
	_, err := Save(t.Context(), &source{body: bytes.NewReader(archive[:len(archive)-1])}, &Pipe{Out: &out}, quiet{})
	if err == nil || out.Len() > 0 {
		t.Errorf("a damaged archive: error %v, %d bytes written", err, out.Len())
	}
	if names := entries(t, os.TempDir()); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

// harmless are those odd archives that a real Consul restores; unrestorable are sound, but kill it.
var (
	harmless = words(`ok-rebuilt tar-no-eof tar-one-eof-block gzip-with-name tar-other-modes sums-uppercase-hex sums-crlf
		sums-no-final-newline sums-one-blank sums-three-blanks sums-tab sums-trailing-words sums-duplicate-line pax-extended
		trailing-empty-gzip-member order-reversed meta-unknown-field meta-pretty-printed meta-index-zero state-header-only`)
	unrestorable = map[string]string{
		"state-unknown-type":      "-allow-types=99",
		"state-unknown-ignorable": "-allow-types=227",
		"state-legacy-acl":        "-drop-legacy-acl",
		"state-txn-type":          "-allow-types=8",
	}
)

func words(s string) []string { return strings.Fields(s) }

func TestDamagedArchives(t *testing.T) {
	files, err := filepath.Glob(golden.Path("damaged/*.snap"))
	if err != nil || len(files) < 60 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".snap")
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "b.snap")
			res, err := Save(t.Context(), &source{body: bytes.NewReader(golden.Read(t, "damaged/"+name+".snap"))}, &File{Path: path}, quiet{})
			hint, fatal := unrestorable[name]
			if fatal || slices.Contains(harmless, name) {
				checkKept(t, res, err, hint)
				return
			}
			var at *StepError
			if !errors.As(err, &at) || at.Step != StepVerify {
				t.Errorf("got error %v, want one of the step %q", err, StepVerify)
			}
			if names := entries(t, dir); len(names) > 0 {
				t.Errorf("left behind: %q", names)
			}
		})
	}
}

func checkKept(t *testing.T, res *Result, err error, hint string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	warnings := res.Report.Findings.Warnings()
	switch {
	case hint == "" && len(warnings) > 0:
		t.Errorf("warnings %q", warnings)
	case hint != "" && (len(warnings) != 1 || !strings.Contains(warnings[0], hint) || !strings.Contains(warnings[0], "1 record ")):
		t.Errorf("warnings %q, want one with %q", warnings, hint)
	}
}

// cutAfter gives some bytes and then waits for the end of a context, as a stream from a server does that hangs.
type cutAfter struct {
	io.Reader
	ctx   context.Context
	reach func()
}

func (c *cutAfter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		c.reach()
		<-c.ctx.Done()
		return n, c.ctx.Err()
	}
	return n, err
}

func TestFailuresLeaveNothing(t *testing.T) {
	archive := golden.Read(t, "consul-1.21.4/kv.snap")
	half := bytes.NewReader(archive[:len(archive)/2])
	broken := errors.New("connection reset")
	for _, c := range []struct {
		name string
		src  func(context.Context, context.CancelCauseFunc) Source
		want string
	}{
		{"no connection", func(context.Context, context.CancelCauseFunc) Source { return &source{err: broken} }, "saving snapshot: connection reset"},
		{"stream broken", func(context.Context, context.CancelCauseFunc) Source {
			return &source{body: io.MultiReader(half, errorReader{io.ErrUnexpectedEOF})}
		}, "writing unverified snapshot file: unexpected EOF"},
		{"stream ends early", func(context.Context, context.CancelCauseFunc) Source {
			return &source{body: bytes.NewReader(archive[:5000])}
		},
			"verifying snapshot file: failed to read snapshot file: "},
		{"interrupted", func(ctx context.Context, cancel context.CancelCauseFunc) Source {
			return &source{body: &cutAfter{bytes.NewReader(archive[:5000]), ctx, func() { cancel(errors.New("stopped by hand")) }}}
		}, "writing unverified snapshot file: stopped by hand"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "b.snap")
			if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			_, err := Save(ctx, c.src(ctx, cancel), &File{Path: path}, quiet{})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			old, err := os.ReadFile(path)
			if names := entries(t, dir); string(old) != "old" || len(names) != 1 {
				t.Errorf("left behind: %q, old file %q, %v", names, old, err)
			}
		})
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestPlacesThatFail(t *testing.T) {
	archive := golden.Read(t, "consul-1.21.4/kv.snap")
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(taken, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		place Place
		want  string
	}{
		{"no such directory", &File{Path: filepath.Join(dir, "nope", "b.snap")}, "writing unverified snapshot file: create temporary file for "},
		{"a directory of that name", &File{Path: taken}, `renaming "` + taken + `.unverified" to "` + taken + `": `},
		{"output that fails", &Pipe{Out: fullDisk{}}, "writing the verified snapshot to standard output: disk full"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Save(t.Context(), &source{body: bytes.NewReader(archive)}, c.place, quiet{})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if names := entries(t, dir); !slices.Equal(names, []string{"taken"}) {
				t.Errorf("left behind: %q", names)
			}
		})
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// The file system's refusals are told once, however many steps met them.
func TestRefusalsAreToldOnce(t *testing.T) {
	var told []error
	place := &File{Path: filepath.Join(t.TempDir(), "b.snap"), Warn: func(err error) { told = append(told, err) }}
	staged, err := place.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := staged.(*stagedFile)
	s.warn(errors.New("no chmod"))
	s.warn(errors.New("no fsync of directories"))
	if err := errors.Join(s.Seal(), s.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0].Error() != "no chmod" {
		t.Errorf("told %v", told)
	}
	if err := s.Abort(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(place.Path); err != nil {
		t.Errorf("Abort after Commit: %v", err)
	}
}

func TestResultHasTimes(t *testing.T) {
	res, err := Save(t.Context(), &source{body: bytes.NewReader(golden.Read(t, "consul-1.21.4/empty.snap"))}, &Pipe{Out: io.Discard}, quiet{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Fetched.Before(res.Began) || res.Committed.Before(res.Fetched) || time.Since(res.Began) > time.Minute {
		t.Errorf("wrong times %v, %v, %v", res.Began, res.Fetched, res.Committed)
	}
}
