package snapshotagent

import (
	"bytes"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// A faultClass is a way for a backup to go wrong.
type faultClass struct {
	name, where string
	backups     int                // that are there before; 0 means one
	harmless    bool               // nothing that is stored is struck, and nothing is to be noticed
	alone       bool               // only with one destination
	arrange     func(c *faultCase) // makes the fault wait for the next backup
}

var faultClasses = slices.Concat(
	tampers(onDisk, "on disk", bitFlip, cut, zeros, another, dropped),
	tampers(inUpload, "in upload", older, dropped, doubled, reordered, valueChanged, typeLost, unknownType, indexChanged),
	tampers(atRest, "in the store", bitFlip, cut, zeros, another, older, valueChanged),
	tampers(onReading, "on read-back", zeros, another, dropped),
	tampers(inCopy, "in the copy that is rebuilt", bitFlip, cut, dropped, valueChanged, older),
	[]faultClass{
		{name: "flags of a key lost by the codec", where: "in the engine", arrange: codec(onKey(func(c *faultCase, e *record.KVEntry) {
			e.Flags = 0
		}))},
		{name: "value of a key cut by the codec", where: "in the engine", arrange: codec(onKey(func(c *faultCase, e *record.KVEntry) {
			e.Value = e.Value[:c.r.IntN(len(e.Value))]
		}))},
		{name: "key dropped by the codec", where: "in the engine", arrange: codec(onRecords("", func(c *faultCase, all [][]byte) [][]byte {
			at := c.aKey(all)
			return slices.Delete(all, at, at+1)
		}).change)},

		stored("truncated", "in upload", storetest.TruncatePut),
		stored("bit flipped", "in upload", storetest.FlipPut),
		stored("zero bytes", "in upload", storetest.ZeroPut),
		stored("empty object", "in upload", storetest.EmptyPut),
		stored("acknowledged and lost", "in upload", storetest.LosePut),
		stored("refused, but stored", "in upload", storetest.FailAfterPut),
		stored("truncated", "on read-back", storetest.TruncateRead),
		stored("bit flipped", "on read-back", storetest.FlipRead),
		stored("what was there before", "on read-back", storetest.StaleRead),
		stored("broken off", "on read-back", storetest.FailRead),

		{name: "entry truncated", where: "in upload", arrange: entry(storetest.TruncatePut)},
		{name: "entry with a bit flipped", where: "in upload", arrange: entry(storetest.FlipPut)},
		{name: "entry acknowledged and lost", where: "in upload", arrange: entry(storetest.LosePut)},

		{name: "zero bytes", where: "on disk, once it is uploaded", harmless: true, alone: true, arrange: func(c *faultCase) {
			c.tamper(onDiskLate, zeros.change)
		}},
		{name: "stale listing", where: "in the listing", backups: 3, harmless: true, arrange: listing(storetest.StaleList)},
		{name: "an object lacking", where: "in the listing", backups: 3, harmless: true, arrange: listing(storetest.ShortList)},
	})

// A damage is what a tamper does to an archive.
type damage struct {
	name   string
	change func(c *faultCase, b []byte) []byte
}

// Damage that leaves no trace in the archive's own sums is done to its records, which are packed anew.
var (
	bitFlip = damage{"bit flipped", func(c *faultCase, b []byte) []byte {
		b[c.r.IntN(len(b))] ^= 1 << c.r.IntN(8)
		return b
	}}
	cut   = damage{"truncated", func(c *faultCase, b []byte) []byte { return b[:c.r.IntN(len(b))] }}
	zeros = damage{"zero bytes", func(c *faultCase, b []byte) []byte {
		for was := bytes.Clone(b); len(b) > 0 && bytes.Equal(b, was); { // zeros that were zeros are no fault
			at := c.r.IntN(len(b))
			clear(b[at:min(len(b), at+1+c.r.IntN(512))])
		}
		return b
	}}
	another = damage{"object of another cluster", func(c *faultCase, _ []byte) []byte { return pack(c.t, populate(c.t, c.r), newest) }}
	older   = damage{"object of the backup before", func(c *faultCase, _ []byte) []byte { return c.older }}
	dropped = onRecords("record dropped, sums right", func(c *faultCase, all [][]byte) [][]byte {
		at := c.r.IntN(len(all))
		return slices.Delete(all, at, at+1)
	})
	doubled = onRecords("record doubled, sums right", func(c *faultCase, all [][]byte) [][]byte {
		return slices.Insert(all, c.r.IntN(len(all)+1), all[c.r.IntN(len(all))])
	})
	reordered = onRecords("records reordered, sums right", func(c *faultCase, all [][]byte) [][]byte {
		for {
			if a, b := c.r.IntN(len(all)), c.r.IntN(len(all)); !bytes.Equal(all[a], all[b]) {
				all[a], all[b] = all[b], all[a]
				return all
			}
		}
	})
	valueChanged = damage{"value changed, sums right", onKey(func(c *faultCase, e *record.KVEntry) {
		e.Value[c.r.IntN(len(e.Value))] ^= 1 << c.r.IntN(8)
	})}
	typeLost = onRecords("all records of a type lost, sums right", func(c *faultCase, all [][]byte) [][]byte {
		lost := all[c.r.IntN(len(all))][0]
		return slices.DeleteFunc(all, func(b []byte) bool { return b[0] == lost })
	})
	unknownType = onRecords("record of an unknown type, sums right", func(c *faultCase, all [][]byte) [][]byte {
		return slices.Insert(all, c.r.IntN(len(all)+1), msgpack.AppendString([]byte{77}, "?"))
	})
	indexChanged = damage{"index in meta.json changed, sums right", func(c *faultCase, _ []byte) []byte {
		return pack(c.t, c.records, newest+1+c.r.Uint64N(100))
	}}
)

// onRecords makes an archive of other records.
func onRecords(name string, change func(c *faultCase, all [][]byte) [][]byte) damage {
	return damage{name, func(c *faultCase, _ []byte) []byte { return pack(c.t, change(c, slices.Clone(c.records)), newest) }}
}

// onKey makes an archive in which a key is another.
func onKey(change func(c *faultCase, e *record.KVEntry)) func(c *faultCase, b []byte) []byte {
	return onRecords("", func(c *faultCase, all [][]byte) [][]byte {
		at := c.aKey(all)
		v, err := record.Decode(record.Raw{Type: record.TypeKVS, Value: bytes.Clone(all[at][1:])})
		if err != nil {
			c.t.Fatal(err)
		}
		change(c, v.(*record.KVEntry))
		if all[at], err = record.Append(nil, v); err != nil {
			c.t.Fatal(err)
		}
		return all
	}).change
}

// aKey picks a record that is a key.
func (c *faultCase) aKey(all [][]byte) int {
	at := c.r.IntN(len(all))
	for record.Type(all[at][0]) != record.TypeKVS {
		at = (at + 1) % len(all)
	}
	return at
}

// tampers are the classes of damage at a moment.
func tampers(at moment, where string, damages ...damage) (all []faultClass) {
	for _, d := range damages {
		all = append(all, faultClass{name: d.name, where: where, arrange: func(c *faultCase) { c.tamper(at, d.change) }})
	}
	return all
}

func (c *faultCase) tamper(at moment, change func(c *faultCase, b []byte) []byte) {
	c.with.moment, c.with.once = at, c.once
	c.with.change = func(b []byte) []byte { return change(c, b) }
}

// codec makes the engine rebuild something else than it reads.
func codec(change func(c *faultCase, b []byte) []byte) func(c *faultCase) {
	return func(c *faultCase) {
		c.prover.broken = true
		c.tamper(inCodec, change)
	}
}

// stored is a class of faults of the store that strike archives.
func stored(name, where string, f storetest.Fault) faultClass {
	return faultClass{name: name, where: where, arrange: func(c *faultCase) { c.strike(f, isArchive) }}
}

// entry makes a fault strike entries.
func entry(f storetest.Fault) func(c *faultCase) {
	return func(c *faultCase) {
		c.strike(f, func(name string) bool { return strings.HasSuffix(name, ".snap.json") })
	}
}

func listing(f storetest.Fault) func(c *faultCase) { return func(c *faultCase) { c.strike(f, nil) } }

func (c *faultCase) strike(f storetest.Fault, match func(string) bool) {
	s := storetest.Strike{Fault: f, Match: match}
	if c.once {
		s.Times = 1
	}
	c.faulty.Strike(s)
}

func isArchive(name string) bool {
	_, ok := inventory.ParseArchiveName(name)
	return ok
}
