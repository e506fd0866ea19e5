package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

func honest(t testing.TB) blobstore.Store {
	s, err := blobstore.Dir(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Without a plan, and with one that never strikes, it is a store like any other.
func TestFaultyWithoutFaultsConforms(t *testing.T) {
	Run(t, func(t testing.TB) blobstore.Store {
		return NewFaulty(honest(t), 1, Strike{Fault: FailPut, Match: func(string) bool { return false }})
	})
}

// seen is what a store shows of an object: its content, nil if there is none, and the error of getting or reading it.
func seen(t *testing.T, s blobstore.Store) ([]byte, error) {
	r, err := s.Get(t.Context(), "a")
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return append([]byte{}, b...), errors.Join(err, r.Close())
}

func TestFaults(t *testing.T) {
	old, content := Content(1, 5000), Content(2, 6000)
	is := func(want []byte) func([]byte) bool { return func(b []byte) bool { return bytes.Equal(b, want) } }
	flipped := func(b []byte) bool { return len(b) == len(content) && bits(b, content) == 1 }
	shorter := func(b []byte) bool { return len(b) < len(content) && bytes.HasPrefix(content, b) }
	zeros := func(b []byte) bool {
		return len(b) == len(content) && !bytes.Equal(b, content) && bytes.Count(b, []byte{0}) > bytes.Count(content, []byte{0})
	}
	tests := []struct {
		fault  Fault
		failed bool              // the call, where the fault says so
		there  func([]byte) bool // what is there afterwards
		seen   func([]byte) bool // what the faulty store shows
		err    error             // of looking at it
	}{
		{FailPut, true, is(old), is(old), nil},
		{FailAfterPut, true, is(content), is(content), nil},
		{LosePut, false, is(old), is(old), nil},
		{TruncatePut, false, shorter, shorter, nil},
		{EmptyPut, false, is([]byte{}), is([]byte{}), nil},
		{FlipPut, false, flipped, flipped, nil},
		{ZeroPut, false, zeros, zeros, nil},
		{SwapPut, false, is(old), is(old), nil},
		{FailGet, false, is(content), is(nil), ErrFault},
		{LoseGet, false, is(content), is(nil), blobstore.ErrNotFound},
		{FailRead, false, is(content), func(b []byte) bool { return bytes.HasPrefix(content, b) }, ErrFault},
		{TruncateRead, false, is(content), shorter, nil},
		{FlipRead, false, is(content), flipped, nil},
		{StaleRead, false, is(content), is(old), nil},
	}
	for _, tt := range tests {
		t.Run(tt.fault.String(), func(t *testing.T) {
			for seed := range uint64(20) {
				h := honest(t)
				f := NewFaulty(h, seed)
				put(t, f, "a", old)
				f.Strike(Strike{Fault: tt.fault, Times: 1})
				err := f.Put(t.Context(), "a", bytes.NewReader(content), int64(len(content)))
				if tt.failed != errors.Is(err, ErrFault) || tt.failed == (err == nil) {
					t.Fatalf("seed %d: Put: %v", seed, err)
				}
				if b, err := seen(t, f); !tt.seen(b) || !errors.Is(err, tt.err) {
					t.Errorf("seed %d: shown are %d bytes, %v", seed, len(b), err)
				}
				if b := read(t, h, "a"); !tt.there(b) {
					t.Errorf("seed %d: there are %d bytes", seed, len(b))
				}
				if got, want := f.Struck(), []Struck{{tt.fault, "a"}}; !slices.Equal(got, want) {
					t.Errorf("seed %d: struck %v", seed, got)
				}
			}
		})
	}
}

// bits counts those that differ.
func bits(a, b []byte) (n int) {
	for i := range a {
		for x := a[i] ^ b[i]; x != 0; x &= x - 1 {
			n++
		}
	}
	return n
}

func TestFaultsOfListsAndDeletes(t *testing.T) {
	h := honest(t)
	f := NewFaulty(h, 1)
	put(t, f, "a", nil)
	put(t, f, "b", nil)
	count := func(want int, wantErr error) {
		t.Helper()
		if l, err := f.List(t.Context()); len(l) != want || !errors.Is(err, wantErr) {
			t.Errorf("listed %v, %v; want %d", l, err, want)
		}
	}
	count(2, nil)
	f.Strike(Strike{Fault: FailDelete, Times: 1}, Strike{Fault: LoseDelete, Times: 1})
	if err := f.Delete(t.Context(), "a"); !errors.Is(err, ErrFault) {
		t.Errorf("Delete: %v", err)
	}
	if err := f.Delete(t.Context(), "a"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	count(2, nil)
	if err := f.Delete(t.Context(), "a"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	f.Strike(Strike{Fault: StaleList, Times: 1}, Strike{Fault: FailList, Times: 1}, Strike{Fault: ShortList, Times: 1})
	count(2, nil)
	count(0, ErrFault)
	count(0, nil)
	count(1, nil)
	if got := f.Struck(); len(got) != 5 {
		t.Errorf("struck: %v", got)
	}
}

func TestWhenFaultsStrike(t *testing.T) {
	f := NewFaulty(honest(t), 1, Strike{Fault: FailPut, Skip: 1, Times: 2, Match: func(name string) bool { return name == "a" }})
	try := func(name string) bool { return f.Put(t.Context(), name, bytes.NewReader(nil), 0) == nil }
	for i, want := range []bool{true, false, false, true} {
		if !try("b") || try("a") != want {
			t.Errorf("the put number %d does not go as planned", i)
		}
	}
	f.Strike(Strike{Fault: FailPut})
	f.Heal()
	if !try("a") {
		t.Error("a healed store fails")
	}
}

// The same seed strikes alike, another one otherwise, and about as often as it should.
func TestChance(t *testing.T) {
	run := func(seed uint64) (failed []int) {
		f := NewFaulty(honest(t), seed, Strike{Fault: LosePut, Chance: 0.25})
		for i := range 200 {
			before := len(f.Struck())
			put(t, f, "a", []byte("x"))
			if len(f.Struck()) > before {
				failed = append(failed, i)
			}
		}
		return failed
	}
	one := run(1)
	if !slices.Equal(one, run(1)) || slices.Equal(one, run(2)) {
		t.Error("the seed does not decide")
	}
	if len(one) < 25 || len(one) > 80 {
		t.Errorf("%d of 200 struck, not about 50", len(one))
	}
}

func TestDelay(t *testing.T) {
	f := NewFaulty(honest(t), 1, Strike{Fault: Delay, Times: 1}, Strike{Fault: Delay, Wait: time.Millisecond, Times: 1}, Strike{Fault: FailPut, Skip: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := f.Put(ctx, "a", bytes.NewReader(nil), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Put: %v", err)
	}
	if err := f.Put(t.Context(), "a", bytes.NewReader(nil), 0); !errors.Is(err, ErrFault) {
		t.Errorf("a delay and a fault: %v", err)
	}
}
