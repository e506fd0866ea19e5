package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/record"
)

// TestMain also is the server that does nothing.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == bareArgument {
		fmt.Fprintln(os.Stderr, serveBare())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// fakeServer has as much of Consul's API as is measured.
type fakeServer struct {
	mu       sync.Mutex
	changed  *sync.Cond
	snapshot []byte
	keys     map[string][]byte
	sessions map[string]string // the node of each
	changes  int
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	key, isKey := strings.CutPrefix(r.URL.Path, "/v1/kv/")
	if r.Method == http.MethodPut {
		f.changes++
		f.changed.Broadcast()
	}
	w.Header().Set("X-Consul-Index", "7")
	switch {
	case isKey && r.URL.Query().Has("index"):
		for before := string(f.keys[key]); string(f.keys[key]) == before && r.Context().Err() == nil; {
			f.changed.Wait()
		}
		_, _ = w.Write(f.keys[key])
	case strings.HasPrefix(r.URL.Path, "/v1/session/info/"):
		_, _ = io.WriteString(w, f.sessions[path.Base(r.URL.Path)])
	case strings.HasPrefix(r.URL.Path, "/v1/health/service/service-"), r.URL.Path == "/v1/catalog/register":
		_, _ = io.WriteString(w, "[]")
	case r.URL.Path == "/v1/snapshot" && r.Method == http.MethodPut:
		f.snapshot = body
		if err := f.load(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	case r.URL.Path == "/v1/snapshot":
		_, _ = w.Write(f.snapshot)
	case isKey && r.URL.Query().Has("keys"):
		f.list(w)
	case isKey && r.Method == http.MethodPut:
		f.keys[key] = body
		_, _ = io.WriteString(w, "true")
	case f.keys[key] != nil:
		_, _ = w.Write(f.keys[key])
	default:
		http.NotFound(w, r)
	}
}

func (f *fakeServer) list(w http.ResponseWriter) {
	for key := range f.keys {
		_, _ = io.WriteString(w, `["`+key[:strings.IndexByte(key, '/')+1]+`"]`)
		return
	}
	w.WriteHeader(http.StatusNotFound)
}

func (f *fakeServer) load() error {
	f.keys = map[string][]byte{}
	_, err := archive.Read(bytes.NewReader(f.snapshot), func(_ *archive.Meta, r io.Reader) error {
		records, err := record.NewReader(r)
		for err == nil {
			var raw record.Raw
			if raw, err = records.Next(); err != nil {
				break
			}
			switch v, _ := record.Decode(raw); x := v.(type) {
			case *record.KVEntry:
				f.keys[x.Key] = bytes.Clone(x.Value)
			case *record.Session:
				f.sessions[x.ID] = x.Node
			}
		}
		if err == io.EOF {
			return nil
		}
		return err
	})
	return err
}

// fakeTarget is a fake server and how it is measured: this process stands for it.
func fakeTarget(t *testing.T, name string) (*fakeServer, *target) {
	t.Helper()
	f := &fakeServer{keys: map[string][]byte{}, sessions: map[string]string{}}
	f.changed = sync.NewCond(&f.mu)
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	x := newTarget(name, strings.TrimPrefix(s.URL, "http://"), os.Getpid())
	if program, err := exec.LookPath("true"); err == nil {
		x.binary = program
	}
	return f, x
}

func TestComparison(t *testing.T) {
	if _, err := readMemory(os.Getpid()); err != nil {
		t.Skip("no /proc:", err)
	}
	for _, c := range []struct {
		name, fill string
		load       load
		unmeasured []measure
	}{
		{"restore", "restore", load{Keys: 300, Value: 100}, nil},
		{"put", "put", load{Keys: 300, Value: 100}, nil},
		{"catalog", "restore", load{catalog: catalog{Nodes: 5, Services: 20, Checks: 40, Sessions: 10}},
			[]measure{wakeMedian, wakeLate, memoryWaiting, writesWaiting, writesAlone}},
	} {
		t.Run(c.name, func(t *testing.T) {
			written, err := writeFiles(t.TempDir(), c.load)
			if err != nil {
				t.Fatal(err)
			}
			first, a := fakeTarget(t, "a")
			first.snapshot, err = os.ReadFile(written.archive) // for a save before any restore
			if err != nil {
				t.Fatal(err)
			}
			second, b := fakeTarget(t, "b")
			second.snapshot = first.snapshot
			a.verifies, b.verifies = true, true
			run := &comparison{load: c.load, conns: 3, runs: 2, span: 20 * time.Millisecond, fill: c.fill, waiting: 10, files: written,
				targets: []*target{a, b}, report: newReport([]string{"a", "b"})}
			if err := run.run(context.Background()); err != nil {
				t.Fatal(err)
			}
			without := append(c.unmeasured, startTime, memoryStarted) // nobody may kill these servers
			if a.binary == "" {
				without = append(without, inspectTime, inspectCPU, inspectMemory, commandSave, commandSaveMemory, commandVerify, commandVerifyMemory)
			}
			for _, m := range order {
				for server := range 2 {
					if unmeasured := math.IsNaN(run.report.value(m, server)); unmeasured != slices.Contains(without, m) {
						t.Errorf("%s of server %d: measured: %v", m.Name, server, !unmeasured)
					}
				}
			}
			for _, m := range []measure{limitPack, limitReads, limitSyncs} {
				if !(median(run.report.tools[m]) > 0) {
					t.Errorf("%s was not measured", m.Name)
				}
			}
			if len(second.keys) != c.load.Keys || len(second.sessions) != c.load.Sessions {
				t.Errorf("the second server holds %d keys and %d sessions, want %d and %d", len(second.keys), len(second.sessions), c.load.Keys,
					c.load.Sessions)
			}
		})
	}
}

func TestCheckSparesOtherKeys(t *testing.T) {
	if _, err := readMemory(os.Getpid()); err != nil {
		t.Skip("no /proc:", err)
	}
	for _, c := range []struct {
		name, key string
		overwrite bool
		refused   bool
	}{
		{"empty", "", false, false},
		{"ours", keyPrefix + "x", false, false},
		{"other keys", "production/x", false, true},
		{"other keys, overwrite", "production/x", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, x := fakeTarget(t, "a")
			if c.key != "" {
				f.keys[c.key] = []byte("v")
			}
			if err := x.check(context.Background(), c.overwrite); (err != nil) != c.refused {
				t.Errorf("got %v", err)
			}
			if f.changes > 0 {
				t.Error("the server was written to")
			}
		})
	}
}

func TestParseTarget(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // name addr pid binary, or empty for an error
	}{
		{"consul=127.0.0.1:8500,17,/usr/bin/consul", "consul 127.0.0.1:8500 17 /usr/bin/consul"},
		{"l=[::1]:8500,1", "l [::1]:8500 1 "},
		{"127.0.0.1:8500,17", ""},
		{"=127.0.0.1:8500,17", ""},
		{"a=127.0.0.1:8500", ""},
		{"a=127.0.0.1,17", ""},
		{"a=127.0.0.1:8500,0", ""},
		{"a=127.0.0.1:8500,x", ""},
		{"a=127.0.0.1:8500,1,b,c", ""},
	} {
		got, err := parseTarget(c.text)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s was accepted", c.text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if text := strings.Join([]string{got.name, got.addr, strconv.Itoa(got.pid), got.binary}, " "); text != c.want {
			t.Errorf("%s is %q, want %q", c.text, text, c.want)
		}
	}
}

func TestParseOptions(t *testing.T) {
	for _, c := range []struct {
		args string
		err  string
	}{
		{"-lictor=x", ""},
		{"a=b:1,2", ""},
		{"", "name servers"},
		{"-lictor=x -keys=0", "-keys=0"},
		{"-lictor=x -value=600000", "-value=600000"},
		{"-lictor=x -conns=0", "above 0"},
		{"-lictor=x -fill=magic", "-fill=magic"},
		{"-lictor=x -load=catalog", ""},
		{"-lictor=x -load=catalog -fill=put", "a catalog has none"},
		{"-lictor=x -load=catalog -keys=3", "-keys and -value say nothing"},
		{"-lictor=x -load=everything", "-load=everything"},
		{"-lictor=x -waiting=100000", "-waiting=100000"},
		{"-lictor=x -format=xml", "-format=xml"},
	} {
		_, err := parse(strings.Fields(c.args))
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: got %v, want %q", c.args, err, c.err)
		}
	}
}
