package drill

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// A victim is an archive that faults strike.
type victim struct {
	t      testing.TB
	r      *rand.Rand
	seed   uint64
	packed []byte
	stream []byte
}

// A faultClass is a way for a backup to go wrong. strike returns what is found in its place.
type faultClass struct {
	name   string
	strike func(v *victim) []byte
}

// Faults of the second kind are struck below the archive's own sums, which are made anew: what a program gets wrong, and no disk.
var faultClasses = []faultClass{
	{"truncated", func(v *victim) []byte { return v.packed[:v.r.IntN(len(v.packed))] }},
	{"bit flipped", func(v *victim) []byte {
		b := slices.Clone(v.packed)
		b[v.r.IntN(len(b))] ^= 1 << v.r.IntN(8)
		return b
	}},
	{"run of zero bytes", func(v *victim) []byte {
		b := slices.Clone(v.packed)
		for at := 0; bytes.Equal(b, v.packed); { // a run that was zero before is no fault
			at = v.r.IntN(len(b))
			clear(b[at:min(len(b), at+1+v.r.IntN(512))])
		}
		return b
	}},
	{"object of another backup", func(v *victim) []byte { return pack(v.t, newMaker(v.t, v.seed+1e6).stream()) }},
	{"older object of the same cluster", func(v *victim) []byte {
		records := v.records()
		return v.rebuilt(records[:len(records)-1-v.r.IntN(3)], 7)
	}},
	{"record dropped", func(v *victim) []byte {
		records := v.records()
		at := v.r.IntN(len(records))
		return v.rebuilt(slices.Delete(records, at, at+1), 7)
	}},
	{"record doubled", func(v *victim) []byte {
		records := v.records()
		at := v.r.IntN(len(records))
		return v.rebuilt(slices.Insert(records, v.r.IntN(len(records)+1), records[at]), 7)
	}},
	{"records reordered", func(v *victim) []byte {
		records := v.records()
		for {
			a, b := v.r.IntN(len(records)), v.r.IntN(len(records))
			if !bytes.Equal(records[a], records[b]) {
				records[a], records[b] = records[b], records[a]
				return v.rebuilt(records, 7)
			}
		}
	}},
	{"record of an unknown type added", func(v *victim) []byte {
		records := v.records()
		unknown := msgpack.AppendString([]byte{77}, "?")
		return v.rebuilt(slices.Insert(records, v.r.IntN(len(records)+1), unknown), 7)
	}},
	{"family lost", func(v *victim) []byte {
		records := v.records()
		lost := records[v.r.IntN(len(records))][0]
		return v.rebuilt(slices.DeleteFunc(records, func(r []byte) bool { return r[0] == lost }), 7)
	}},
	{"value changed", func(v *victim) []byte {
		return v.changed(func(e *record.KVEntry) { e.Value = append(slices.Clone(e.Value), 'x') })
	}},
	{"flags lost", func(v *victim) []byte { return v.changed(func(e *record.KVEntry) { e.Flags ^= 1 << v.r.IntN(64) }) }},
	{"lock index off by one", func(v *victim) []byte { return v.changed(func(e *record.KVEntry) { e.LockIndex++ }) }},
	{"value of another key", func(v *victim) []byte {
		return v.changed(func(e *record.KVEntry) { e.Value = []byte(fmt.Sprint("of another ", v.r.Uint64())) })
	}},
	{"text changed in any record", func(v *victim) []byte {
		records := v.records()
		for {
			at := v.r.IntN(len(records))
			if b := changeText(v.r, records[at]); b != nil {
				records[at] = b
				return v.rebuilt(records, 7)
			}
		}
	}},
	{"index in meta.json is another", func(v *victim) []byte { return v.rebuilt(v.records(), 8+v.r.Uint64N(100)) }},
}

// records takes the stream apart.
func (v *victim) records() (all [][]byte) {
	r, err := record.NewReader(bytes.NewReader(v.stream))
	if err != nil {
		v.t.Fatal(err)
	}
	err = r.Each(func(raw record.Raw) error {
		all = append(all, append([]byte{byte(raw.Type)}, raw.Value...))
		return nil
	})
	if err != nil {
		v.t.Fatal(err)
	}
	return all
}

// rebuilt makes an archive with right sums of other records.
func (v *victim) rebuilt(records [][]byte, index uint64) []byte {
	b := record.AppendHeader(nil, record.Header{LastIndex: 100000})
	return packAt(v.t, append(b, slices.Concat(records...)...), index)
}

// changed makes an archive in which one key is not what it was.
func (v *victim) changed(change func(*record.KVEntry)) []byte {
	records := v.records()
	var keys []int
	for i, r := range records {
		if record.Type(r[0]) == record.TypeKVS {
			keys = append(keys, i)
		}
	}
	at := keys[v.r.IntN(len(keys))]
	e, err := record.Decode(record.Raw{Type: record.TypeKVS, Value: records[at][1:]})
	if err != nil {
		v.t.Fatal(err)
	}
	change(e.(*record.KVEntry))
	if records[at], err = record.Append(nil, e); err != nil {
		v.t.Fatal(err)
	}
	return v.rebuilt(records, 7)
}

// changeText changes a letter somewhere in a record so that it still decodes; nil if it has none.
func changeText(r *rand.Rand, raw []byte) []byte {
	var at []int
	for i := 1; i < len(raw); i++ {
		if c := raw[i]; c == 'x' || c == 'e' {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return nil
	}
	b := slices.Clone(raw)
	b[at[r.IntN(len(at))]] = 'q'
	return b
}

func packAt(t testing.TB, stream []byte, index uint64) []byte {
	t.Helper()
	w, err := archive.NewWriter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(stream); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(archive.Meta{Version: 1, ID: "1-7-0", Index: index, Term: 1}, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	if _, err := w.WriteTo(&packed); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// detections counts how many faults of a class each check finds.
type detections struct{ struck, sums, alone, proof int }

func strikeAll(t *testing.T, class faultClass, seeds int) (d detections) {
	for seed := range uint64(seeds) {
		v := &victim{t: t, r: rand.New(rand.NewPCG(seed, 3)), seed: seed}
		for v.stream = newMaker(t, seed).stream(); bytes.Count(v.stream, []byte("LockIndex")) < 3 || len(v.records()) < 10; {
			v.seed += 1000
			v.stream = newMaker(t, v.seed).stream()
		}
		v.packed = pack(t, v.stream)
		want := wantOf(t, holding(v.packed))
		struck := class.strike(v)
		d.struck++
		if _, err := archive.Read(bytes.NewReader(struck), nil); err != nil {
			d.sums++
		}
		if r := prove(t, lictor(), holding(struck), &Want{want.Index, want.Term, want.Families, ""}); !r.Proven() {
			d.alone++
		}
		if r := prove(t, lictor(), holding(struck), want); r.Proof == Bad {
			d.proof++
		} else {
			t.Errorf("%s, seed %d: %s", class.name, seed, r.Proof)
		}
	}
	return d
}

// Each fault is found by the proof; the table says what the archive's own sums find alone. The number of seeds is that of the build.
func TestFaultsAreFound(t *testing.T) {
	var table strings.Builder
	table.WriteString("\n| fault | struck | found by the archive's own sums | by records and rebuilt state | by the full proof |\n|---|---|---|---|---|\n")
	for _, class := range faultClasses {
		t.Run(class.name, func(t *testing.T) {
			d := strikeAll(t, class, faultSeeds)
			fmt.Fprintf(&table, "| %s | %d | %d | %d | %d |\n", class.name, d.struck, d.sums, d.alone, d.proof)
		})
	}
	t.Log(table.String())
}

// States of all kinds are proven, each one: no false alarm.
func TestGoodArchivesAreProven(t *testing.T) {
	var facts, records int64
	for seed := range uint64(goodArchives) {
		open := holding(pack(t, newMaker(t, seed+5000).stream()))
		r := prove(t, lictor(), open, wantOf(t, open))
		if !r.Proven() || len(r.Completed) > 0 {
			t.Fatalf("seed %d: %s, %s; completed %v; answers %+v", seed, r.Proof, r.Reason, r.Completed, r.Answers)
		}
		facts, records = facts+r.Facts, records+r.Records
	}
	t.Logf("%d good archives with %d records and %d facts: no false alarm", goodArchives, records, facts)
}
