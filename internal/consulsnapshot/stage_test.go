package consulsnapshot

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

const (
	fixtures   = "consul-snapshot-0.3.1/"
	passphrase = "correct horse battery staple"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// text is a buffer that several may write to.
type text struct {
	mu sync.Mutex
	b  strings.Builder
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

// quick is a clock on which nobody waits: whoever does moves it.
type quick struct {
	mu  sync.Mutex
	now clock.Moment
}

func at(seconds int64) *quick { return &quick{now: clock.Moment{Wall: time.Unix(seconds, 0)}} }

func (q *quick) Now() clock.Moment {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.now
}

func (q *quick) After(d time.Duration) <-chan time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.now = clock.Moment{Running: q.now.Running + d, Wall: q.now.Wall.Add(d)}
	c := make(chan time.Time, 1)
	c <- q.now.Wall
	return c
}

// A consul answers as much of Consul's API as a backup asks for. Answers are by method and path; what has none is answered 404.
type consul struct {
	*httptest.Server

	mu      sync.Mutex
	answers map[string]http.HandlerFunc
	marker  []string // what was written there, in order
	asked   []string
}

func newConsul(t testing.TB) *consul {
	t.Helper()
	c := &consul{answers: map[string]http.HandlerFunc{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *consul) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := r.Method + " " + r.URL.Path
	for _, h := range []string{"X-Consul-Index", "X-Consul-LastContact"} { // without which the client reads no others
		w.Header().Set(h, "1")
	}
	body, _ := io.ReadAll(r.Body) // what is cut off is answered wrongly
	r.Body = io.NopCloser(bytes.NewReader(body))
	c.mu.Lock()
	c.asked = append(c.asked, what)
	answer := c.answers[what]
	if answer == nil && what == "PUT /v1/kv/"+MarkerKey {
		c.marker = append(c.marker, string(body))
		answer = says("true")
	}
	c.mu.Unlock()
	if answer == nil {
		answer = http.NotFound
	}
	answer(w, r)
}

// on sets an answer.
func (c *consul) on(what string, answer http.HandlerFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[what] = answer
}

func (c *consul) marks() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.marker)
}

func (c *consul) client(t testing.TB) *api.Client {
	t.Helper()
	client, err := api.NewClient(&api.Config{Address: c.URL, HttpClient: &http.Client{Transport: http.DefaultTransport}})
	must(t, err)
	return client
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func refuses(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, status) }
}

// snapshotOf is a native snapshot of some records.
func snapshotOf(t testing.TB, values ...any) []byte {
	t.Helper()
	b := record.AppendHeader(nil, record.Header{LastIndex: 99})
	var err error
	for _, v := range values {
		b, err = record.Append(b, v)
		must(t, err)
	}
	w, err := archive.NewWriter(t.TempDir())
	must(t, err)
	defer w.Close()
	_, err = w.Write(b)
	must(t, err)
	_, err = w.Finish(archive.Meta{Version: 1, ID: "2-99-1", Index: 99, Term: 2, Size: int64(len(b))}, time.Unix(1, 0))
	must(t, err)
	var out bytes.Buffer
	_, err = w.WriteTo(&out)
	must(t, err)
	return out.Bytes()
}

func key(name, value string) *record.KVEntry {
	e := &record.KVEntry{Key: name, CreateIndex: 5, ModifyIndex: 6}
	if value != "" {
		e.Value = []byte(value)
	}
	return e
}

func opaque(kind record.Type, value any) *record.Opaque {
	return &record.Opaque{Type: kind, Value: msgpack.Append(nil, value)}
}

// holds makes a Consul whose snapshot has these records.
func (c *consul) holds(t testing.TB, values ...any) {
	t.Helper()
	body := snapshotOf(t, values...)
	c.on("GET /v1/snapshot", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
}

// A bin is a place in memory.
type bin struct {
	mu      sync.Mutex
	objects map[string][]byte
	around  func(blobstore.Store) blobstore.Store // may be nil
	opened  int
}

func (b *bin) place() Place {
	return Place{"bin", func(_ context.Context, dir string) (blobstore.Store, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.objects == nil {
			b.objects = map[string][]byte{}
		}
		b.opened++
		if dir != "" {
			dir += "/"
		}
		var s blobstore.Store = &shelf{b, dir}
		if b.around != nil {
			s = b.around(s)
		}
		return s, nil
	}}
}

func (b *bin) names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.objects))
}

func (b *bin) get(t testing.TB, name string) []byte {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.objects[name] == nil {
		t.Fatalf("there is no %s", name)
	}
	return b.objects[name]
}

// A shelf is a store in a bin.
type shelf struct {
	*bin
	dir string
}

func (s *shelf) Put(ctx context.Context, name string, r io.Reader, _ int64) error {
	content, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		s.objects[s.dir+name] = content
	}
	return err
}

func (s *shelf) Get(_ context.Context, name string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok := s.objects[s.dir+name]
	if !ok {
		return nil, blobstore.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

func (s *shelf) Delete(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() == nil {
		delete(s.objects, s.dir+name)
	}
	return context.Cause(ctx)
}

func (s *shelf) List(context.Context) ([]blobstore.Object, error) { return nil, nil }
func (s *shelf) Location(name string) string                      { return "bin:" + s.dir + name }
func (s *shelf) String() string                                   { return "bin" }
func (s *shelf) Close() error                                     { return nil }

// A stage is a backup of a fake Consul into a bin.
type stage struct {
	*Backups
	consul *consul
	bin    *bin
	said   *text
}

// start is the second in which backups of stages begin.
const start = 1795246816

func newStage(t testing.TB, values ...any) *stage {
	t.Helper()
	s := &stage{consul: newConsul(t), bin: new(bin), said: new(text)}
	s.consul.holds(t, values...)
	s.consul.on("GET /v1/agent/self", says(`{"Config": {"NodeName": "node1"}}`))
	s.Backups = &Backups{
		Config: &Config{S3Bucket: "b", Interval: time.Minute, Prefix: "backups", ScratchDir: t.TempDir(), HealthAddress: "127.0.0.1:0"},
		Client: s.consul.client(t), Log: NewLog(s.said), Places: []Place{s.bin.place()}, Host: "host1", Zone: time.UTC, Clock: at(start),
	}
	t.Cleanup(func() {
		left, err := os.ReadDir(s.Config.ScratchDir)
		if must(t, err); len(left) > 0 && !s.Config.Acceptance {
			t.Errorf("left behind: %v", left)
		}
	})
	return s
}

func (s *stage) take(t testing.TB) *Result {
	t.Helper()
	r, err := s.Take(t.Context(), nil)
	must(t, err)
	return r
}

// fails wants a backup to fail, and nothing to be kept or marked.
func (s *stage) fails(t testing.TB, want string) {
	t.Helper()
	r, err := s.Take(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, %v, want an error with %q", r, err, want)
	}
	if names, marks := s.bin.names(), s.consul.marks(); len(names)+len(marks) > 0 {
		t.Errorf("kept %q, marked %q", names, marks)
	}
}

// members are the members of an archive in order, read with the standard library alone.
func members(t testing.TB, data []byte) (headers []*tar.Header, content map[string]string) {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(data))
	must(t, err)
	content = map[string]string{}
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if err == io.EOF {
			return headers, content
		}
		must(t, err)
		b, err := io.ReadAll(r)
		must(t, err)
		headers, content[h.Name] = append(headers, h), string(b)
	}
}

// contents are the values of the keys in an archive.
func contents(t testing.TB, data []byte) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := opened(t, data, "").Keys(t.Context(), func(e *record.KVEntry) error { all[e.Key] = string(e.Value); return nil })
	must(t, err)
	return all
}

func opened(t testing.TB, data []byte, secret string) *kvarchive.Archive {
	t.Helper()
	a, err := kvarchive.Open(t.Context(), bytes.NewReader(data), kvarchive.Options{Passphrase: secret, ScratchDir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { must(t, a.Close()) })
	return a
}

// fixture is what the real tool has written.
func fixture(t testing.TB, name string) []byte { return golden.Read(t, fixtures+name) }

func decoded(t testing.TB, text string) (m map[string]any) {
	t.Helper()
	must(t, json.Unmarshal([]byte(text), &m))
	return m
}
