//go:build !linux

package drill

import "syscall"

func childAttr() *syscall.SysProcAttr { return nil }

// stepBack has no portable form. The child's memory limit is kept all the same.
func stepBack() error { return nil }

// limitMemory leaves it to the garbage collector's limit.
func limitMemory(int64) error { return nil }

func peakMemory() int64 { return 0 }

// availableMemory is not known.
func availableMemory() (int64, bool) { return 0, false }
