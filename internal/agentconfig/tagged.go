package agentconfig

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// taggedAddresses are the operator's own, and over them those that the agent fills in: what it advertises, by network and family.
func taggedAddresses(s *settings, advertise netip.Addr) (map[string]string, error) {
	own := map[string]string{"lan": advertise.String(), "wan": advertise.String()}
	own["lan_"+family(advertise)], own["wan_"+family(advertise)] = advertise.String(), advertise.String()
	for _, f := range []string{"ipv4", "ipv6"} {
		path := "advertise_addr_" + f
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
		own["lan_"+f] = a.String()
	}
	all := map[string]string{}
	maps.Copy(all, s.mapping("tagged_addresses"))
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if asked, ok := all[name]; ok && asked != own[name] {
			s.warn(fmt.Sprintf("The 'tagged_addresses.%s' field is accepted, but the agent fills it in itself, with %s: "+
				"use advertise_addr, advertise_addr_ipv4 or advertise_addr_ipv6", name, own[name]))
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
