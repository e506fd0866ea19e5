//go:build heavy && linux

package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"
)

const diskSize = 400 << 20

// disks mounts a small file system in memory for each of n servers, and skips the test where that is not possible.
func (n *network) disks(t testing.TB) (paths []string) {
	t.Helper()
	for _, path := range n.directories(t) {
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount(n.slot.name(), path, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", diskSize)); err != nil {
			t.Skipf("SKIPPED: a small file system in memory cannot be mounted (it needs root): %v", err)
		}
		paths = append(paths, path)
	}
	return paths
}

// resize gives a disk another size. Nothing fits beyond what is there if bytes is 0.
func resize(path string, bytes uint64) error {
	if bytes == 0 {
		var s syscall.Statfs_t
		if err := syscall.Statfs(path, &s); err != nil {
			return fmt.Errorf("size of %s: %w", path, err)
		}
		bytes = (s.Blocks - s.Bfree) * uint64(s.Bsize)
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", bytes)); err != nil {
		return fmt.Errorf("resize %s: %w", path, err)
	}
	return nil
}

// fillDisk takes all space from the disk of a server, mostly the leader's, and writes until a segment of the log is full: then it needs
// space for another.
var fillDisk = fault{"a disk is full", func(tr *trial) (func() error, error) {
	victim := tr.some(1)[0]
	if tr.rng.IntN(3) > 0 {
		leader, err := tr.leader()
		if err != nil {
			return nil, err
		}
		victim = leader
	}
	if err := resize(victim.dir, 0); err != nil {
		return nil, err
	}
	heal := func() error {
		err := resize(victim.dir, diskSize)
		return errors.Join(err, victim.died())
	}
	return heal, tr.fill(200, 450<<10)
}}

// fill writes so many large values, of which any may fail.
func (tr *trial) fill(n, size int) error {
	large := bytes.Repeat([]byte("x"), size)
	failed := 0
	for i := range n {
		via := tr.some(1)[0]
		_, err := tr.cluster.ask(via, http.MethodPut, fmt.Sprint("/v1/kv/large/", i%4), bytes.NewReader(large))
		if err != nil {
			if failed++; failed == 1 {
				tr.t.Logf("the first of the large writes to fail, number %d: %v", i, err)
			}
		}
		if failed == 10 {
			break
		}
	}
	pause(nil, time.Second)
	return nil
}
