package history

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// Leaving reads out changes no verdict: random histories, right ones and broken ones, are judged with and without it.
func TestTellingReadsAreEnough(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	verdicts := map[bool]int{}
	for round := range 2000 {
		ops := randomHistory(rng)
		if rng.IntN(2) == 0 { // a read of something else
			i := rng.IntN(len(ops))
			other := ops[rng.IntN(len(ops))]
			if ops[i].Kind == Read && other.Kind == Read {
				ops[i].Value, ops[i].Index = other.Value, other.Index
			}
		}
		full := porcupine.CheckOperations(registerModel, stepsOf(ops, ops))
		if got := porcupine.CheckOperations(registerModel, registerSteps(ops)); got != full {
			t.Fatalf("round %d: %v with all reads, %v with those that tell:\n%v", round, full, got, ops)
		}
		verdicts[full]++
	}
	if verdicts[true] < 100 || verdicts[false] < 100 {
		t.Errorf("verdicts %v: the test tests nothing", verdicts)
	}
}

// randomHistory is one of a register whose operations take effect at a moment within their time.
func randomHistory(rng *rand.Rand) (ops []Operation) {
	value, index := "", uint64(0)
	for i := range 14 {
		effect := time.Duration(i) * time.Second
		o := Operation{Client: i, Key: "k", Outcome: OK, Call: effect - time.Duration(rng.IntN(4000))*time.Millisecond,
			Return: effect + time.Duration(rng.IntN(4000))*time.Millisecond}
		if rng.IntN(4) == 0 {
			index++
			value = fmt.Sprint("v", index)
			o.Kind, o.Value, o.Done = Put, value, true
			if rng.IntN(4) == 0 {
				o.Outcome, o.Done = Unknown, false
			}
		} else {
			o.Kind, o.Value, o.Index = Read, value, index
		}
		ops = append(ops, o)
	}
	return ops
}

// Hundreds of reads at the same time are judged at once, also where the answer is no.
func TestManyReadsAtATime(t *testing.T) {
	ops := []Operation{at(0, 1, put("a")), at(2, 3, put("b"))}
	for i := range 400 {
		o := at(4, 100, read("b", 2))
		o.Client = i + 10
		ops = append(ops, o)
	}
	ops = append(ops, at(50, 60, read("a", 1)))
	if r := Check(ops, limit); len(r.Violations) == 0 || len(r.Undecided) > 0 {
		t.Errorf("%d violations, undecided %q", len(r.Violations), r.Undecided)
	}
}
