package agentconfig

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-sockaddr/template"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals and full stops included.

// setAddresses resolves where the agent listens and what it advertises.
func setAddresses(s *settings, c *Config) error {
	c.ServerPort, c.HTTPPort, c.HTTPSPort = s.integer("ports.server"), s.integer("ports.http"), s.integer("ports.https")
	var err error
	if c.BindAddr, err = bindAddress(s.str("bind_addr")); err != nil {
		return err
	}
	if c.AdvertiseAddr, err = advertiseAddress(s, c.BindAddr); err != nil {
		return err
	}
	if c.AdvertiseAddrWAN, err = oneAddress(s, "advertise_addr_wan"); err != nil {
		return err
	}
	switch {
	case c.AdvertiseAddrWAN.IsUnspecified():
		return errors.New("Advertise WAN address cannot be 0.0.0.0, :: or [::]")
	case !c.AdvertiseAddrWAN.IsValid():
		c.AdvertiseAddrWAN = c.AdvertiseAddr
	}
	c.TranslateWANAddrs = s.boolean("translate_wan_addrs")
	if c.TaggedAddresses, err = taggedAddresses(s, c.AdvertiseAddr, c.AdvertiseAddrWAN); err != nil {
		return err
	}
	if c.ClientAddrs, err = clientAddresses(s.str("client_addr")); err != nil {
		return err
	}
	if len(c.ClientAddrs) == 0 {
		s.warn("client_addr is empty, client services (DNS, HTTP, HTTPS, GRPC) will not be listening for connections")
	}
	if c.HTTPListeners, err = listeners(s, "http", c.ClientAddrs); err != nil {
		return err
	}
	if c.HTTPSListeners, err = listeners(s, "https", c.ClientAddrs); err != nil {
		return err
	}
	if err := checkOverlap(c); err != nil {
		return err
	}
	c.UnixSockets, err = unixSockets(s)
	return err
}

// expand evaluates a go-sockaddr template and splits the result at spaces.
func expand(name, text string) ([]string, error) {
	out, err := template.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: evaluate the address template %q: %w", name, text, err)
	}
	return strings.Fields(out), nil
}

func bindAddress(text string) (netip.Addr, error) {
	addrs, err := expand("bind_addr", text)
	if err != nil {
		return netip.Addr{}, err
	}
	if len(addrs) > 1 {
		return netip.Addr{}, errors.New("bind_addr cannot contain multiple addresses. Use 'addresses.{dns,http,https}' instead.")
	}
	if len(addrs) == 1 {
		if a, ok := parseIP(addrs[0]); ok {
			return a, nil
		}
	}
	return netip.Addr{}, errors.New("bind_addr cannot be empty")
}

// parseIP takes an IP address, with or without the brackets of IPv6.
func parseIP(text string) (netip.Addr, bool) {
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		text = text[1 : len(text)-1]
	}
	a, err := netip.ParseAddr(text)
	return a.Unmap(), err == nil
}

// oneAddress returns the IP address that a key holds, not a valid one if it holds none.
func oneAddress(s *settings, path string) (netip.Addr, error) {
	addrs, err := expand(path, s.str(path))
	switch {
	case err != nil:
		return netip.Addr{}, err
	case len(addrs) > 1:
		return netip.Addr{}, fmt.Errorf("%s cannot contain multiple addresses", path)
	case len(addrs) == 0:
		return netip.Addr{}, nil
	}
	a, ok := parseIP(addrs[0])
	if !ok {
		return netip.Addr{}, fmt.Errorf("%s: not an IP address: %q", path, addrs[0])
	}
	return a, nil
}

// advertiseAddress returns the configured address, else the bind address, else, when that is an any-address, the
// only suitable address of this host.
func advertiseAddress(s *settings, bind netip.Addr) (netip.Addr, error) {
	a, err := oneAddress(s, "advertise_addr")
	switch {
	case err != nil:
		return netip.Addr{}, err
	case a.IsUnspecified():
		return netip.Addr{}, errors.New("Advertise address cannot be 0.0.0.0, :: or [::]")
	case a.IsValid():
		return a, nil
	case !bind.IsUnspecified():
		return bind, nil
	}
	host, err := hostAddresses()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("look for an address to advertise: %w", err)
	}
	if bind.Is4() {
		return onlyPrivateIPv4(host)
	}
	return onlyPublicIPv6(host)
}

// hostAddresses lists the addresses of the interfaces that are up. Tests replace it.
var hostAddresses = func() ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("addresses of interface %s: %w", i.Name, err)
		}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				out = append(out, prefix.Addr().Unmap())
			}
		}
	}
	return out, nil
}

var privateIPv4 = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
}

// onlyPrivateIPv4 picks the one private IPv4 address; loopback counts only if there is no other.
func onlyPrivateIPv4(host []netip.Addr) (netip.Addr, error) {
	var private, loopback []netip.Addr
	for _, a := range host {
		if a.Is4() && a.IsLoopback() {
			loopback = append(loopback, a)
			continue
		}
		for _, p := range privateIPv4 {
			if p.Contains(a) {
				private = append(private, a)
			}
		}
	}
	if len(private) == 0 {
		private = loopback
	}
	return only(private, "private IPv4")
}

// onlyPublicIPv6 picks the one public IPv6 address.
func onlyPublicIPv6(host []netip.Addr) (netip.Addr, error) {
	var public []netip.Addr
	for _, a := range host {
		if a.Is6() && a.IsGlobalUnicast() && !a.IsPrivate() {
			public = append(public, a)
		}
	}
	return only(public, "public IPv6")
}

func only(addrs []netip.Addr, what string) (netip.Addr, error) {
	switch len(addrs) {
	case 0:
		return netip.Addr{}, fmt.Errorf("No %s address found", what)
	case 1:
		return addrs[0], nil
	}
	return netip.Addr{}, fmt.Errorf("Multiple %s addresses found. Please configure one with 'bind' and/or 'advertise'.", what)
}

func clientAddresses(text string) ([]netip.Addr, error) {
	addrs, err := expand("client_addr", text)
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, text := range addrs {
		if strings.HasPrefix(text, "unix:") {
			return nil, errors.New("client_addr cannot be a unix socket: use addresses.http for one")
		}
		a, ok := parseIP(text)
		if !ok {
			return nil, fmt.Errorf("client_addr: not an IP address: %q", text)
		}
		out = append(out, a)
	}
	return out, nil
}

// listeners returns where the API of a name, "http" or "https", listens: addresses.NAME, else client_addr.
func listeners(s *settings, name string, client []netip.Addr) ([]Listener, error) {
	key, port := "addresses."+name, s.integer("ports."+name)
	addrs, err := expand(key, s.str(key))
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		for _, a := range client {
			addrs = append(addrs, a.String())
		}
	}
	var out []Listener
	for _, text := range addrs {
		if path, ok := strings.CutPrefix(text, "unix://"); ok && path != "" {
			out = append(out, Listener{Network: "unix", Address: path})
			continue
		}
		a, ok := parseIP(text)
		if !ok {
			return nil, fmt.Errorf("%s: neither an IP address nor unix://PATH: %q", key, text)
		}
		out = append(out, Listener{Network: "tcp", Address: netip.AddrPortFrom(a, uint16(max(port, 0))).String()})
	}
	if port <= 0 {
		return nil, nil
	}
	return out, nil
}

// checkOverlap finds an address that both HTTP and HTTPS were given.
func checkOverlap(c *Config) error {
	for _, l := range c.HTTPSListeners {
		if slices.Contains(c.HTTPListeners, l) {
			return fmt.Errorf("HTTPS address %s already configured for HTTP", l.Address)
		}
	}
	return nil
}

// unixSockets reads unix_sockets: numeric IDs and an octal mode.
func unixSockets(s *settings) (UnixSocketConfig, error) {
	c := UnixSocketConfig{}
	var err error
	if c.UID, err = numericID(s, "unix_sockets.user"); err != nil {
		return c, err
	}
	if c.GID, err = numericID(s, "unix_sockets.group"); err != nil {
		return c, err
	}
	if text := s.str("unix_sockets.mode"); text != "" {
		mode, err := strconv.ParseUint(text, 8, 32)
		if err != nil || mode > 0o777 {
			return c, fmt.Errorf("unix_sockets.mode: not an octal file mode: %q", text)
		}
		m := os.FileMode(mode)
		c.Mode = &m
	}
	return c, nil
}

// numericID returns a user or group ID, -1 if there is none.
func numericID(s *settings, path string) (int, error) {
	text := s.str(path)
	if text == "" {
		return -1, nil
	}
	id, err := strconv.Atoi(text)
	if err != nil || id < 0 {
		return -1, fmt.Errorf("%s: must be a numeric ID: %q", path, text)
	}
	return id, nil
}
