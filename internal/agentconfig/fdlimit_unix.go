//go:build unix

package agentconfig

import "golang.org/x/sys/unix"

// maxOpenFiles returns the process's limit of open files.
func maxOpenFiles() (uint64, bool) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return uint64(limit.Cur), true
}
