//go:build heavy

package snapshotagent

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/testproc"
)

// codecTrial tells a test that it runs in a program whose codec was mutated.
const codecTrial = "LICTOR_CODEC_TRIAL"

// The code that the agent and its drill are built of, mutated in its source and built anew, proves no backup, though the
// archives are sound.
func TestMutatedCodecProvesNothing(t *testing.T) {
	if os.Getenv(codecTrial) != "" {
		t.Skip("this is the mutant")
	}
	var table strings.Builder
	table.WriteString("| codec mutated in its source | backups | found by the archive's own sums | failed their proof | said to be proven |\n" +
		"|---|--:|--:|--:|--:|\n")
	for _, c := range []struct{ name, file, from, to string }{
		{"flags of keys are not read", "record/kvcodec.go", "if e.Flags, b, ok = uintField(b, kvKeys[1])", "if _, b, ok = uintField(b, kvKeys[1])"},
		{"flags and lock index of keys change places, there and back", "record/kvcodec.go", "", ""},
		{"the API shows the lock index as flags", "httpapi/kvjson.go", `,"Flags":` + "`...), e.Flags, 10)", `,"Flags":` + "`...), e.LockIndex, 10)"},
		{"integers lose their upper half", "msgpack/decoder.go", "return false, beUint(arg), nil", "return false, beUint(arg) & 0xffffffff, nil"},
	} {
		t.Run(c.name, func(t *testing.T) {
			source, err := os.ReadFile(filepath.Join("..", c.file))
			if err != nil {
				t.Fatal(err)
			}
			mutant := strings.Replace(string(source), c.from, c.to, 1)
			if c.from == "" {
				mutant = strings.NewReplacer("e.Flags", "e.LockIndex", "e.LockIndex", "e.Flags").Replace(string(source))
			}
			if mutant == string(source) {
				t.Fatalf("%s has no %q: the mutation must follow the code", c.file, c.from)
			}
			bad, good := runMutant(t, c.file, mutant)
			if good > 0 || bad != codecSeeds() {
				t.Errorf("%d backups of the mutant failed their proof, %d were said to be proven", bad, good)
			}
			fmt.Fprintf(&table, "| %s | %d | 0 | %d | %d |\n", c.name, codecSeeds(), bad, good)
		})
	}
	report(t, table.String())
}

// codecSeeds is how many backups each mutant takes.
func codecSeeds() int { return max(1, faultSeeds()/4) }

// runMutant lets a mutant take backups, and counts those that failed their proof and those that did not.
func runMutant(t *testing.T, file, source string) (bad, good int) {
	t.Helper()
	overlay := testproc.Overlay(t, filepath.Join("..", file), source)
	args := []string{"test", "-vet=off", "-tags=heavy", overlay, "-run=^TestBackupsOfAMutant$", "-v", "."}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), codecTrial+"=1", fmt.Sprint("LICTOR_SEED=", faultSeed()))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, out)
	}
	return strings.Count(string(out), "mutant: bad"), strings.Count(string(out), "mutant: proven")
}

// What a mutant makes of good snapshots is told to TestMutatedCodecProvesNothing.
func TestBackupsOfAMutant(t *testing.T) {
	if os.Getenv(codecTrial) == "" {
		t.Skip("this is no mutant")
	}
	for i := range codecSeeds() {
		s := newStage(t, 1, func(c *Config) { c.Prover = &rebuilder{} })
		seed := faultSeed() + uint64(i)
		s.cluster.archive = pack(t, populate(t, rand.New(rand.NewPCG(seed, 11))), newest)
		if _, err := archive.Read(bytes.NewReader(s.cluster.archive), nil); err != nil {
			t.Errorf("seed %d: the archive's own sums find %v", seed, err)
		}
		err := s.run(t.Context(), s.term)
		switch all := s.entries(t, s.stores[0]); {
		case len(all) == 1 && all[0].Proof == inventory.Proven:
			t.Logf("seed %d, mutant: proven", seed)
		case err != nil && len(all) == 0 && s.Status().Failures[StageDrill] == 2:
			t.Logf("seed %d, mutant: bad: %v", seed, err)
		default:
			t.Errorf("seed %d: %v, %+v", seed, err, all)
		}
		s.clock.Advance(time.Hour)
	}
}
