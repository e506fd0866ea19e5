package archive

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
)

// A countingWriter counts the blocks that have been let in and are not written yet.
type countingWriter struct {
	bytes.Buffer
	gate *gate
	most int
}

func (s *countingWriter) Write(p []byte) (int, error) {
	s.gate.mu.Lock()
	s.most = max(s.most, s.gate.inWork)
	s.gate.mu.Unlock()
	return s.Buffer.Write(p)
}

// mixed is what packs neither well nor badly, in stretches that are best packed at different levels.
func mixed(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 0, size)
	for len(b) < size {
		if len(b)/(20<<20)%2 == 0 {
			b = append(b, byte(r.IntN(20)), byte(r.IntN(250)))
		} else {
			b = append(b, "a key of no great interest"[r.IntN(20):]...)
		}
	}
	return b[:size]
}

// While others need the processors one is left to them; the bytes are the same in any case.
func TestGivesWay(t *testing.T) {
	in := mixed(45<<20 + 123)
	for _, c := range []struct {
		name string
		busy func() bool
		most int
	}{
		{"nobody asks", nil, 0},
		{"idle", func() bool { return false }, 2*maxParallel + 2},
		{"busy", func() bool { return true }, max(1, runtime.NumCPU()-1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := &countingWriter{}
			comp := newCompressor(out)
			comp.gate.busy, out.gate = c.busy, &comp.gate
			for rest := in; len(rest) > 0; {
				n, err := comp.Write(rest[:min(len(rest), 100_003)])
				if err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := comp.Close(); err != nil {
				t.Fatal(err)
			}
			if out.most > c.most || c.most > 0 && out.most < 1 {
				t.Errorf("%d blocks were in work at a time, want 1 to %d", out.most, c.most)
			}
			z, err := gzip.NewReader(&out.Buffer)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, in) {
				t.Errorf("what comes out is not what went in (%v)", err)
			}
		})
	}
}

// One that was busy and is not any more goes on at full speed.
func TestGivesWayForAWhile(t *testing.T) {
	var asked atomic.Int32
	comp := newCompressor(io.Discard)
	comp.gate.busy = func() bool { return asked.Add(1) < 10 }
	if _, err := comp.Write(mixed(20 << 20)); err != nil {
		t.Fatal(err)
	}
	if err := comp.Close(); err != nil {
		t.Fatal(err)
	}
	if asked.Load() < 10 {
		t.Errorf("it was asked %d times whether others need the processors", asked.Load())
	}
}
