package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// clustered is the story of a cluster.
type clustered struct {
	*demo
	servers cluster  // of the first cluster, those that still run
	door    *process // the follower that the first cluster is worked with
	load    *load
	fresh   cluster
}

// counts are numbers as titles have them.
var counts = map[int]string{1: "one", 2: "two", 3: "three", 5: "five"}

func (c *clustered) steps() []step {
	all, more := counts[c.Servers], counts[c.minority()]
	return []step{
		{"start " + all + " servers, wait for one cluster", c.found},
		{"fill it through a follower", c.fillThroughFollower},
		{"save a snapshot from a follower", c.save},
		{"the same with -stale: what the follower has", c.saveStale},
		{"disaster: kill -9 the leader while writes go on", c.loseLeader},
		{"look for every acknowledged write", c.findWrites},
		{"disaster: kill -9 " + more + " more, the quorum is lost", c.loseQuorum},
		{"save without a leader: refused at once", c.saveRefused},
		{"read with ?stale", c.readWithout},
		{"save -stale from what is left", c.rescue},
		{"prove it: rebuild it in a second engine, compare", c.prove},
		{"disaster: kill -9 the rest, and delete all data", c.destroy},
		{"start a fresh, empty cluster of " + all, c.refound},
		{"restore the snapshot through a follower", c.restore},
		{"compare every record with the archive", c.compareRecords},
		{"read every key back from each server", c.readAll},
	}
}

// minority is how many servers a cluster survives the loss of.
func (c *clustered) minority() int { return c.Servers / 2 }

func (c *clustered) found(ctx context.Context) (said string, err error) {
	c.servers, said, err = c.assemble(ctx, 1)
	if err == nil {
		c.door, err = c.servers.follower(ctx)
	}
	return said, err
}

// assemble starts the servers of a cluster, numbered from first, and waits until they are one.
func (c *clustered) assemble(ctx context.Context, first int) (cluster, string, error) {
	var names, pids []string
	for i := range c.Servers {
		names = append(names, fmt.Sprintf("server-%d", first+i))
	}
	servers, err := c.bring(ctx, func(servers []*process) func(context.Context) error { return cluster(servers).settled() }, names...)
	if err != nil {
		return nil, "", err
	}
	leader, err := cluster(servers).elected(ctx)
	if err != nil {
		return nil, "", err
	}
	for _, p := range servers {
		pids = append(pids, fmt.Sprint(p.pid()))
	}
	return servers, fmt.Sprintf("%s (pids %s) list each other and have a vote each; %s leads", cluster(servers).names(),
		strings.Join(pids, ", "), leader.name), nil
}

func (c *clustered) fillThroughFollower(ctx context.Context) (string, error) {
	said, err := c.fill(ctx, c.door)
	return fmt.Sprintf("%s follows: %s", c.door.name, said), err
}

const (
	wholeName = "whole.snap" // what the leader has, by way of a follower
	staleName = "stale.snap" // what the follower has
)

func (c *clustered) save(ctx context.Context) (string, error) {
	said, _, err := c.saveFrom(ctx, c.door, wholeName)
	return said, err
}

func (c *clustered) saveStale(ctx context.Context) (string, error) {
	if err := await(ctx, c.servers, c.servers.level); err != nil {
		return "", err
	}
	_, notes, err := c.saveFrom(ctx, c.door, staleName, "-stale")
	if err != nil {
		return "", err
	}
	n, err := c.compareArchives(wholeName, staleName)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; %d of %d records equal", notes, n, n), errors.Join(os.Remove(c.path(wholeName)), os.Remove(c.path(staleName)))
}

// loseLeader kills the leader under load and waits for another one that takes writes.
func (c *clustered) loseLeader(ctx context.Context) (string, error) {
	const enough = 50 // writes through each server, before and after
	leader, err := c.servers.elected(ctx)
	if err != nil {
		return "", err
	}
	left := c.servers.without(leader)
	c.load = startLoad(ctx, left)
	defer c.load.end()
	if err := await(ctx, left, c.load.flowing(time.Time{}, enough)); err != nil {
		return "", err
	}
	before := len(c.load.acknowledged(time.Time{}))
	killed := time.Now()
	kill(leader)
	gone := time.Now()
	c.servers = left
	if err := await(ctx, left, c.load.flowing(gone, enough)); err != nil {
		return "", err
	}
	c.load.end()
	next, err := left.elected(ctx)
	if err != nil {
		return "", err
	}
	c.door = left.without(next)[0]
	return fmt.Sprintf("%s, pid %d, is gone after %d writes; %s leads, and takes writes after %.2f s", leader.name, leader.pid(), before,
		next.name, c.load.resumed(gone).Sub(killed).Seconds()), nil
}

// findWrites looks for what was written during the disaster: as the leader has it, and as each server has it.
func (c *clustered) findWrites(ctx context.Context) (string, error) {
	got, err := read(ctx, c.door.api)
	if err != nil {
		return "", err
	}
	b, err := c.load.settle(c.written, got)
	if err != nil {
		return "", err
	}
	if err := compareKeys(c.written, got); err != nil {
		return "", err
	}
	return fmt.Sprintf("all %d acknowledged writes are on %s; %s", b.acknowledged, c.servers.names(), b), c.readEach(ctx, c.servers)
}

// readEach reads the keys of each server, once it has applied all, and compares them with what has been written.
func (c *clustered) readEach(ctx context.Context, servers cluster) error {
	if err := await(ctx, servers, servers.level); err != nil {
		return err
	}
	for _, p := range servers {
		got, _, err := readStale(ctx, p.api)
		if err == nil {
			err = compareKeys(c.written, got)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// loseQuorum kills the leader once more, and others as far as that is not enough. The follower that the cluster is worked with stays.
func (c *clustered) loseQuorum(ctx context.Context) (string, error) {
	leader, err := c.servers.elected(ctx)
	if err != nil {
		return "", err
	}
	victims := append(cluster{leader}, c.servers.without(leader)...).without(c.door)[:c.minority()]
	began := time.Now()
	kill(victims...)
	c.servers = c.servers.without(victims...)
	if err := await(ctx, c.servers, c.servers.leaderless); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s had led, %d of %d servers are gone; after %.2f s no leader is known to %s", leader.name, c.Servers-len(c.servers),
		c.Servers, time.Since(began).Seconds(), c.servers.names()), nil
}

// saveRefused shows that a save which is not stale does not make do with less.
func (c *clustered) saveRefused(ctx context.Context) (string, error) {
	const name = "refused.snap"
	began := time.Now()
	_, notes, err := c.invoke(ctx, "snapshot", "save", "-http-addr="+c.door.addr, c.path(name))
	if err := checkRefusal(err, notes, time.Since(began)); err != nil {
		return "", err
	}
	if left, err := filepath.Glob(c.path(name + "*")); err != nil || len(left) > 0 {
		return "", errors.Join(fmt.Errorf("a refused save has left %q", left), err)
	}
	return notes + "; no file is left", nil
}

// checkRefusal tells whether a save ended as it must without a leader: with exit code 1, with Consul's words, and sooner than a request
// is held that waits for a leader.
func checkRefusal(err error, notes string, took time.Duration) error {
	const words, soon = "Error saving snapshot: Unexpected response code: 500 (No cluster leader)", 5 * time.Second
	var exit *exec.ExitError
	switch {
	case err == nil:
		return errors.New("it was not refused")
	case !errors.As(err, &exit) || exit.ExitCode() != 1 || notes != words:
		return fmt.Errorf("refused for another reason: %w", err)
	case took > soon:
		return fmt.Errorf("refused after %v only", took)
	}
	return nil
}

// readWithout reads from what is left, which cannot know whether it is up to date.
func (c *clustered) readWithout(ctx context.Context) (string, error) {
	var ages []string
	for _, p := range c.servers {
		got, meta, err := readStale(ctx, p.api)
		if err == nil {
			err = compareKeys(c.written, got)
		}
		if err == nil {
			err = checkStale(meta)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", p.name, err)
		}
		ages = append(ages, fmt.Sprintf("%s last heard of a leader %.1f s ago", p.name, meta.LastContact.Seconds()))
	}
	return fmt.Sprintf("%d keys as they were written; %s", len(c.written), strings.Join(ages, ", ")), nil
}

func checkStale(meta *api.QueryMeta) error {
	if meta.KnownLeader {
		return errors.New("it claims to know a leader")
	}
	return nil
}

// rescue saves what the rest of the cluster has.
func (c *clustered) rescue(ctx context.Context) (string, error) {
	said, notes, err := c.saveFrom(ctx, c.door, archiveName, "-stale")
	if err == nil && !strings.Contains(notes, "KnownLeader false") {
		err = fmt.Errorf("the command says %q, and not that there is no leader", notes)
	}
	return said + "\n    " + notes, err
}

func (c *clustered) destroy(context.Context) (string, error) {
	kill(c.started...)
	for _, p := range c.started {
		if err := os.RemoveAll(c.path(p.name)); err != nil {
			return "", err
		}
	}
	left, err := filepath.Glob(c.path("server-*"))
	for _, path := range left {
		if !strings.HasSuffix(path, ".log") {
			err = errors.Join(err, fmt.Errorf("%s is still there", path))
		}
	}
	return fmt.Sprintf("no server runs, and no data directory is left in %s", c.dir), err
}

func (c *clustered) refound(ctx context.Context) (said string, err error) {
	c.fresh, said, err = c.assemble(ctx, c.Servers+1)
	c.last = c.fresh
	return said, err
}

func (c *clustered) restore(ctx context.Context) (string, error) {
	follower, err := c.fresh.follower(ctx)
	if err != nil {
		return "", err
	}
	said, err := c.restoreInto(ctx, follower)
	return fmt.Sprintf("%s follows: %s", follower.name, said), err
}

// compareRecords saves what each server has, once it has applied the restore, and compares that with the archive.
func (c *clustered) compareRecords(ctx context.Context) (string, error) {
	if err := await(ctx, c.fresh, c.fresh.level); err != nil {
		return "", err
	}
	var records int64
	for _, p := range c.fresh {
		after := p.name + ".snap"
		_, _, err := c.saveFrom(ctx, p, after, "-stale")
		if err == nil {
			records, err = c.compareArchives(archiveName, after)
		}
		if err == nil {
			err = os.Remove(c.path(after))
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return fmt.Sprintf("%d of %d records equal on each of %s", records, records, c.fresh.names()), nil
}

func (c *clustered) readAll(ctx context.Context) (string, error) {
	return fmt.Sprintf("%d keys with values, flags and locks as they were written, on each of %s", len(c.written), c.fresh.names()),
		c.readEach(ctx, c.fresh)
}
