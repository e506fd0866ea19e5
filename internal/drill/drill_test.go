package drill

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

const testdata = "../../testdata"

func opener(path string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(filepath.Join(testdata, path)) }
}

func TestGoldenArchivesAreProven(t *testing.T) {
	for _, name := range []string{"empty", "kv", "full", "large-kv", "derived/full-upstream-query"} {
		t.Run(name, func(t *testing.T) {
			report, err := Run(context.Background(), opener("consul-1.21.4/"+name+".snap"))
			if err != nil {
				t.Fatal(err)
			}
			if !report.Proven() || report.Records == 0 {
				t.Errorf("%d records, differences %v", report.Records, report.Differences)
			}
		})
	}
}

func TestDamagedArchivesAreNotProven(t *testing.T) {
	for _, name := range []string{"state-unknown-type", "state-truncated", "state-bitflip"} {
		if report, err := Run(context.Background(), opener("damaged/"+name+".snap")); err == nil {
			t.Errorf("%s: no error, report %+v", name, report)
		}
	}
}

// An engine whose tables do not have exactly what the archive holds fails the comparison.
func TestEngineThatForgetsIsFound(t *testing.T) {
	open := opener("consul-1.21.4/kv.snap")
	store := builtFrom(t, open)
	for i, key := range []string{"config/prod/api/timeout", "nope"} {
		if _, err := store.ApplyKV(uint64(1000+i), 3, state.KVSet, &record.KVEntry{Key: key, Value: []byte("altered")}); err != nil {
			t.Fatal(err)
		}
	}
	families, err := digest.Of(Archive(open))
	if err != nil {
		t.Fatal(err)
	}
	got, err := digest.Compare(Archive(open), Tables(store))
	if err != nil {
		t.Fatal(err)
	}
	if rest := unexplained(families, got); len(rest) < 2 {
		t.Errorf("found %v, want the two altered keys among it", rest)
	}
}

func builtFrom(t *testing.T, open func() (io.ReadCloser, error)) *state.Store {
	t.Helper()
	b := state.NewBuilder(record.Header{LastIndex: 233})
	err := Archive(open)(func(raw record.Raw) error {
		v, err := record.Decode(raw)
		if err != nil {
			return err
		}
		return b.Add(raw.Type, v)
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.Store(233, 2)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An archive of an old server, without autopilot configuration, Index records and ChunkingState, is proven all the same.
func TestWhatAServerAddsIsNoDifference(t *testing.T) {
	w, err := archive.NewWriter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	b := record.AppendHeader(nil, record.Header{LastIndex: 7})
	for i := range 3 {
		if b, err = record.Append(b, &record.KVEntry{Key: fmt.Sprint("k", i), CreateIndex: 7, ModifyIndex: 7}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(archive.Meta{Version: 1, ID: "1-7-0", Index: 7, Term: 1}, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	if _, err := w.WriteTo(&packed); err != nil {
		t.Fatal(err)
	}
	report, err := Run(context.Background(), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	if !report.Proven() {
		t.Errorf("differences %v", report.Differences)
	}
}
