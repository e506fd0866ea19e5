// Package demo is `lictor demo`: a state is made, saved, proven, destroyed and brought back, on one machine, with nothing installed.
//
// It works with real processes: servers and commands are this very program, started as a user would start them, and the server is
// killed with SIGKILL. Everything happens in a new temporary directory and on loopback. What came back is compared twice: record by
// record, between the archive and one that the new server's tables encode afresh; and key by key over HTTP, with what the demo
// remembers to have written.
package demo
