package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing/iotest"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

// ErrFault is in every error that a [Faulty] store makes up.
var ErrFault = errors.New("the store fails, as it was told to")

// A Faulty is a store that goes wrong. It puts another one behind it, which stays honest: who wants to know what is really there asks that
// one. The same seed, strikes and calls give the same faults, where calls do not run at once.
//
// Of the strikes that fit a call each is tried in the order given, and the first that strikes is the one, but for a Delay, which comes with
// another. A fault that needs what is not there (a bit of an empty object, an object put before) does not strike. Objects are held in
// memory as they pass.
type Faulty struct {
	blobstore.Store // the honest one

	mu      sync.Mutex
	random  *rand.Rand
	strikes []*planned
	struck  []Struck
	before  map[string][]byte  // what objects were before their last Put; nil: not there
	last    []byte             // what was put last
	hasLast bool               // whether anything was
	listed  []blobstore.Object // what List gave last
}

// planned is a strike and what has become of it.
type planned struct {
	Strike
	seen, done int
}

// NewFaulty puts a faulty store before an honest one.
func NewFaulty(honest blobstore.Store, seed uint64, strikes ...Strike) *Faulty {
	f := &Faulty{Store: honest, random: rand.New(rand.NewPCG(seed, 0)), before: map[string][]byte{}}
	f.Strike(strikes...)
	return f
}

// Strike adds to the plan.
func (f *Faulty) Strike(strikes ...Strike) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range strikes {
		f.strikes = append(f.strikes, &planned{Strike: s})
	}
}

// Heal drops the plan: from now on all goes well.
func (f *Faulty) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.strikes = nil
}

// Struck returns the faults that have struck so far, in order.
func (f *Faulty) Struck() []Struck {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.struck)
}

// fault decides which of the faults, if any, a call suffers. can tells whether a fault is possible; it is not asked about others.
func (f *Faulty) fault(ctx context.Context, name string, faults []Fault, can func(Fault) bool) (Fault, error) {
	wait, hit := f.choose(name, faults, can)
	if wait == nil {
		return hit, nil
	}
	var timer <-chan time.Time
	if wait.Wait > 0 {
		t := time.NewTimer(wait.Wait)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-timer:
		return hit, nil
	case <-ctx.Done():
		return hit, fmt.Errorf("%s: %w", f.Location(name), context.Cause(ctx))
	}
}

func (f *Faulty) choose(name string, faults []Fault, can func(Fault) bool) (wait *planned, hit Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.strikes {
		delay := s.Fault == Delay
		switch {
		case !delay && (hit != 0 || !slices.Contains(faults, s.Fault) || !can(s.Fault)), delay && wait != nil:
		case !s.strikes(name, f.random):
		case delay:
			wait = s
			f.struck = append(f.struck, Struck{Delay, name})
		default:
			hit = s.Fault
			f.struck = append(f.struck, Struck{hit, name})
		}
	}
	return wait, hit
}

// strikes tells whether a call that the fault fits is struck.
func (s *planned) strikes(name string, random *rand.Rand) bool {
	if s.Match != nil && !s.Match(name) {
		return false
	}
	s.seen++
	if s.seen <= s.Skip || s.Times > 0 && s.done >= s.Times || s.Chance > 0 && random.Float64() >= s.Chance {
		return false
	}
	s.done++
	return true
}

// below returns a number in [0, n).
func (f *Faulty) below(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.random.IntN(n)
}

func (f *Faulty) made(op, name string) error {
	return fmt.Errorf("%s %s: %w", op, f.Location(name), ErrFault)
}

// Put stores an object, or does not.
func (f *Faulty) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	content, err := io.ReadAll(r)
	if err != nil || int64(len(content)) != size { // the honest store knows what to say
		return f.Store.Put(ctx, name, io.MultiReader(bytes.NewReader(content), errorReader(err)), size)
	}
	faults := []Fault{FailPut, FailAfterPut, LosePut, TruncatePut, EmptyPut, FlipPut, ZeroPut, SwapPut}
	hit, err := f.fault(ctx, name, faults, func(x Fault) bool { return f.canPut(x, content) })
	if err != nil {
		return err
	}
	if hit == FailPut {
		return f.made("store", name)
	}
	stored := f.damage(hit, content)
	f.mu.Lock()
	f.last, f.hasLast = content, true
	f.mu.Unlock()
	if hit == LosePut {
		return nil
	}
	if err := f.remember(ctx, name); err != nil {
		return err
	}
	if err := f.Store.Put(ctx, name, bytes.NewReader(stored), int64(len(stored))); err != nil {
		return err
	}
	if hit == FailAfterPut {
		return f.made("store", name)
	}
	return nil
}

// errorReader is a reader that only fails, or only ends.
func errorReader(err error) io.Reader {
	if err == nil {
		err = io.EOF
	}
	return iotest.ErrReader(err)
}

// canPut is called with the lock held.
func (f *Faulty) canPut(x Fault, content []byte) bool {
	switch x {
	case TruncatePut, EmptyPut, FlipPut:
		return len(content) > 0
	case ZeroPut:
		return len(bytes.Trim(content, "\x00")) > 0
	case SwapPut:
		return f.hasLast && !bytes.Equal(f.last, content)
	}
	return true
}

// damage returns what is left of a content.
func (f *Faulty) damage(hit Fault, content []byte) []byte {
	switch hit {
	case TruncatePut, TruncateRead:
		return content[:f.below(len(content))]
	case EmptyPut:
		return nil
	case FlipPut, FlipRead:
		return f.flip(content)
	case ZeroPut:
		return f.zero(content)
	case SwapPut:
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.last
	}
	return content
}

func (f *Faulty) flip(content []byte) []byte {
	content = bytes.Clone(content)
	bit := f.below(8 * len(content))
	content[bit/8] ^= 1 << (bit % 8)
	return content
}

// zero makes up to 4 KiB zeros, from a byte on that is none yet.
func (f *Faulty) zero(content []byte) []byte {
	content = bytes.Clone(content)
	at := f.below(len(content))
	for content[at] == 0 {
		at = (at + 1) % len(content)
	}
	clear(content[at:min(len(content), at+4096)])
	return content
}

// remember keeps what an object is before it is replaced.
func (f *Faulty) remember(ctx context.Context, name string) error {
	old, err := f.content(ctx, name)
	if err != nil && !errors.Is(err, blobstore.ErrNotFound) {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before[name] = old
	return nil
}

// content reads an object of the honest store; it is not nil if there is one.
func (f *Faulty) content(ctx context.Context, name string) ([]byte, error) {
	r, err := f.Store.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return append([]byte{}, b...), errors.Join(err, r.Close())
}
