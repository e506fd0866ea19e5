//go:build race

package server

// racing tells whether the race detector watches.
const racing = true
