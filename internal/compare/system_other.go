//go:build !linux

package main

import "os"

// peakMemory is known on Linux only.
func peakMemory(*os.ProcessState) int64 { return 0 }

// openFiles is a guess at how many files a process may have open.
func openFiles() int { return 1024 }
