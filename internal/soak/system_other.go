//go:build heavy && unix && !linux

package soak

import "testing"

// A disk is a small file system; this system has no way to make one.
type disk struct{ path string }

func newDisk(t testing.TB, _ int) *disk {
	t.Skip("SKIPPED: small file systems in memory are mounted on Linux only")
	return nil
}

func (d *disk) fill(testing.TB, int64) {}
func (d *disk) free(testing.TB)        {}
func (d *disk) grow(testing.TB, int)   {}
