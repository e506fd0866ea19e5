// Clientsuite runs the tests of Consul's official Go client against Lictor: what the client's authors expect of a server, written
// down by themselves, is what Lictor must do. It is the program behind scripts/api-suite.
//
// The tests come with the client's module, at the version that they were listed for. They are built from a copy of it in a temporary
// folder, with the dependencies that the module itself names, so that this project's go.mod has no part in them. They find the server
// under test on the PATH, as consul, and see no setting that the caller has for a Consul of his own.
//
// Every test runs in a process of its own, in a process group and a temporary folder of its own: a test that panics or hangs takes no
// other with it, what a server prints can be told from what the others print, and nothing outlives its test.
//
// Lists in testdata say what is expected of the tests. Those of api-suite.txt must pass. api-suite-rest.txt has all others of the suite,
// each with what is known of it: that it passes, that it is outside of what Lictor serves, or that it is open.
//
// With -follower each server that a test starts becomes a follower of two others, and what the client asks of it is answered by their
// leader. api-suite-follower.txt names the tests that cannot pass then, and why: they count nodes, for instance.
//
// A test that is skipped has not passed. A test on a list that the suite does not have is missing, and that is a failure too:
// a list nobody checks would let tests vanish.
package main
