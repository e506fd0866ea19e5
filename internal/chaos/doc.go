// Package chaos holds the tests that ill-treat clusters of real lictor servers: servers are killed, stopped and restarted, the network
// between them is cut, in one direction too, disks fill up, and snapshots are restored meanwhile. Clients go on all the time, everything
// that they are answered is recorded, and internal/history judges it.
//
// After each run the cluster has a leader within a minute and takes a write, all servers hold the same, and no server's index
// has gone back. Default reads that were stale are counted, with the age of the oldest.
//
// The tests need the build tag heavy and Linux:
//
//	go test -tags heavy -count 1 -v ./internal/chaos
//	LICTOR_CHAOS_MINUTES=60 go test -tags heavy -count 1 -timeout 2h -v ./internal/chaos
//
// The environment says how much, and what:
//
//	LICTOR_CHAOS_MINUTES  how long all tests take together; without it less than four minutes, and 60 with LICTOR_SOAK=full
//	LICTOR_SEED           a number that an earlier run printed: the same faults in the same order; when exactly they strike is up
//	                      to the machine
//	LICTOR_CHAOS_BINARY   a lictor to test instead of one that is built first
//	LICTOR_CHAOS_HISTORY  a history.ndjson that an earlier run has kept: TestReplay judges it again
//
// With root and the command ip, each server has a network namespace of its own, at one bridge. Without, all servers are on the loopback
// interface, and the tests that cut the network are skipped. What a killed run has left behind is removed by the next one.
//
// A test that fails keeps its history, its faults and what the servers said in a directory that it names.
//
// Linux has no namespace for the time of day: the servers whose clocks jump are built with a package time that can be told to. That takes
// minutes, and is left out of short runs unless LICTOR_CHAOS_CLOCKS is set.
//
// Not done: no disk is slowed down, for that needs a device of its own below the file system.
package chaos
