//go:build linux || darwin || freebsd

package server

import "golang.org/x/sys/unix"

// freeSpace is how many bytes this process may still write to the file system of dir; ok is false if that cannot be known.
func freeSpace(dir string) (free uint64, ok bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return uint64(max(st.Bavail, 0)) * uint64(st.Bsize), true
}
