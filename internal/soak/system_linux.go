//go:build heavy

package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A disk is a small file system in memory.
type disk struct {
	path    string
	ballast string
}

// newDisk mounts a disk of so many megabytes. The test is skipped where that is not possible.
func newDisk(t testing.TB, megabytes int) *disk {
	t.Helper()
	path := t.TempDir()
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0700", megabytes)); err != nil {
		t.Skipf("SKIPPED: a small file system in memory cannot be mounted (it needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return &disk{path: path, ballast: filepath.Join(path, "ballast")}
}

// fill takes up all space but leave bytes.
func (d *disk) fill(t testing.TB, leave int64) {
	t.Helper()
	take := d.space(t) - leave
	f, err := os.Create(d.ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if take <= 0 {
		return // it is full already
	}
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, take); err != nil {
		t.Fatalf("fill the disk with %d bytes: %v", take, err)
	}
}

// free gives the space back that fill took.
func (d *disk) free(t testing.TB) {
	t.Helper()
	if err := os.Remove(d.ballast); err != nil {
		t.Fatal(err)
	}
}

// grow changes the size of the disk.
func (d *disk) grow(t testing.TB, megabytes int) {
	t.Helper()
	if err := syscall.Mount("tmpfs", d.path, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Fatalf("grow the disk: %v", err)
	}
}

func (d *disk) space(t testing.TB) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.path, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}
