// Package interop holds the tests that put Lictor beside programs which others wrote: consul-template, Consul's client for Node.js,
// and Consul itself.
//
// The tests need the build tag clients and a Unix system:
//
//	go test -tags clients ./internal/interop
//
// The environment says what they find:
//
//	LICTOR_TEST_CONSUL     a consul binary: archives are carried from it to Lictor and back, and from Lictor to it and back
//	LICTOR_INTEROP_BINARY  a lictor to test instead of one that is built first
//
// Consul is not fetched: whoever has it names it. Without it those tests are skipped, and the same exchange runs between two Lictors,
// which proves that the tests do what they say. consul-template is built by the go command, and kept in the user's cache folder; the
// client for Node.js comes from the npm registry. A test whose program cannot be had is skipped, with the reason.
//
// Everything listens on the loopback interface, and every process is stopped by its number.
package interop
