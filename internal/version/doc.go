// Package version is the one place that knows which Lictor this is and which
// Consul it follows.
//
// It promises that Full is a semantic version whose core is the Consul
// followed, so that a client which compares versions decides as it would for
// that Consul, and whose build metadata is Lictor's own version. It imports no
// sibling and reads nothing from its surroundings but the build information
// that the Go toolchain put into the binary.
package version
