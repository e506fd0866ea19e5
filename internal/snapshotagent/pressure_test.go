package snapshotagent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/diskspace"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// All readers of a pace together are no faster than it, and none of their bytes is lost.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1<<20, clock.Real{})
		data := bytes.Repeat([]byte("lictor"), 1<<20/2) // 3 MiB
		began := time.Now()
		done := make(chan error, 2)
		for range 2 {
			go func() {
				got, err := io.ReadAll(p.reader(t.Context(), bytes.NewReader(data)))
				if err == nil && !bytes.Equal(got, data) {
					err = errors.New("other bytes")
				}
				done <- err
			}()
		}
		if err := errors.Join(<-done, <-done); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 5900*time.Millisecond || took > 6200*time.Millisecond {
			t.Errorf("6 MiB at 1 MiB a second took %s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := io.ReadAll(p.reader(ctx, bytes.NewReader(data))); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it did not end: %v", err)
		}
	})
	var none *pace
	if r := io.Reader(&bytes.Buffer{}); none.reader(t.Context(), r) != r || newPace(0, clock.Real{}) != nil {
		t.Error("no limit limits")
	}
}

// The limit holds for what is read from the cluster and for what goes to other machines, and a destination that it makes slow is waited for.
func TestBandwidthLimit(t *testing.T) {
	for _, local := range []bool{false, true} {
		t.Run(fmt.Sprintf("local=%t", local), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, 1, func(c *Config) {
					c.Clock, c.Bandwidth, c.Interval = clock.Real{}, 1000, time.Second
					if local {
						c.Destinations[0].Store = directory(t)
					} else {
						c.Destinations = append(c.Destinations, Destination{Store: directory(t), Retain: 2})
					}
				})
				s.cluster.archive = golden.Read(t, "consul-1.21.4/large-kv.snap")
				began := time.Now()
				if err := s.run(t.Context(), s.term); err != nil {
					t.Fatal(err)
				}
				s.checkPace(t, time.Since(began), local)
			})
		})
	}
}

func (s *stage) checkPace(t *testing.T, took time.Duration, local bool) {
	t.Helper()
	size := len(s.cluster.archive)
	passes := 2
	if local {
		passes = 1
	}
	if want := time.Duration(passes*size-paceChunk) * time.Second / 1000; took < want || took > want+5*time.Second {
		t.Errorf("%d bytes, %d times at 1000 a second, took %s; want %s", size, passes, took, want)
	}
	for name, behind := range s.Status().Behind {
		if behind {
			t.Errorf("%s was not waited for", name)
		}
	}
}

func directory(t *testing.T) blobstore.Store {
	t.Helper()
	d, err := blobstore.Dir(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// counting counts how often the cluster is asked.
type counting struct {
	*cluster
	asked int
}

func (c *counting) Snapshot(ctx context.Context) (*backup.Stream, error) {
	c.asked++
	return c.cluster.Snapshot(ctx)
}

// A run for which there is too little space is refused with the numbers, before the cluster is asked; a first one has nothing to go by.
func TestSpaceIsCheckedBefore(t *testing.T) {
	asked := &counting{}
	s := newStage(t, 1, func(c *Config) {
		asked.cluster = c.Source.(*cluster)
		c.Source = asked
		c.Destinations = []Destination{{Store: directory(t), Retain: 2}, {Store: directory(t), Retain: 2}}
	})
	dirs := []string{s.scratch}
	for _, d := range s.current.Load().destinations {
		dirs = append(dirs, blobstore.Directory(d.Store))
	}
	var free []diskspace.Space // of the scratch directory and the two stores; nil: not known
	s.space = func(dir string) (diskspace.Space, bool) {
		if free == nil {
			return diskspace.Space{}, false
		}
		return free[slices.Index(dirs, dir)], true
	}
	size := uint64(len(s.cluster.archive))
	need := func(copies uint64) uint64 { return copies*size + copies*size/4 + spaceMargin }
	const huge = 1 << 40
	for _, c := range []struct {
		name  string
		free  []diskspace.Space
		stage Stage // that refuses it; empty for none
		want  string
	}{
		{"the first one", make([]diskspace.Space, 3), "", ""},
		{"unknown", nil, "", ""},
		{"just enough", []diskspace.Space{{Free: need(4), System: 1}, {Free: need(4), System: 1}, {Free: need(4), System: 1}}, "", ""},
		{"scratch too small", []diskspace.Space{{Free: need(2) - 1, System: 1}, {Free: huge, System: 2}, {Free: huge, System: 3}}, StageFetch,
			"the scratch directory, " + dirs[0] + ": 1.0 MiB are free"},
		{"one store too small", []diskspace.Space{{Free: huge, System: 1}, {Free: need(1) - 1, System: 2}, {Free: need(1), System: 3}}, "", ""},
		{"all stores too small", []diskspace.Space{{Free: huge, System: 1}, {Free: need(1) - 1, System: 2}, {Free: 0, System: 3}}, StageUpload,
			dirs[2] + ": 0.0 MiB are free"},
		{"together too much", []diskspace.Space{{Free: need(2), System: 1}, {Free: need(2), System: 1}, {Free: need(2), System: 1}}, StageUpload,
			"no space left on device for the next backup"},
	} {
		t.Run(c.name, func(t *testing.T) {
			free, asked.asked = c.free, 0
			s.clock.Advance(time.Hour)
			err := s.run(t.Context(), s.term)
			var f *failed
			switch {
			case c.stage == "" && (err != nil || asked.asked == 0):
				t.Errorf("refused: %v", err)
			case c.stage != "" && (!errors.As(err, &f) || f.stage != c.stage || !strings.Contains(err.Error(), c.want) || asked.asked > 0):
				t.Errorf("asked %d times, error %v, want %q at %s", asked.asked, err, c.want, c.stage)
			}
		})
	}
}

// Runs of an agent do not overlap, nor with the catching up of a destination.
func TestSingleFlight(t *testing.T) {
	s := newStage(t, 2, nil)
	s.stores[1].refuse(errors.New("boom"))
	if err := s.run(t.Context(), s.term); err != nil || !s.Status().Behind["b"] {
		t.Fatal(err)
	}
	s.stores[1].refuse(nil)
	s.flight.Lock()
	if err := s.run(t.Context(), s.term); !errors.Is(err, errOverlap) {
		t.Errorf("a run beside another: %v", err)
	}
	s.catchUp(t.Context(), s.term)
	if !s.Status().Behind["b"] {
		t.Error("caught up beside a run")
	}
	s.flight.Unlock()
	if s.catchUp(t.Context(), s.term); s.Status().Behind["b"] {
		t.Error("not caught up")
	}
	d := s.current.Load().destinations[0]
	d.flight.Lock()
	defer d.flight.Unlock()
	if err := d.put(t.Context(), s.term, nil, nil, nil); !errors.Is(err, errBusy) {
		t.Errorf("an upload beside another: %v", err)
	}
}

// Two processes do not use a directory at the same time: in one-shot mode the second is told at once, an agent waits.
func TestTwoProcessesInOneDirectory(t *testing.T) {
	store := directory(t)
	held := flock.New(blobstore.Directory(store), flock.SetFlag(os.O_RDONLY))
	if ok, err := held.TryLock(); !ok || err != nil {
		t.Skipf("this file system has no locks: %v", err)
	}
	defer held.Close()
	s := newStage(t, 0, func(c *Config) { c.Destinations = []Destination{{Store: store, Retain: 2}} })
	if err := s.run(t.Context(), nil); !errors.Is(err, errClaimed) || !strings.Contains(err.Error(), "another process is taking a snapshot") {
		t.Errorf("one-shot: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- s.run(t.Context(), s.term) }()
	select {
	case err := <-done:
		t.Fatalf("did not wait: %v", err)
	default:
	}
	if err := held.Unlock(); err != nil {
		t.Fatal(err)
	}
	for waiting := true; waiting; {
		select {
		case err := <-done:
			if waiting = false; err != nil {
				t.Error(err)
			}
		default:
			s.clock.Advance(100 * time.Millisecond)
		}
	}
	if entries, err := os.ReadDir(blobstore.Directory(store)); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
}

// A one-shot run is told of an upload that another process may be at.
func TestUploadOfAnotherProcess(t *testing.T) {
	var log bytes.Buffer
	s := newStage(t, 1, func(c *Config) { c.Log = hclog.New(&hclog.LoggerOptions{Output: &log}) })
	const told = "another process may be uploading"
	for _, c := range []struct {
		age  time.Duration
		want bool
	}{{recently, false}, {time.Minute, true}} {
		log.Reset()
		name := inventory.ArchiveName(fmt.Sprint(s.now().Add(-c.age).UnixNano()))
		if err := s.stores[0].Put(t.Context(), name, strings.NewReader("half"), 4); err != nil {
			t.Fatal(err)
		}
		if err := s.Once(t.Context()); err != nil || strings.Contains(log.String(), told) != c.want {
			t.Errorf("%s ago: %v: %s", c.age, err, log.String())
		}
		s.clock.Advance(time.Hour)
	}
}

// A one-shot run is told of an agent that takes snapshots as well.
func TestRival(t *testing.T) {
	var log bytes.Buffer
	s := newStage(t, 1, func(c *Config) {
		c.Rival = func(context.Context) string { return "lictor snapshot agent on host2, pid 7" }
		c.Log = hclog.New(&hclog.LoggerOptions{Output: &log})
	})
	if err := s.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"another agent takes snapshots as well", "host2, pid 7"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log.String())
		}
	}
}
