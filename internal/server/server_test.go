package server

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

const testdata = "../../testdata"

// testConfig returns fast timings; an empty dir keeps everything in memory.
func testConfig(dir string) Config {
	c := DefaultConfig()
	c.NodeID = "aaaaaaaa-0000-4000-8000-000000000001"
	c.Address = "127.0.0.1:8300"
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = 50*time.Millisecond, 50*time.Millisecond, 30*time.Millisecond
	c.Dir = dir
	if dir != "" {
		c.Dir = filepath.Join(dir, "raft")
		c.Scratch = filepath.Join(dir, "scratch")
	}
	if os.Getenv("LICTOR_TEST_LOG") != "" {
		c.Logger = hclog.New(&hclog.LoggerOptions{Level: hclog.Debug})
	}
	return c
}

// start starts a server that is a cluster of its own, and waits until it serves.
func start(t testing.TB, c Config) *Server {
	t.Helper()
	s := launch(t, c)
	if err := s.WaitLeader(context.Background()); err != nil {
		s.Close()
		t.Fatal(err)
	}
	return s
}

func launch(t testing.TB, c Config) *Server {
	t.Helper()
	if c.Scratch != "" {
		if err := os.MkdirAll(c.Scratch, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeServer(t testing.TB, s *Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, s *Server, key, value string) {
	t.Helper()
	ok, err := s.ApplyKV(context.Background(), state.KVSet, &record.KVEntry{Key: key, Value: []byte(value)})
	if err != nil || !ok {
		t.Fatalf("put %s: %v, %v", key, ok, err)
	}
}

func wantValue(t testing.TB, s *Server, key, want string) {
	t.Helper()
	_, e := s.Store().KVGet(nil, key)
	if e == nil || string(e.Value) != want {
		t.Errorf("%s is %v, want %q", key, e, want)
	}
}

func save(t testing.TB, s *Server) []byte {
	t.Helper()
	saved, err := s.Save(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer saved.Close()
	var b bytes.Buffer
	if _, err := saved.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// content is everything that the server's tables hold, encoded.
func content(t testing.TB, s *Server) string {
	t.Helper()
	var b strings.Builder
	if err := s.Store().Snapshot().Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func fixture(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testdata, path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func noScratchLeft(t testing.TB, c Config) {
	t.Helper()
	left, err := os.ReadDir(c.Scratch)
	if err != nil || len(left) > 0 {
		t.Errorf("left in scratch: %v, %v", left, err)
	}
}

func TestWritesSurviveARestart(t *testing.T) {
	c := testConfig(t.TempDir())
	for round := range 3 {
		s := start(t, c)
		for i := range round {
			wantValue(t, s, fmt.Sprint("k", i), "v")
		}
		put(t, s, fmt.Sprint("k", round), "v")
		closeServer(t, s)
	}
}

func TestRestoreAndSave(t *testing.T) {
	for _, dir := range []string{"", "disk"} {
		t.Run("dir="+dir, func(t *testing.T) {
			if dir != "" {
				dir = t.TempDir()
			}
			c := testConfig(dir)
			s := start(t, c)
			defer func() { closeServer(t, s) }()
			put(t, s, "old", "gone after the restore")
			old := s.Store()
			before, _ := old.Applied()
			if err := s.Restore(context.Background(), bytes.NewReader(fixture(t, "consul-1.21.4/full.snap")), nil); err != nil {
				t.Fatal(err)
			}
			select {
			case <-old.Abandoned():
			default:
				t.Error("the old store was not abandoned")
			}
			if _, e := s.Store().KVGet(nil, "old"); e != nil {
				t.Error("a key that is not in the archive is still there")
			}
			index, _ := s.Store().Applied()
			if index <= before || index <= 148 {
				t.Errorf("index %d after the restore; it was %d, the archive's is 148", index, before)
			}
			restored := content(t, s)
			put(t, s, "new", "v")
			if dir != "" {
				noScratchLeft(t, c)
				closeServer(t, s)
				s = start(t, c)
				wantValue(t, s, "new", "v")
			}
			// What is saved now restores to the same state.
			if err := s.Restore(context.Background(), bytes.NewReader(save(t, s)), nil); err != nil {
				t.Fatal(err)
			}
			wantValue(t, s, "new", "v")
			if _, err := s.ApplyKV(context.Background(), state.KVDelete, &record.KVEntry{Key: "new"}); err != nil {
				t.Fatal(err)
			}
			if again := content(t, s); len(again) < len(restored) {
				t.Errorf("%d bytes of state, %d before", len(again), len(restored))
			}
		})
	}
}

// Every damaged archive is refused with the words of a real Consul, or accepted as that one accepts it, and a refusal changes nothing.
func TestDamagedArchives(t *testing.T) {
	c := testConfig(t.TempDir())
	s := start(t, c)
	defer closeServer(t, s)
	put(t, s, "k", "v")
	before := content(t, s)
	paths, err := filepath.Glob(testdata + "/damaged/*.snap")
	if err != nil || len(paths) < 60 {
		t.Fatalf("%d damaged fixtures, %v", len(paths), err)
	}
	accepted := acceptedFixtures(t)
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".snap")
		if accepted[name] {
			continue
		}
		t.Run(name, func(t *testing.T) {
			applied, _ := s.Store().Applied()
			if err := s.Restore(context.Background(), bytes.NewReader(fixture(t, "damaged/"+name+".snap")), nil); err == nil {
				t.Fatal("the archive was accepted")
			}
			if now, _ := s.Store().Applied(); now != applied || content(t, s) != before {
				t.Error("the refusal changed the state")
			}
			noScratchLeft(t, c)
		})
	}
	for name := range accepted {
		t.Run(name, func(t *testing.T) {
			if err := s.Restore(context.Background(), bytes.NewReader(fixture(t, "damaged/"+name+".snap")), nil); err != nil {
				t.Errorf("Consul accepts it: %v", err)
			}
		})
	}
}

// acceptedFixtures reads from the fixtures' README which ones a real Consul restores.
func acceptedFixtures(t *testing.T) map[string]bool {
	t.Helper()
	_, rest, ok := strings.Cut(string(fixture(t, "damaged/README.md")), "## Accepted (HTTP 200")
	table, _, ok2 := strings.Cut(rest, "## Accepted as an archive")
	if !ok || !ok2 {
		t.Fatal("the README of the fixtures has changed")
	}
	names := map[string]bool{}
	for line := range strings.Lines(table) {
		if f := strings.Split(line, "`"); strings.HasPrefix(line, "| `") {
			names[f[1]] = true
		}
	}
	if len(names) != 20 {
		t.Fatalf("%d accepted fixtures, want 20", len(names))
	}
	return names
}

func TestAllowedTypesTravel(t *testing.T) {
	s := start(t, testConfig(""))
	defer closeServer(t, s)
	snap := fixture(t, "damaged/state-unknown-type.snap")
	if err := s.Restore(context.Background(), bytes.NewReader(snap), []record.Type{99}); err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(context.Background(), bytes.NewReader(save(t, s)), nil); err == nil ||
		!strings.Contains(err.Error(), "msg type <99>") {
		t.Errorf("the saved archive does not hold the record of type 99: %v", err)
	}
}

func TestSaveIsOfOneMoment(t *testing.T) {
	s := start(t, testConfig(""))
	defer closeServer(t, s)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := s.ApplyKV(context.Background(), state.KVSet, &record.KVEntry{Key: fmt.Sprint("k", i%7), Value: fmt.Append(nil, i)}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	var last uint64
	for range 20 {
		saved, err := s.Save(ctx, false)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := saved.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		saved.Close()
		other := start(t, testConfig(""))
		if err := other.Restore(ctx, &b, nil); err != nil {
			t.Fatal(err)
		}
		if index, _ := other.Store().KVKeys(nil, "", ""); index > saved.Index() || saved.Index() < last {
			t.Errorf("archive of index %d holds a change of index %d; the save before was at %d", saved.Index(), index, last)
		}
		last = saved.Index()
		closeServer(t, other)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestCompactionKeepsEverything(t *testing.T) {
	c := testConfig(t.TempDir())
	c.SnapshotThreshold, c.SnapshotInterval, c.TrailingLogs = 20, 10*time.Millisecond, 5
	s := start(t, c)
	if err := s.Restore(context.Background(), bytes.NewReader(fixture(t, "consul-1.21.4/full.snap")), nil); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		put(t, s, fmt.Sprint("k", i), "v")
	}
	want := content(t, s)
	eventually(t, "compaction", func() bool {
		list, err := s.snaps.List()
		return err == nil && len(list) > 0 && list[0].Index >= 100
	})
	closeServer(t, s)
	s = start(t, c)
	defer closeServer(t, s)
	if content(t, s) != want {
		t.Error("the state changed across a restart with compacted log")
	}
}

// A kill between the installation of a snapshot and the emptying of the log is imitated by putting the old log back.
func TestLogBelowTheNewestSnapshotIsEmptied(t *testing.T) {
	c := testConfig(t.TempDir())
	s := start(t, c)
	for i := range 30 {
		put(t, s, fmt.Sprint("k", i), "v")
	}
	closeServer(t, s)
	kept := filepath.Join(t.TempDir(), "wal")
	wal := filepath.Join(c.Dir, "wal")
	if err := os.CopyFS(kept, os.DirFS(wal)); err != nil {
		t.Fatal(err)
	}
	s = start(t, c)
	put(t, s, "k1", "newer")
	if err := s.raft.Snapshot().Error(); err != nil { // as an installed one
		t.Fatal(err)
	}
	closeServer(t, s)
	if err := os.RemoveAll(wal); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(wal, os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}
	s = start(t, c)
	defer closeServer(t, s)
	wantValue(t, s, "k1", "newer")
	put(t, s, "after", "v")
	wantValue(t, s, "after", "v")
}

func TestOneRestoreAtATime(t *testing.T) {
	s := start(t, testConfig(""))
	defer closeServer(t, s)
	s.restoring.Lock()
	defer s.restoring.Unlock()
	if err := s.Restore(context.Background(), strings.NewReader(""), nil); err != errBusy {
		t.Errorf("got %v, want %v", err, errBusy)
	}
}

func TestCancelledRestoreChangesNothing(t *testing.T) {
	c := testConfig(t.TempDir())
	s := start(t, c)
	defer closeServer(t, s)
	put(t, s, "k", "v")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Restore(ctx, bytes.NewReader(fixture(t, "consul-1.21.4/full.snap")), nil); err == nil {
		t.Error("a cancelled restore succeeded")
	}
	wantValue(t, s, "k", "v")
	noScratchLeft(t, c)
}

func TestNodeIDOfAnotherServerIsRefused(t *testing.T) {
	c := testConfig(t.TempDir())
	closeServer(t, start(t, c))
	c.NodeID = "bbbbbbbb-0000-4000-8000-000000000001"
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "another node ID") {
		t.Errorf("got %v", err)
	}
}

func TestChangedAddressIsCorrected(t *testing.T) {
	c := testConfig(t.TempDir())
	closeServer(t, start(t, c))
	c.Address = "127.0.0.2:8300"
	s := start(t, c)
	defer closeServer(t, s)
	servers, err := s.servers()
	if err != nil || len(servers) != 1 || string(servers[0].Address) != c.Address {
		t.Errorf("configuration %v, %v; want the address %s", servers, err, c.Address)
	}
}
