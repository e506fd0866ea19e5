package server

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/snapstore"
)

// listed is the content of a peers.json.
func listed(t *testing.T, servers ...raft.Server) string {
	t.Helper()
	var all []map[string]any
	for _, x := range servers {
		all = append(all, map[string]any{"id": x.ID, "address": x.Address, "non_voter": x.Suffrage == raft.Nonvoter})
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func asID(r *resident) raft.ServerID { return raft.ServerID(r.config.NodeID) }

func self(c Config) raft.Server {
	return raft.Server{ID: raft.ServerID(c.NodeID), Address: raft.ServerAddress(c.Address)}
}

func writePeers(t *testing.T, c Config, content string) string {
	t.Helper()
	path := filepath.Join(c.Dir, peersName)
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Two of three servers are lost for good. The third goes on alone with all that it has, and the index with it; others may join.
func TestRecoveryAfterTheLossOfTheQuorum(t *testing.T) {
	dc := found(t, 3, nil)
	put(t, dc.leader().Server, "k", "v")
	dc.agree("k", "v")
	last := dc.follower()
	before, _ := last.Store().Applied()
	for _, r := range dc.all {
		r.kill()
	}
	dc.keep(last)
	path := writePeers(t, last.config, listed(t, self(last.config)))
	last.run()
	dc.settled("the one that is left", last)
	wantValue(t, last.Server, "k", "v")
	for _, line := range []string{"found peers.json file, recovering Raft configuration...", "deleted peers.json file after successful recovery"} {
		if !last.log.has(line) {
			t.Errorf("the log lacks %q", line)
		}
	}
	if isThere(path) {
		t.Error("peers.json is still there")
	}
	put(t, last.Server, "after", "w")
	if after, _ := last.Store().Applied(); after <= before {
		t.Errorf("the index went from %d to %d", before, after)
	}
	next := dc.add(0)
	next.config.NodeID, next.gossip.NodeID, next.config.Node.ID = lateID, lateID, lateID
	next.gossip.Name, next.config.Node.Node = "late", "late"
	next.run()
	dc.settled("two voters", last, next)
	dc.agree("after", "w")
	last.kill()
	last.run()
	dc.settled("two voters after a restart", last, next)
	dc.agree("k", "v")
}

const lateID = "dddddddd-0000-4000-8000-000000000001"

// A list that cannot be used is refused, and kept; the state is untouched and served once the file is gone.
func TestPeersThatAreRefused(t *testing.T) {
	c := testConfig(t.TempDir())
	s := start(t, c)
	put(t, s, "k", "v")
	closeServer(t, s)
	if info, err := os.ReadFile(filepath.Join(c.Dir, infoName)); err != nil || !strings.Contains(string(info), "non_voter") {
		t.Fatalf("peers.info: %q, %v", info, err)
	}
	other := raft.Server{ID: "other", Address: "127.0.0.1:9"}
	observer := self(c)
	observer.Suffrage = raft.Nonvoter
	for name, f := range map[string]struct{ content, want string }{
		"empty":       {"", "recovery failed to parse peers.json: "},
		"no JSON":     {"peers", "recovery failed to parse peers.json: "},
		"old form":    {`["127.0.0.1:8300"]`, "recovery failed to parse peers.json: "},
		"nobody":      {"[]", "recovery failed to parse peers.json: "},
		"no address":  {`[{"id":"` + c.NodeID + `"}]`, "recovery failed to parse peers.json: "},
		"twice":       {listed(t, self(c), self(c)), "recovery failed to parse peers.json: "},
		"no voter":    {listed(t, observer), "recovery failed to parse peers.json: "},
		"others only": {listed(t, other), "does not list this server, whose node ID is " + c.NodeID},
	} {
		t.Run(name, func(t *testing.T) {
			path := writePeers(t, c, f.content)
			s, err := New(c)
			if err == nil {
				closeServer(t, s)
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), f.want) {
				t.Errorf("%v, want %q", err, f.want)
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != f.content {
				t.Errorf("the file is now %q, %v", b, err)
			}
		})
	}
	if err := os.Remove(filepath.Join(c.Dir, peersName)); err != nil {
		t.Fatal(err)
	}
	s = start(t, c)
	defer closeServer(t, s)
	wantValue(t, s, "k", "v")
}

// A list that is there before the first start is deleted; one for a server without state is refused.
func TestPeersOfAServerWithoutState(t *testing.T) {
	c := testConfig(t.TempDir())
	path := writePeers(t, c, "not even looked at")
	c.AwaitCluster = true
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	closeServer(t, s)
	if isThere(path) {
		t.Error("it is still there after the first start")
	}
	writePeers(t, c, listed(t, self(c)))
	if s, err := New(c); err == nil || !strings.Contains(err.Error(), "recovery failed: refused to recover cluster with no initial state") {
		t.Errorf("%v, %v", s, err)
	}
	if !isThere(path) {
		t.Error("the file was deleted")
	}
}

var errKilled = errors.New("killed")

// killedSnapshots are a store in which no new snapshot comes to be.
type killedSnapshots struct{ raft.SnapshotStore }

func (killedSnapshots) Create(raft.SnapshotVersion, uint64, uint64, raft.Configuration, uint64, raft.Transport) (raft.SnapshotSink, error) {
	return nil, errKilled
}

// killedLog is a log that cannot be emptied any more.
type killedLog struct{ raft.LogStore }

func (killedLog) DeleteRange(uint64, uint64) error { return errKilled }

// A recovery that is killed leaves the old configuration or the new one, with all data, and is done again at the next start.
func TestRecoveryThatWasKilled(t *testing.T) {
	for name, c := range map[string]struct {
		snapshots func(raft.SnapshotStore) raft.SnapshotStore
		logs      func(raft.LogStore) raft.LogStore
		old       bool // whether the configuration is still the old one, if the operator thinks better of it
	}{
		"before the snapshot":         {snapshots: func(x raft.SnapshotStore) raft.SnapshotStore { return killedSnapshots{x} }, old: true},
		"before the log is emptied":   {logs: func(x raft.LogStore) raft.LogStore { return killedLog{x} }},
		"before the file was deleted": {},
	} {
		for _, again := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", done again", false: ", file removed"}[again], func(t *testing.T) {
				conf := testConfig(t.TempDir())
				s := start(t, conf)
				put(t, s, "k", "v")
				index, _ := s.Store().Applied()
				if err := s.raft.AddNonvoter("gone", "127.0.0.1:9", 0, 0).Error(); err != nil {
					t.Fatal(err)
				}
				closeServer(t, s)
				d, err := openDisk(conf.Dir, hclog.NewNullLogger())
				if err != nil {
					t.Fatal(err)
				}
				snapshots, logs := d.snapshots, d.logs
				if c.snapshots != nil {
					snapshots = c.snapshots(snapshots)
				}
				if c.logs != nil {
					logs = c.logs(logs)
				}
				recoverKilled(t, s, logs, d.stable, snapshots, c.snapshots != nil || c.logs != nil)
				if err := d.close(); err != nil {
					t.Fatal(err)
				}
				path := writePeers(t, conf, listed(t, self(conf)))
				if !again {
					removeFile(t, path)
				}
				s = start(t, conf)
				defer closeServer(t, s)
				wantValue(t, s, "k", "v")
				members, err := s.Members()
				if want := 1 + int(truth(c.old && !again)); err != nil || len(members) != want {
					t.Errorf("%+v, %v; want %d", members, err, want)
				}
				put(t, s, "after", "w")
				if after, _ := s.Store().Applied(); after <= index {
					t.Errorf("the index went from %d to %d", index, after)
				}
				if isThere(path) {
					t.Error("peers.json is still there")
				}
			})
		}
	}
}

func removeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// recoverKilled does what recovery does to the disk, until it is killed.
func recoverKilled(t *testing.T, s *Server, logs raft.LogStore, stable raft.StableStore, snapshots raft.SnapshotStore, killed bool) {
	t.Helper()
	_, transport := raft.NewInmemTransport(raft.ServerAddress(s.config.Address))
	defer transport.Close()
	wrapped := snapstore.New(snapshots)
	err := raft.RecoverCluster(s.raftConfig(raft.ServerID(s.config.NodeID)), fsm.New(), logs, stable, wrapped, transport,
		raft.Configuration{Servers: []raft.Server{self(s.config)}})
	if killed != (err != nil) {
		t.Fatal(err)
	}
}
