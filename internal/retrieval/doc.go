// Package retrieval gets backups out of the stores that the snapshot agent puts them into: it finds one by its ID, as the latest, or by the
// time of its state, and reads it, comparing what comes with what its entry says. A backup that is not what was committed is not taken for
// one.
//
// It also knows the names of safety snapshots, which a restore may have put beside the backups.
package retrieval
