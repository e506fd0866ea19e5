// Clientsuite runs the tests of Consul's official Go client against Lictor: what the client's authors expect of a server, written
// down by themselves, is what Lictor must do.
//
// The tests come with the client's module, at the version that they were listed for. They are built from a copy of it in a temporary
// folder, with the dependencies that the module itself names, so that this project's go.mod has no part in them. They find the server
// under test on the PATH, as consul.
//
// Every test runs in a process of its own, in a process group of its own: a test that panics or hangs takes no other with it, what a
// server prints can be told from what the others print, and nothing outlives its test.
//
// A test that is skipped has not passed. A test on the list that the suite does not have is missing, and that is a failure too:
// a list nobody checks would let tests vanish.
package main
