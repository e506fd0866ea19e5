// Package soak holds the tests that ill-treat the real lictor binary: it is killed at random moments, its disk is filled, and it is
// handed every damaged archive there is. What has been acknowledged must be there afterwards, and a restore must have happened
// as a whole or not at all.
//
// The tests named TestAgent ill-treat the snapshot agent in the same way: several agents share a server and a store, and the one that
// leads is killed, stopped for longer than its session lives, or loses its lock or its Consul. These tests run side by side, for they
// wait most of the time.
//
// The tests need the build tag heavy, a Unix system, and minutes:
//
//	go test -tags heavy ./internal/soak
//	LICTOR_SOAK=full go test -tags heavy -timeout 1h ./internal/soak
//
// The environment says how much, and what:
//
//	LICTOR_SOAK           short (the default), full, or a share of full such as 30%
//	LICTOR_SEED           a number that an earlier run printed: the same choices and delays again; when exactly a kill
//	                      strikes is up to the machine
//	LICTOR_SOAK_BINARY    a lictor to test instead of one that is built first
//
// Everything listens on the loopback interface, and every process is stopped by its number. The tests with a full disk mount small
// file systems in memory, which needs root on Linux; elsewhere they are skipped.
//
// A kill takes a process away, but not the machine's memory: what the program has written and not synced is still there afterwards.
// These tests prove the order of the steps on disk; they cannot prove that a power cut is survived.
package soak
