//go:build heavy && linux

package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A network is where the servers are: server n, from 1 on, at an address of its own.
type network struct {
	slot     slot
	servers  int
	loopback bool // no namespaces: nothing can be cut
}

// newNetwork makes a network and removes it when the test ends, with the directories of its servers.
func newNetwork(t testing.TB, servers int) *network {
	t.Helper()
	s, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	n := &network{slot: s, servers: servers}
	t.Cleanup(s.sweep)
	if err := n.build(); err != nil {
		s.sweep()
		n.loopback = true
		t.Logf("no network namespaces (they need root and the command ip), all servers are on the loopback interface: %v", err)
	}
	return n
}

func (n *network) build() error {
	if _, err := exec.LookPath("nsenter"); err != nil {
		return err
	}
	bridge := n.slot.bridge()
	err := errors.Join(
		ip("link", "add", bridge, "type", "bridge"),
		ip("address", "add", n.slot.address(254)+"/24", "dev", bridge),
		ip("link", "set", bridge, "up"),
	)
	for i := 1; i <= n.servers && err == nil; i++ {
		err = n.attach(i)
	}
	return err
}

// attach makes the namespace of a server and links it to the bridge.
func (n *network) attach(i int) error {
	namespace, link := n.slot.namespace(i), n.slot.link(i)
	return errors.Join(
		ip("netns", "add", namespace),
		ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace),
		ip("link", "set", link, "master", n.slot.bridge(), "up"),
		ip("-n", namespace, "link", "set", "eth0", "address", n.slot.hardware(i), "up"),
		ip("-n", namespace, "link", "set", "lo", "up"),
		ip("-n", namespace, "address", "add", n.address(i)+"/24", "dev", "eth0"),
	)
}

// directories are those for the data of the servers; nothing is there yet.
func (n *network) directories(t testing.TB) (list []string) {
	t.Helper()
	if err := os.MkdirAll(n.slot.directory(), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range n.servers {
		list = append(list, filepath.Join(n.slot.directory(), fmt.Sprint("s", i+1)))
	}
	return list
}

func (n *network) address(i int) string {
	if n.loopback {
		return n.slot.loopback(i)
	}
	return n.slot.address(i)
}

// command is the program with arguments where server i is. It replaces the process that enters the namespace, so that signals reach it.
func (n *network) command(i int, program string, args ...string) *exec.Cmd {
	if n.loopback {
		return exec.Command(program, args...)
	}
	return exec.Command("nsenter", append([]string{"--net=/run/netns/" + n.slot.namespace(i), "--", program}, args...)...)
}

// cut drops what server from sends to server to, without a word to either. The way back is another.
func (n *network) cut(from, to int) error {
	const nobody = 255
	return n.direct(from, to, n.slot.hardware(nobody))
}

// direct makes what server from sends to server to go to a hardware address.
func (n *network) direct(from, to int, hardware string) error {
	return ip("-n", n.slot.namespace(from), "neighbour", "replace", n.address(to), "lladdr", hardware, "nud", "permanent", "dev", "eth0")
}

// heal undoes all cuts.
func (n *network) heal() error {
	if n.loopback {
		return nil
	}
	var faults []error
	for from := 1; from <= n.servers; from++ {
		for to := 1; to <= n.servers; to++ {
			if from == to {
				continue
			}
			faults = append(faults, n.direct(from, to, n.slot.hardware(to)))
		}
	}
	return errors.Join(faults...)
}

// throttle lets a server send no more than so many kilobits a second; 0 undoes it.
func (n *network) throttle(i, kilobits int) error {
	args := []string{"-n", n.slot.namespace(i), "qdisc"}
	if kilobits == 0 {
		args = append(args, "delete", "dev", "eth0", "root")
	} else {
		args = append(args, "add", "dev", "eth0", "root", "tbf", "rate", fmt.Sprint(kilobits, "kbit"), "burst", "4kb", "latency", "300ms")
	}
	if out, err := exec.Command("tc", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("tc %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
