package httpapi

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

const testdata = "../../testdata/consul-1.21.4"

// restoreFile returns the state in an archive.
func restoreFile(t *testing.T, name string) *state.Store {
	t.Helper()
	f, err := os.Open(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(gz)
	for h, err := tr.Next(); h == nil || h.Name != "state.bin"; h, err = tr.Next() {
		if err != nil {
			t.Fatal(err)
		}
	}
	records, err := record.NewReader(tr)
	if err != nil {
		t.Fatal(err)
	}
	b := state.NewBuilder(records.Header())
	for raw, err := records.Next(); err != io.EOF; raw, err = records.Next() {
		if err != nil {
			t.Fatal(err)
		}
		v, err := record.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Add(raw.Type, v); err != nil {
			t.Fatal(err)
		}
	}
	store, err := b.Store(1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// expected is what a real Consul 1.21.4 answered when the archive was saved.
type expected struct {
	Responses map[string]struct {
		Status  int
		Headers map[string]string
		Body    any
	}
	SnapshotResponse struct {
		Status  int
		Headers map[string]string
	} `json:"snapshot_response"`
}

func readExpected(t *testing.T, name string) (want expected) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	return want
}

// The state of a real Consul, restored, is answered for as that Consul did.
func TestGoldenAnswers(t *testing.T) {
	for _, name := range []string{"empty", "kv", "full"} {
		f := newFake()
		f.store = restoreFile(t, name+".snap")
		h := newHandler(f, Config{})
		want := readExpected(t, name+".expected.json")
		seen := 0
		for _, request := range slices.Sorted(maps.Keys(want.Responses)) {
			if !strings.HasPrefix(request, "GET /v1/kv/") {
				continue
			}
			seen++
			t.Run(name+" "+request, func(t *testing.T) {
				c := want.Responses[request]
				w := ask(h, "GET", strings.TrimPrefix(request, "GET "), "")
				if w.Code != c.Status {
					t.Errorf("status %d, want %d", w.Code, c.Status)
				}
				for header, value := range c.Headers {
					if header == "X-Consul-Default-Acl-Policy" {
						value = "allow" // access control is not served
					}
					if got := w.Header().Get(header); got != value {
						t.Errorf("%s is %q, want %q", header, got, value)
					}
				}
				var got any = w.Body.String()
				if w.Code == 200 {
					if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
						t.Fatal(err)
					}
				}
				if !reflect.DeepEqual(got, c.Body) {
					t.Errorf("the body differs: %.300v\nwant %.300v", got, c.Body)
				}
			})
		}
		if seen < 3 {
			t.Errorf("%s: only %d requests to compare", name, seen)
		}
	}
}

func TestGoldenSnapshotHeaders(t *testing.T) {
	want := readExpected(t, "kv.expected.json").SnapshotResponse
	w := ask(newHandler(newFake(), Config{}), "GET", "/v1/snapshot", "")
	if w.Code != want.Status {
		t.Errorf("status %d, want %d", w.Code, want.Status)
	}
	for header, value := range want.Headers {
		if header == "Connection" || header == "Transfer-Encoding" { // of the connection; the length is known here
			continue
		}
		if got := w.Header().Get(header); got != value {
			t.Errorf("%s is %q, want %q", header, got, value)
		}
	}
}
