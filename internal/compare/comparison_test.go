package main

import (
	"bytes"
	"context"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/record"
)

// fakeServer has as much of Consul's API as is measured.
type fakeServer struct {
	mu       sync.Mutex
	snapshot []byte
	keys     map[string][]byte
	changes  int
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	key, isKey := strings.CutPrefix(r.URL.Path, "/v1/kv/")
	if r.Method == http.MethodPut {
		f.changes++
	}
	switch {
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
			if raw, err = records.Next(); err == nil && raw.Type == record.TypeKVS {
				v, _ := record.Decode(raw)
				f.keys[v.(*record.KVEntry).Key] = v.(*record.KVEntry).Value
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
	f := &fakeServer{keys: map[string][]byte{}}
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
	for _, fill := range []string{"restore", "put"} {
		t.Run(fill, func(t *testing.T) {
			l := load{Keys: 300, Value: 100}
			written, err := writeFiles(t.TempDir(), l)
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
			c := &comparison{load: l, conns: 3, runs: 2, span: 20 * time.Millisecond, fill: fill, files: written,
				targets: []*target{a, b}, report: newReport([]string{"a", "b"})}
			if err := c.run(context.Background()); err != nil {
				t.Fatal(err)
			}
			for _, m := range order {
				if (m == inspectTime || m == inspectCPU || m == inspectMemory) && a.binary == "" {
					continue
				}
				if math.IsNaN(c.report.value(m, 0)) || math.IsNaN(c.report.value(m, 1)) {
					t.Errorf("%s was not measured", m.Name)
				}
			}
			if len(second.keys) != l.Keys {
				t.Errorf("the second server holds %d keys, want %d", len(second.keys), l.Keys)
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
		{"-lictor=x -format=xml", "-format=xml"},
	} {
		_, err := parse(strings.Fields(c.args))
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: got %v, want %q", c.args, err, c.err)
		}
	}
}
