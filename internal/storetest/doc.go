// Package storetest holds what tests need of stores of backups. Only tests import it.
//
// [Run] is what every store must pass. [S3], [Azure] and [GCS] are servers on the loopback interface that speak as much of these protocols
// as internal/blobstore uses. [Faulty] is a store that fails, loses, damages and lies by a seeded plan, for whoever must notice.
package storetest
