package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/atomicfile"
	"github.com/lictor-dr/lictor/internal/fsm"
)

const (
	peersName = "peers.json" // written by an operator: Raft's new configuration
	infoName  = "peers.info" // says so, and marks a directory that has been started before
)

const peersInfo = `This directory holds the Raft log and snapshots of a Lictor server.

The servers of the cluster are not listed in any file here. But if so many servers
are lost for good that the others cannot elect a leader, the cluster can be told by
hand which servers are left:

1. Stop all servers that are left.
2. In this directory of each, write the same file peers.json, with one entry for
   each server that is left. "id" is what its file node-id in the data directory (or
   its configuration) says, "address" its IP address and server port:

   [
     {"id": "adf4238a-882b-9ddc-4a9d-5b6758e4159e", "address": "10.1.0.1:8300", "non_voter": false}
   ]

3. Start them. Each takes the list over, deletes the file, and says so in its log.

What only the lost servers had written is lost; entries that had not been acknowledged
yet may come into effect.

Leave this file where it is: without it, peers.json is deleted instead of being used.
`

// recover takes over the servers that an operator has listed in peers.json, as Raft's configuration. The file is deleted once that is
// durable: a server that was killed in between does it again.
func (s *Server) recover(id raft.ServerID, transport raft.Transport) error {
	if s.config.Dir == "" {
		return nil
	}
	path := filepath.Join(s.config.Dir, peersName)
	switch known, err := s.startedBefore(path); {
	case err != nil:
		return err
	case !known:
		return nil
	}
	configuration, err := raft.ReadConfigJSON(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("recovery failed to parse peers.json: %w; correct %s, or remove it", err, path)
	}
	s.log.Info("found peers.json file, recovering Raft configuration...", "servers", configuration.Servers)
	if !slices.ContainsFunc(configuration.Servers, func(x raft.Server) bool { return x.ID == id }) {
		return fmt.Errorf("recovery failed: %s does not list this server, whose node ID is %s: it would be no part of the cluster; "+
			"correct the file, or remove it", path, id)
	}
	err = raft.RecoverCluster(s.raftConfig(id), fsm.Recovery{FSM: fsm.New()}, s.disk.logs, s.disk.stable, s.snaps, transport, configuration)
	if err != nil {
		return fmt.Errorf("recovery failed: %w; %s was kept", err, path)
	}
	if err := removeDurably(path); err != nil {
		return fmt.Errorf("recovery succeeded, but peers.json must be deleted: %w", err)
	}
	s.log.Info("deleted peers.json file after successful recovery")
	return nil
}

// startedBefore tells whether this directory has been started with before. If not, a peers.json in it is deleted: it may have been copied
// with other files, and nobody asks a new server to recover.
func (s *Server) startedBefore(peers string) (bool, error) {
	info := filepath.Join(s.config.Dir, infoName)
	_, err := os.Stat(info)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err == nil, err
	}
	err = removeDurably(peers)
	switch {
	case err == nil:
		s.log.Warn("deleted a peers.json file that was there before this server's first start; write it again to recover with it",
			"path", peers)
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("delete peers.json at the first start: %w", err)
	}
	if err := atomicfile.WriteFile(context.Background(), info, []byte(peersInfo), nil); err != nil {
		return false, fmt.Errorf("write peers.info: %w", err)
	}
	return false, nil
}

// removeDurably removes a file and syncs its directory.
func removeDurably(path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
