//go:build linux || darwin || freebsd

package diskspace

import "golang.org/x/sys/unix"

// Of returns what is left of the file system of a directory; ok is false if that cannot be known.
func Of(dir string) (s Space, ok bool) {
	var fs unix.Statfs_t
	var at unix.Stat_t
	if unix.Statfs(dir, &fs) != nil || unix.Stat(dir, &at) != nil {
		return Space{}, false
	}
	return Space{Free: uint64(max(fs.Bavail, 0)) * uint64(fs.Bsize), System: uint64(at.Dev)}, true
}
