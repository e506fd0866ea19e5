// Package interop holds the tests that put Lictor beside programs which others wrote: Consul itself, consul-template, and Consul's
// client for Node.js.
//
// Archives go to a real Consul and back, and from a real Consul to Lictor and back, family by family: what one server holds is filled in
// over the API, saved, restored into the other, compared over the API, saved there, and restored into a new server of the first kind.
// Consul is not fetched: whoever has it names it, and without it the tests are skipped, with a word on why:
//
//	LICTOR_TEST_CONSUL=/path/to/consul go test -v ./internal/interop
//
// With the build tag clients the same exchange runs between two Lictors, which proves that the tests do what they say; and
// consul-template, which the go command builds, and the npm package consul follow what changes in a Lictor:
//
//	go test -tags clients -v ./internal/interop
//
// The tests need a Unix system. LICTOR_INTEROP_BINARY names a lictor to test instead of one that is built first. Everything listens on
// the loopback interface, every process is stopped by its number, and no setting for the caller's own Consul reaches a program.
package interop
