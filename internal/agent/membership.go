package agent

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A cluster of one server: it is the only member, and can be joined by nobody but itself.

// Leaving delivers a client's wish that the agent leaves. Who has opened the agent closes it.
func (a *Agent) Leaving() <-chan struct{} { return a.leaving }

// Leave asks whoever runs the agent to close it.
func (a *Agent) Leave() {
	select {
	case a.leaving <- struct{}{}:
	default: // has been asked already
	}
}

// Join succeeds for the agent's own address, where it is a member already.
func (a *Agent) Join(ctx context.Context, address string) error {
	own, err := a.isOwn(ctx, address)
	if err == nil && !own {
		err = fmt.Errorf("this release's server is a cluster of one: it joins no other agent than itself, at %s", a.memberAddr())
	}
	if err != nil {
		return fmt.Errorf("1 error occurred:\n\t* Failed to join %s: %w\n\n", address, err)
	}
	a.log.Info("(LAN) joined", "number_of_nodes", 1)
	return nil
}

// memberAddr is the address that the agent is listed with among the members.
func (a *Agent) memberAddr() netip.AddrPort {
	return netip.AddrPortFrom(a.config.AdvertiseAddr, uint16(a.config.ServerPort))
}

// isOwn tells whether an address, with or without a port, is this agent's.
func (a *Agent) isOwn(ctx context.Context, address string) (bool, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil { // no port
		host, port = strings.Trim(address, "[]"), strconv.Itoa(a.config.ServerPort)
	}
	if port != strconv.Itoa(a.config.ServerPort) {
		return false, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(found, a.isOwnIP), nil
}

// isOwnIP tells whether an IP address is one that the agent advertises or listens on.
func (a *Agent) isOwnIP(ip netip.Addr) bool {
	ip = ip.Unmap()
	switch {
	case ip == a.config.AdvertiseAddr || ip == a.config.BindAddr:
		return true
	case !a.config.BindAddr.IsUnspecified():
		return false
	}
	addrs, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addrs, func(addr net.Addr) bool {
		prefix, err := netip.ParsePrefix(addr.String())
		return err == nil && prefix.Addr() == ip
	})
}

// ForceLeave has nothing to do for the only member, which is alive: it stays, pruned or not, as a live member of any cluster does.
func (b *backend) ForceLeave(node string, _ bool) error {
	if node != b.config.NodeName {
		return fmt.Errorf("agent: No node found with name '%s'", node)
	}
	return nil
}
