//go:build !unix

package agentconfig

// maxOpenFiles knows of no limit on this system.
func maxOpenFiles() (uint64, bool) { return 0, false }
