// Package retrieval gets backups out of the stores that the snapshot agent puts them into: it finds one by its ID or as the latest, and
// reads it, comparing what comes with what its entry says. A backup that is not what was committed is not taken for one.
package retrieval
