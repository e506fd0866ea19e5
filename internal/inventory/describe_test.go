package inventory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

// pack makes an archive of values.
func pack(t testing.TB, values ...any) []byte {
	t.Helper()
	w, err := archive.NewWriter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(stream(t, values...)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(archive.Meta{Version: 1, ID: "2-7-1", Index: 7, Term: 2}, noon); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := w.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func stream(t testing.TB, values ...any) []byte {
	t.Helper()
	b := record.AppendHeader(nil, record.Header{LastIndex: 7})
	for _, v := range values {
		var err error
		if b, err = record.Append(b, v); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// The census of a real Consul's archive is the one that its own inspect printed.
func TestDescribeRealArchives(t *testing.T) {
	for _, name := range []string{"empty", "kv", "full", "large-kv"} {
		t.Run(name, func(t *testing.T) {
			data := golden.Read(t, "consul-1.21.4/"+name+".snap")
			d, err := Describe(t.Context(), bytes.NewReader(data), Own{})
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Meta  struct{ Index, Term uint64 }
				Stats []struct {
					Name       string
					Sum, Count int64
				}
			}
			if err := json.Unmarshal(golden.Read(t, "consul-1.21.4/"+inspected(name)), &want); err != nil {
				t.Fatal(err)
			}
			e := d.Entry("1", "c")
			sum := sha256.Sum256(data)
			if e.Index != want.Meta.Index || e.Term != want.Meta.Term || e.Size != int64(len(data)) || e.SHA256 != hex.EncodeToString(sum[:]) ||
				len(e.Census) != len(want.Stats) || d.Unrestorable != nil {
				t.Fatalf("%+v, %v", e, d.Unrestorable)
			}
			census, total := map[string]TypeCensus{}, int64(0)
			for _, c := range e.Census {
				census[c.Name] = c
				total += c.Bytes
			}
			header := e.StateSize - total // inspect charges it to the first record
			for _, s := range want.Stats {
				if c := census[s.Name]; c.Count != s.Count || c.Bytes != s.Sum && c.Bytes+header != s.Sum {
					t.Errorf("%s: %d records of %d bytes, want %d of %d", s.Name, c.Count, c.Bytes, s.Count, s.Sum)
				}
			}
			if header < 5 || header > 32 {
				t.Errorf("records of %d bytes in a state of %d", total, e.StateSize)
			}
		})
	}
}

func inspected(name string) string {
	if name == "large-kv" {
		return "large-kv.inspect-kvdetails.json"
	}
	return name + ".inspect.json"
}

func TestDescribeTrustDomain(t *testing.T) {
	for name, want := range map[string]string{"full": "c39ecaf2-c83a-903b-b729-5dff6c677601.consul"} {
		d, err := Describe(t.Context(), bytes.NewReader(golden.Read(t, "consul-1.21.4/"+name+".snap")), Own{})
		if err != nil || d.TrustDomain != want {
			t.Errorf("%s: %q, %v", name, d.TrustDomain, err)
		}
	}
	d, err := Describe(t.Context(), bytes.NewReader(pack(t, &record.KVEntry{Key: "a"})), Own{})
	if err != nil || d.TrustDomain != "" {
		t.Errorf("without an authority: %q, %v", d.TrustDomain, err)
	}
}

func TestDescribeRefusesBadArchives(t *testing.T) {
	good := pack(t, &record.KVEntry{Key: "a", Value: []byte("1")}, &record.KVEntry{Key: "b"})
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 4
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, archive.ErrCorrupt},
		{"cut", good[:len(good)-9], archive.ErrCorrupt},
		{"flipped", flipped, archive.ErrCorrupt},
		{"zero bytes", make([]byte, len(good)), archive.ErrCorrupt},
		{"more behind the end", append(bytes.Clone(good), 0), archive.ErrCorrupt},
		{"record that does not decode", pack(t, &record.Opaque{Type: record.TypeKVS, Value: []byte{0x01}}), record.ErrCorrupt},
		{"unknown version", golden.Read(t, "damaged/meta-version-2.snap"), archive.ErrNotRestorable},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Describe(t.Context(), bytes.NewReader(c.data), Own{}); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// Records that Lictor does not know are no reason to lose a backup.
func TestDescribeKeepsTheUnknown(t *testing.T) {
	data := pack(t, &record.KVEntry{Key: "a"}, &record.Opaque{Type: 77, Value: []byte{0x80}})
	d, err := Describe(t.Context(), bytes.NewReader(data), Own{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Unrestorable == nil || len(d.Families) != 2 || d.Families[77].Count != 1 {
		t.Errorf("%v, %v", d.Unrestorable, d.Families)
	}
}

func TestDescribeTellsReadErrorsFromDamage(t *testing.T) {
	data := pack(t, &record.KVEntry{Key: "a"})
	cause := errors.New("no route to host")
	broken := io.MultiReader(bytes.NewReader(data[:len(data)/2]), iotest.ErrReader(cause))
	if _, err := Describe(t.Context(), broken, Own{}); !errors.Is(err, cause) || errors.Is(err, archive.ErrCorrupt) {
		t.Errorf("source breaks: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Describe(ctx, bytes.NewReader(data), Own{}); !errors.Is(err, context.Canceled) || errors.Is(err, archive.ErrCorrupt) {
		t.Errorf("cancelled: %v", err)
	}
}
