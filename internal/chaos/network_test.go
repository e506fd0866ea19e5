//go:build heavy && linux

package chaos

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lictor-dr/lictor/internal/testproc"
)

// namespaced makes a network that can be cut, or skips the test.
func namespaced(t *testing.T, servers int) *network {
	t.Helper()
	n := newNetwork(t, servers)
	if n.loopback {
		t.Skip("SKIPPED: the network can be cut only between namespaces")
	}
	return n
}

// inside calls act in the namespace of a server. Sockets stay where they were made.
func (n *network) inside(t *testing.T, i int, act func() error) {
	t.Helper()
	runtime.LockOSThread()
	outside, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	namespace, err := os.Open("/run/netns/" + n.slot.namespace(i))
	if err != nil {
		t.Fatal(err)
	}
	defer namespace.Close()
	err = unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET)
	if err == nil {
		err = errors.Join(act(), unix.Setns(int(outside.Fd()), unix.CLONE_NEWNET))
	}
	if err != nil {
		t.Fatal(err) // and this thread is not used again
	}
	runtime.UnlockOSThread()
}

// peers are sockets for datagrams, one for each server.
func (n *network) peers(t *testing.T) (list []*net.UDPConn) {
	t.Helper()
	for i := 1; i <= n.servers; i++ {
		n.inside(t, i, func() error {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(n.address(i)), Port: 9000})
			if err == nil {
				t.Cleanup(func() { c.Close() })
				list = append(list, c)
			}
			return err
		})
	}
	return list
}

// arrives tells whether a datagram gets from one server to another.
func arrives(t *testing.T, peers []*net.UDPConn, from, to int) bool {
	t.Helper()
	text := fmt.Sprint(from, to, time.Now().UnixNano())
	err := testproc.Eventually(2*time.Second, func() error { // the first may be lost while the way is found
		if _, err := peers[from-1].WriteTo([]byte(text), peers[to-1].LocalAddr()); err != nil {
			return err
		}
		return receive(peers[to-1], text)
	})
	return err == nil
}

func receive(c *net.UDPConn, want string) error {
	b := make([]byte, 100)
	if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		return err
	}
	n, err := c.Read(b)
	if err == nil && string(b[:n]) != want {
		return fmt.Errorf("another datagram: %q", b[:n])
	}
	return err
}

func TestCuts(t *testing.T) {
	n := namespaced(t, 3)
	peers := n.peers(t)
	ways := func(step string, cut map[[2]int]bool) {
		t.Helper()
		for from := 1; from <= 3; from++ {
			for to := 1; to <= 3; to++ {
				if from != to && arrives(t, peers, from, to) == cut[[2]int{from, to}] {
					t.Errorf("%s: from server %d to %d: cut %v", step, from, to, !cut[[2]int{from, to}])
				}
			}
		}
	}
	ways("whole", nil)
	if err := n.cut(1, 2); err != nil {
		t.Fatal(err)
	}
	ways("one way cut", map[[2]int]bool{{1, 2}: true})
	if err := errors.Join(n.cut(2, 1), n.cut(3, 1)); err != nil {
		t.Fatal(err)
	}
	ways("more cut", map[[2]int]bool{{1, 2}: true, {2, 1}: true, {3, 1}: true})
	if err := n.heal(); err != nil {
		t.Fatal(err)
	}
	ways("healed", nil)
	if err := errors.Join(n.throttle(1, 100), n.throttle(1, 0)); err != nil {
		t.Errorf("throttle: %v", err)
	}
}

func TestSweepLeavesNothing(t *testing.T) {
	n := namespaced(t, 2)
	n.slot.sweep()
	if n.slot.used() {
		t.Errorf("left: %q, %q", n.slot.namespaces(), n.slot.links())
	}
}

// Where there are no namespaces, the servers are on the loopback interface.
func TestWithoutNamespaces(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	n := newNetwork(t, 1)
	if !n.loopback {
		t.Fatal("there is a network without the command ip")
	}
	c := started(t, n, n.directories(t)...)
	if c.leader() != c.servers[0] || n.heal() != nil {
		t.Error("the server on the loopback interface does not lead")
	}
}
