// Package diskspace tells how much may still be written to a file system. Where the system does not say, it does not guess.
package diskspace

// A Space is what is left of a file system.
type Space struct {
	Free   uint64 // bytes that this process may still write
	System uint64 // the same number for directories of the same file system
}
