//go:build heavy && linux

package chaos

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

var (
	seed  = envNumber("LICTOR_SEED", uint64(time.Now().UnixNano()))
	spell = envSpell()
)

// shares is how many tests divide the time.
const shares = 16

// envSpell is how long each test lasts under load.
func envSpell() time.Duration {
	minutes := uint64(0)
	if os.Getenv("LICTOR_SOAK") == "full" {
		minutes = 60
	}
	if minutes = envNumber("LICTOR_CHAOS_MINUTES", minutes); minutes > 0 {
		return time.Duration(minutes) * time.Minute / shares
	}
	return 8 * time.Second
}

func envNumber(name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%s is %q: it must be a number", name, text))
	}
	return n
}

// dice are a test's own random numbers: they depend on the seed and on the test's name, not on what ran before.
func dice(t testing.TB) *rand.Rand {
	t.Logf("to replay: LICTOR_SEED=%d", seed)
	h := fnv.New64a()
	h.Write([]byte(t.Name()))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// split returns random numbers that do not depend on how many of rng's others are used.
func split(rng *rand.Rand) *rand.Rand { return rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())) }

// between is a random duration.
func between(rng *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(rng.Int64N(int64(high-low)))
}

// pause waits, at most until done is closed.
func pause(done <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-done:
	}
}
