package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

var update = flag.Bool("update", false, "write testdata anew")

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// sound is an entry without faults.
func sound(id string) *Entry {
	at := noon
	return &Entry{
		Format: 1, ID: id, Name: ArchiveName(id), Cluster: "prod", Index: 7, Term: 2, SHA256: strings.Repeat("ab", 32), Size: 5, StateSize: 9,
		Census:  []TypeCensus{{Type: record.TypeKVS, Name: "KVS", Count: 1, Bytes: 20, Digest: strings.Repeat("cd", 32)}},
		Essence: strings.Repeat("ef", 32), Started: noon, Saved: noon, Committed: noon, Proof: Proven, ProvenAt: &at, Writer: "lictor 0.1.0",
	}
}

// The entry of a real Consul's archive, as it stands in a store.
func TestEntryGolden(t *testing.T) {
	d, err := Describe(t.Context(), bytes.NewReader(golden.Read(t, "consul-1.21.4/full.snap")), Own{LockKey: "consul-snapshot/lock"})
	if err != nil {
		t.Fatal(err)
	}
	e := d.Entry("1795262400000000000", ClusterName("", "dc1", d.TrustDomain))
	at := noon.Add(3 * time.Second)
	e.Datacenter, e.ServerVersion, e.Writer, e.LockIndex = "dc1", "1.21.4", "lictor 0.1.0", 3
	e.Started, e.Saved, e.Committed = noon.In(time.FixedZone("", 3600)), noon.Add(time.Second), noon.Add(2*time.Second)
	e.Proof, e.ProvenAt = Proven, &at
	got, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "entry.json")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	back, err := DecodeEntry(want)
	if err != nil {
		t.Fatal(err)
	}
	e.Started = e.Started.UTC()
	if !reflect.DeepEqual(back, e) {
		t.Errorf("decoded\n%+v\nwant\n%+v", back, e)
	}
}

func TestEntryFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(*Entry)
		want   string
	}{
		{"no format", func(e *Entry) { e.Format = 0 }, "format 0"},
		{"negative format", func(e *Entry) { e.Format = -1 }, "format -1"},
		{"no ID", func(e *Entry) { e.ID = "" }, "not a number"},
		{"ID with zeros", func(e *Entry) { e.ID = "01" }, "not a number"},
		{"ID of another", func(e *Entry) { e.ID = "2" }, "does not fit"},
		{"no name", func(e *Entry) { e.Name = "" }, "no name"},
		{"no cluster", func(e *Entry) { e.Cluster = "" }, "no cluster"},
		{"no size", func(e *Entry) { e.Size = 0 }, "size 0"},
		{"negative state", func(e *Entry) { e.StateSize = -1 }, "-1 of its state"},
		{"short digest", func(e *Entry) { e.SHA256 = "abcd" }, "sha256"},
		{"digest in capitals", func(e *Entry) { e.SHA256 = strings.Repeat("AB", 32) }, "sha256"},
		{"essence not hex", func(e *Entry) { e.Essence = strings.Repeat("xy", 32) }, "essence"},
		{"never committed", func(e *Entry) { e.Committed = time.Time{} }, "time of commit"},
		{"type twice", func(e *Entry) { e.Census = append(e.Census, e.Census[0]) }, "out of order"},
		{"count of nothing", func(e *Entry) { e.Census[0].Count = 0 }, "count 0"},
		{"family without digest", func(e *Entry) { e.Census[0].Digest = "" }, "digest"},
		{"no proof", func(e *Entry) { e.Proof = "" }, "none of"},
		{"unknown proof", func(e *Entry) { e.Proof = "fine" }, "none of"},
		{"proof in capitals", func(e *Entry) { e.Proof = "Proven" }, "none of"},
		{"proven at no time", func(e *Entry) { e.ProvenAt = nil }, "not when"},
		{"proven at zero", func(e *Entry) { e.ProvenAt = new(time.Time) }, "not when"},
		{"unproven for no reason", func(e *Entry) { e.doubt(Unproven, "") }, "without a reason"},
		{"bad for no reason", func(e *Entry) { e.doubt(Bad, "") }, "without a reason"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := sound("1")
			if _, err := e.Encode(); err != nil {
				t.Fatal(err)
			}
			c.damage(e)
			if _, err := e.Encode(); !errors.Is(err, ErrEntry) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("encoding: %v, want an ErrEntry with %q", err, c.want)
			}
			data, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := DecodeEntry(data); !errors.Is(err, ErrEntry) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("decoding: %v, want an ErrEntry with %q", err, c.want)
			}
		})
	}
}

func TestDecodeEntry(t *testing.T) {
	good, err := sound("1").Encode()
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, with string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("the entry has no %q", old)
		}
		return bytes.Replace(good, []byte(old), []byte(with), 1)
	}
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"sound", good, nil},
		{"compact", bytes.ReplaceAll(good, []byte("\n"), nil), nil},
		{"nothing", nil, ErrEntry},
		{"zero bytes", make([]byte, 300), ErrEntry},
		{"null", []byte("null"), ErrEntry},
		{"a list", []byte("[]"), ErrEntry},
		{"cut", good[:len(good)-3], ErrEntry},
		{"doubled", append(bytes.Clone(good), good...), ErrEntry},
		{"too long", append(bytes.Clone(good), bytes.Repeat([]byte(" "), MaxEntry)...), ErrEntry},
		{"field in capitals is another", replace(`"cluster"`, `"CLUSTER"`), ErrEntry},
		{"cluster null", replace(`"cluster": "prod"`, `"cluster": null`), ErrEntry},
		{"number as text", replace(`"index": 7`, `"index": "7"`), ErrEntry},
		{"type out of range", replace(`"type": 2`, `"type": 256`), ErrEntry},
		{"newer format", replace(`"format": 1`, `"format": 2`), ErrFormat},
		{"newer format with other types", []byte(`{"format": 2, "id": {}}`), ErrFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := DecodeEntry(c.data); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestUnknownFieldsSurvive(t *testing.T) {
	good, err := sound("1").Encode()
	if err != nil {
		t.Fatal(err)
	}
	future := `"format": 1, "Format": "x", "future": {"b": [1, 2.50], "a": 12345678901234567890},`
	with := bytes.Replace(good, []byte(`"format": 1,`), []byte(future), 1)
	with = bytes.Replace(with, []byte(`"type": 2,`), []byte(`"type": 2, "oldest": "<&>",`), 1)
	e, err := DecodeEntry(with)
	if err != nil {
		t.Fatal(err)
	}
	e = e.clone()
	e.doubt(Unproven, "changed")
	again, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Proof  string          `json:"proof"`
		Future json.RawMessage `json:"future"`
		Format any
		Census []struct {
			Oldest string `json:"oldest"`
		} `json:"census"`
	}
	if err := json.Unmarshal(again, &got); err != nil {
		t.Fatal(err)
	}
	kept := new(bytes.Buffer)
	if err := json.Compact(kept, got.Future); err != nil {
		t.Fatal(err)
	}
	if kept.String() != `{"b":[1,2.50],"a":12345678901234567890}` || got.Census[0].Oldest != "<&>" || got.Proof != "unproven" ||
		!bytes.Contains(again, []byte(`"Format": "x"`)) {
		t.Errorf("rewritten as\n%s", again)
	}
}

func TestReasonIsBounded(t *testing.T) {
	e := sound("1")
	e.doubt(Unproven, strings.Repeat("é", MaxEntry)+"\xff")
	data, err := e.Encode()
	if err != nil || len(data) > 3*maxReason {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func FuzzDecodeEntry(f *testing.F) {
	good, err := sound("1").Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":1,"id":"1","ID":null,"x":[{}]}`))
	sealed := sound("1")
	encrypted(sealed)
	if good, err = sealed.Encode(); err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(bytes.Replace(good, []byte(`"type": 2`), []byte(`"type": 2, "Type": 3, "é<": "\ud800"`), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeEntry(data)
		if err != nil {
			if !errors.Is(err, ErrEntry) && !errors.Is(err, ErrFormat) {
				t.Errorf("unmarked error %v", err)
			}
			return
		}
		first, err := e.Encode()
		if err != nil {
			return // only the size can be at fault: the indented form is longer
		}
		again, err := DecodeEntry(first)
		if err != nil {
			t.Fatalf("what was written does not decode: %v\n%s", err, first)
		}
		second, err := again.Encode()
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%v; rewritten otherwise:\n%s\n%s", err, first, second)
		}
	})
}
