package agentconfig

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// taggedAddresses are the operator's own, and over them those that the agent fills in: what it advertises, by network and family.
func taggedAddresses(s *settings, lan, wan netip.Addr) (map[string]string, error) {
	own := map[string]string{"lan": lan.String(), "wan": wan.String()}
	own["lan_"+family(lan)], own["wan_"+family(wan)] = lan.String(), wan.String()
	for _, network := range []struct{ tag, key string }{{"lan", "advertise_addr"}, {"wan", "advertise_addr_wan"}} {
		for _, f := range []string{"ipv4", "ipv6"} {
			path := network.key + "_" + f
			a, err := oneAddress(s, path)
			if err != nil {
				return nil, err
			}
			if !a.IsValid() {
				continue
			}
			if family(a) != f || a.IsUnspecified() {
				return nil, fmt.Errorf("%s: not an %s address to advertise: %q", path, map[string]string{"ipv4": "IPv4", "ipv6": "IPv6"}[f], a)
			}
			own[network.tag+"_"+f] = a.String()
		}
	}
	all := map[string]string{}
	maps.Copy(all, s.mapping("tagged_addresses"))
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if asked, ok := all[name]; ok && asked != own[name] {
			s.warn(fmt.Sprintf("The 'tagged_addresses.%s' field is accepted, but the agent fills it in itself, with %s: "+
				"use advertise_addr and its variants", name, own[name]))
		}
	}
	maps.Copy(all, own)
	return all, nil
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "ipv4"
	}
	return "ipv6"
}
