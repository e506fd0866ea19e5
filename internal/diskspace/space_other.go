//go:build !linux && !darwin && !freebsd

package diskspace

// Of returns what is left of the file system of a directory; ok is false if that cannot be known.
func Of(string) (s Space, ok bool) { return Space{}, false }
