package drill

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

const testdata = "../../testdata"

func opener(path string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(filepath.Join(testdata, path)) }
}

func holding(packed []byte) Open {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed)), nil }
}

// prove carries out a drill that must come to an end.
func prove(t testing.TB, p *prover, open Open, want *Want) *Report {
	t.Helper()
	report, err := p.prove(t.Context(), open, want)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestGoldenArchivesAreProven(t *testing.T) {
	for _, c := range []struct {
		name  string
		facts int64 // at least
	}{{"empty", 5}, {"kv", 20}, {"full", 60}, {"large-kv", 1000}, {"derived/full-upstream-query", 60}} {
		t.Run(c.name, func(t *testing.T) {
			report, err := Run(t.Context(), opener("consul-1.21.4/"+c.name+".snap"))
			if err != nil {
				t.Fatal(err)
			}
			if !report.Proven() || report.Records == 0 || report.Facts < c.facts || len(report.Completed) > 0 {
				t.Errorf(": %s, %s: %d records, %d facts, completed %v, differences %v, answers %+v", report.Proof, report.Reason, report.Records,
					report.Facts, report.Completed, report.Differences, report.Answers)
			}
		})
	}
}

func TestWhatIsNotSoundIsNotProven(t *testing.T) {
	gone := func() (io.ReadCloser, error) { return os.Open(filepath.Join(t.TempDir(), "gone")) }
	for _, c := range []struct {
		name   string
		open   Open
		proof  Proof
		reason string
	}{
		{"unknown type", opener("damaged/state-unknown-type.snap"), Unproven, "does not know"},
		{"unknown type that may be ignored", opener("damaged/state-unknown-ignorable.snap"), Unproven, "does not know"},
		{"cut", opener("damaged/state-truncated.snap"), Bad, ""},
		{"flipped bit", opener("damaged/state-bitflip.snap"), Bad, ""},
		{"cut archive", opener("damaged/truncated-gzip.snap"), Bad, ""},
		{"wrong sums", opener("damaged/wrong-sha256sums.snap"), Bad, ""},
		{"not restorable", opener("damaged/meta-size-small.snap"), Unproven, ""},
		{"cannot be opened", gone, Unproven, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := prove(t, lictor(), c.open, nil)
			if report.Proof != c.proof || report.Reason == "" || !strings.Contains(report.Reason, c.reason) {
				t.Errorf("%s, %q; want %s, %q", report.Proof, report.Reason, c.proof, c.reason)
			}
		})
	}
}

func TestCancelledDrillIsNoReport(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if report, err := Run(ctx, opener("consul-1.21.4/kv.snap")); err == nil {
		t.Errorf("report %+v, want an error", report)
	}
}

// An archive that is sound but another than the one that was read from the server is bad.
func TestAnotherArchiveIsBad(t *testing.T) {
	want := wantOf(t, opener("consul-1.21.4/kv.snap"))
	if report := prove(t, lictor(), opener("consul-1.21.4/kv.snap"), want); !report.Proven() {
		t.Errorf("the very archive: %s, %s", report.Proof, report.Reason)
	}
	if report := prove(t, lictor(), opener("consul-1.21.4/full.snap"), want); report.Proof != Bad {
		t.Errorf("another: %s, %s", report.Proof, report.Reason)
	}
	want.Index++
	if report := prove(t, lictor(), opener("consul-1.21.4/kv.snap"), want); report.Proof != Bad {
		t.Errorf("with another index: %s, %s", report.Proof, report.Reason)
	}
}

// What the server gave and Lictor cannot decode is not bad: it may be of a version to come.
func TestRecordsThatLictorCannotDecodeAreUnproven(t *testing.T) {
	b := record.AppendHeader(nil, record.Header{LastIndex: 7})
	b = appendMap(append(b, byte(record.TypeSession)), map[string]any{"ID": "s", "Node": []any{"of", "a", "new", "kind"}})
	open := holding(pack(t, b))
	if r := prove(t, lictor(), open, wantOf(t, open)); r.Proof != Unproven || !strings.Contains(r.Reason, "no state can be built") {
		t.Errorf("%s: %s", r.Proof, r.Reason)
	}
}

// wantOf is what was read of a good archive.
func wantOf(t testing.TB, open Open) *Want {
	t.Helper()
	c, err := read(open, func(record.Header) {}, func(record.Raw) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return &Want{Index: c.Meta.Index, Term: c.Meta.Term, Families: c.families, SHA256: c.sha256}
}

// pack makes an archive of a stream.
func pack(t testing.TB, stream []byte) []byte {
	t.Helper()
	return packAt(t, stream, 7)
}

// An archive of an old server, without autopilot configuration, Index records and ChunkingState, is proven all the same.
func TestWhatAServerAddsIsNoDifference(t *testing.T) {
	b := record.AppendHeader(nil, record.Header{LastIndex: 7})
	for i := range 3 {
		var err error
		if b, err = record.Append(b, &record.KVEntry{Key: fmt.Sprint("k", i), CreateIndex: 7, ModifyIndex: 7}); err != nil {
			t.Fatal(err)
		}
	}
	if report := prove(t, lictor(), holding(pack(t, b)), nil); !report.Proven() {
		t.Errorf("%s, differences %v, %v", report.Reason, report.Differences, report.Answers)
	}
}

// Records of versions that lacked fields, or had others, are proven; the report says that fields were added.
func TestRecordsOfOtherVersions(t *testing.T) {
	b := record.AppendHeader(nil, record.Header{LastIndex: 7})
	b = append(b, 2)
	b = appendMap(b, map[string]any{"Key": "k", "Value": "v", "CreateIndex": 3, "ModifyIndex": 4, "Future": "kept"})
	b = append(b, 0)
	b = appendMap(b, map[string]any{"Node": "n", "Address": "192.0.2.1", "Datacenter": "dc1"}) // no indexes: before 1.8
	report := prove(t, lictor(), holding(pack(t, b)), nil)
	if got := fmt.Sprint(report.Completed); !report.Proven() || got != "[KVS Register]" {
		t.Errorf("%s %s: completed %v, %v, %v", report.Proof, report.Reason, report.Completed, report.Differences, report.Answers)
	}
}

func TestReportNamesFamiliesComparedByTheirBytes(t *testing.T) {
	report := prove(t, lictor(), opener("consul-1.21.4/full.snap"), nil)
	for _, family := range []string{"ConfigEntry", "ConnectCA", "Intention"} {
		has := false
		for t, f := range report.Families {
			has = has || t.String() == family && f.Count > 0
		}
		if has != (report.ByBytes[family] > 0) {
			t.Errorf("%s: in the archive %v, by bytes %v", family, has, report.ByBytes)
		}
	}
	if report.ByBytes["KVS"] != 0 || len(report.ByBytes) < 3 {
		t.Errorf("by bytes: %v", report.ByBytes)
	}
}

// An autopilot configuration whose durations are nothing is shown with a text for them.
func TestAutopilotWithoutDurations(t *testing.T) {
	b, err := record.Append(record.AppendHeader(nil, record.Header{LastIndex: 7}), &record.Autopilot{CleanupDeadServers: true, CreateIndex: 7, ModifyIndex: 7})
	if err != nil {
		t.Fatal(err)
	}
	if report := prove(t, lictor(), holding(pack(t, b)), nil); !report.Proven() {
		t.Error(report.Reason)
	}
}
