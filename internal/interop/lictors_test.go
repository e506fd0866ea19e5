//go:build clients && unix

package interop

import "testing"

func init() { withClients = true }

// What is done with a Consul is proven with a Lictor in its place.
func TestArchivesBetweenLictors(t *testing.T) { exchange(t, lictor, lictor) }
