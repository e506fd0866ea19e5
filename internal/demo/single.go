package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// single is the story of one server.
type single struct {
	*demo
	first  *process // the server that is destroyed
	second *process // the one that is restored into
}

func (s *single) steps() []step {
	return []step{
		{"start a server with a data directory", s.startFirst},
		{"fill it with a believable state", s.fillFirst},
		{"save a snapshot", s.save},
		{"prove it: rebuild it in a second engine, compare", s.prove},
		{"disaster: kill -9, and the data is deleted", s.destroy},
		{"start a fresh, empty server", s.startSecond},
		{"restore the snapshot into it", s.restore},
		{"compare every record with the archive", s.compareRecords},
		{"read every key back over HTTP", s.compareKeys},
	}
}

func (s *single) startFirst(ctx context.Context) (said string, err error) {
	s.first, err = s.startOne(ctx, "server-1")
	return describe(s.first, err)
}

func (s *single) startSecond(ctx context.Context) (said string, err error) {
	s.second, err = s.startOne(ctx, "server-2")
	s.last = []*process{s.second}
	return describe(s.second, err)
}

// startOne starts a server that is on its own, and waits until it leads and has written what it writes of itself: after a restore that would be
// a difference.
func (s *single) startOne(ctx context.Context, name string) (*process, error) {
	servers, err := s.bring(ctx, func(servers []*process) func(context.Context) error { return cluster(servers).settled() }, name)
	if err != nil {
		return nil, err
	}
	return servers[0], nil
}

func describe(p *process, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("pid %d answers on http://%s", p.pid(), p.addr), nil
}

func (s *single) fillFirst(ctx context.Context) (string, error) { return s.fill(ctx, s.first) }

func (s *single) save(ctx context.Context) (string, error) {
	said, _, err := s.saveFrom(ctx, s.first, archiveName)
	return said, err
}

func (s *single) destroy(context.Context) (string, error) {
	kill(s.first)
	if err := os.RemoveAll(s.path("server-1")); err != nil {
		return "", err
	}
	if _, err := os.Stat(s.path("server-1")); !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("server-1 is still there: %v", err)
	}
	return fmt.Sprintf("pid %d is gone, and so is %s", s.first.pid(), s.path("server-1")), nil
}

func (s *single) restore(ctx context.Context) (string, error) { return s.restoreInto(ctx, s.second) }

// compareRecords saves the restored server and compares the two archives.
func (s *single) compareRecords(ctx context.Context) (string, error) {
	if _, _, err := s.saveFrom(ctx, s.second, "after.snap"); err != nil {
		return "", err
	}
	n, err := s.compareArchives(archiveName, "after.snap")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d of %d records equal", n, n), os.Remove(s.path("after.snap"))
}

// compareKeys reads the keys over HTTP and compares them with what has been written.
func (s *single) compareKeys(ctx context.Context) (string, error) {
	got, err := read(ctx, s.second.api)
	if err != nil {
		return "", err
	}
	if err := compareKeys(s.written, got); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d keys with values, flags and locks as they were written", len(s.written)), nil
}
