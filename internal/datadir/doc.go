// Package datadir guards a server's data directory: one process at a time, and no older version on newer data.
//
// The directory is locked before anything in it is opened, because the log store waits for ever on a second opener. The lock is
// the kernel's, on the file lictor.lock, and goes with the process however it ends; the file holds the pid of the last holder
// for the error message. The file lictor-format.json carries the number of the directory's format. It only ever goes up.
package datadir
