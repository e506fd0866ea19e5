package diff

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// TestRecordsInAnyOrder breaks reading ahead: records of all sizes are asked for in order, backwards and at random, those of both states in
// turn, and more are put in between.
func TestRecordsInAnyOrder(t *testing.T) {
	var s spool
	type kept struct {
		at    place
		value []byte
		id    object.ID
	}
	var all []kept
	put := func() {
		n := len(all)
		size := []int{0, 10, 100, 5 << 10}[n%4]
		if n%50 == 49 {
			size = 3 * spoolBuffer
		}
		e := &record.KVEntry{Key: fmt.Sprint(n), Value: bytes.Repeat([]byte{byte(n)}, size)}
		b, err := record.Append(nil, e)
		if err != nil {
			t.Fatal(err)
		}
		at, err := s.put(record.Raw{Number: int64(n + 1), Type: record.Type(b[0]), Value: b[1:]})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, kept{at, e.Value, object.IDOf(object.FamilyKey, e.Key, "")})
	}
	for range 200 {
		put()
	}
	look := func(w *window, k kept) {
		t.Helper()
		o, err := s.load(w, k.at, k.id)
		if err != nil {
			t.Fatal(err)
		}
		if e := o.Value.(*record.KVEntry); !bytes.Equal(e.Value, k.value) {
			t.Fatalf("the record at %d is that of %q with %d bytes; want %d", k.at, e.Key, len(e.Value), len(k.value))
		}
	}
	for _, k := range all {
		look(&s.before, k)
	}
	for _, k := range slices.Backward(all) {
		look(&s.after, k)
	}
	for i := range 500 {
		look(&s.before, all[rand.IntN(len(all))])
		look(&s.after, all[i%len(all)])
		if i%10 == 0 {
			put()
			look(&s.after, all[len(all)-1])
		}
	}
}

// TestReadsAhead counts reads of a scratch file: what is asked for in order costs few.
func TestReadsAhead(t *testing.T) {
	file := &counting{}
	var values []any
	for i := range 5_000 {
		values = append(values, key(fmt.Sprintf("k/%05d", i), "a value of some length"))
	}
	r := compared(t, state(t), state(t, values...), Options{Scratch: func() (Scratch, error) { return file, nil }})
	for c := range r.All() {
		if _, err := c.After(); err != nil {
			t.Fatal(err)
		}
	}
	if file.reads > 10 {
		t.Errorf("%d reads for 5000 small records that lie one behind the other", file.reads)
	}
}

type counting struct {
	memory
	reads int
}

func (c *counting) ReadAt(p []byte, at int64) (int, error) {
	c.reads++
	return c.memory.ReadAt(p, at)
}
