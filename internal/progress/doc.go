// Package progress shows on a terminal how far a job is. Into a pipe or a file nothing is written, so that the output of scripts
// and the logs of services stay clean.
//
// A [Meter] shows one job at a time as a bar, or, where the length is not known beforehand, as a counter of bytes. Each is wiped when
// its job ends, so that what is printed afterwards stands on lines of its own. Writing to a terminal that fails is not reported: a
// job does not fail for want of a picture of it.
package progress
