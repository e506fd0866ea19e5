//go:build heavy && linux

package chaos

import "testing"

func TestFullDisks(t *testing.T) {
	n := newNetwork(t, 3)
	newTrial(t, started(t, n, n.disks(t)...), lockers).suffer(fillDisk)
}
