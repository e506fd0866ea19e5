//go:build !linux && !darwin && !freebsd

package server

// freeSpace is how many bytes this process may still write to the file system of dir; ok is false if that cannot be known.
func freeSpace(string) (free uint64, ok bool) { return 0, false }
