//go:build heavy && unix

package soak

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A scale is how much of the work is done: all of it, a share, or as much as fits into a few minutes.
type scale struct {
	short   bool
	percent int
}

var (
	size = envScale()
	seed = envSeed()
)

func envScale() scale {
	switch text := os.Getenv("LICTOR_SOAK"); text {
	case "", "short":
		return scale{short: true}
	case "full":
		return scale{percent: 100}
	default:
		n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
		if err != nil || n < 1 {
			panic(fmt.Sprintf("LICTOR_SOAK is %q: say short, full, or a share such as 30%%", text))
		}
		return scale{percent: n}
	}
}

func envSeed() uint64 {
	text := os.Getenv("LICTOR_SEED")
	if text == "" {
		return uint64(time.Now().UnixNano())
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("LICTOR_SEED is %q: it must be a number", text))
	}
	return n
}

// rounds is how often a test repeats what it does.
func (s scale) rounds(full, short int) int {
	if s.short {
		return short
	}
	return max(1, full*s.percent/100)
}

// dice are a test's own random numbers: they depend on the seed and on the test's name, not on what ran before.
func dice(t testing.TB) *rand.Rand {
	t.Logf("to replay: LICTOR_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, hash(t.Name())))
}

func hash(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}

// between is a random duration.
func between(rng *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(rng.Int64N(int64(high-low)))
}
