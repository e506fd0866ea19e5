package comparison

import (
	"testing"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

func TestCarried(t *testing.T) {
	unknown := func(b ...byte) *record.Opaque { return &record.Opaque{Type: 99, Value: b} }
	ip := func(ip string, at uint64) *record.Opaque {
		service := opaqueMap(0, "Peer", "", "ServiceName", opaqueMap(0, "Name", "web").Value).Value
		return opaqueMap(record.TypeServiceVirtualIP, "IP", ip, "ModifyIndex", at, "Service", service)
	}
	oldIP := opaqueMap(record.TypeServiceVirtualIP, "IP", "1", "ModifyIndex", uint64(4), "Service", opaqueMap(0, "Name", "web").Value)
	counter := func(ip string) *record.Opaque {
		return opaqueMap(record.TypeFreeVirtualIP, "IP", ip, "IsCounter", true)
	}
	secrets := func(s string) *record.Opaque {
		return &record.Opaque{Type: record.TypePeeringSecrets, Value: msgpack.AppendString(nil, "\x0a\x01p\x12"+string(rune(len(s)))+s)}
	}
	peering := func(state, at, stream byte) *record.Opaque {
		return &record.Opaque{Type: record.TypePeering,
			Value: msgpack.AppendString(nil, string([]byte{0x0a, 1, 'i', 0x12, 1, 'n', 0x30, state, 0x58, 3, 0x60, at, 0x6a, 1, stream}))}
	}
	for _, c := range []comparisonCase{
		{"a config entry in another order", []any{configEntryOf("service-defaults", "web", 30, false)},
			[]any{configEntryOf("service-defaults", "web", 30, true)}, Expect{}, ""},
		{"a config entry whose hash was computed anew", []any{hashed("1")}, []any{hashed("2")}, Expect{}, ""},
		{"a config entry changed since", []any{configEntryOf("service-defaults", "web", 30, false)},
			[]any{configEntryOf("service-defaults", "web", 101, false, "Expose")}, Expect{},
			"since: changed config entry service-defaults/web @101"},
		{"a config entry changed without its index", []any{configEntryOf("service-defaults", "web", 30, false)},
			[]any{configEntryOf("service-defaults", "web", 30, false, "Expose")}, Expect{}, "changed config entry service-defaults/web"},
		{"a config entry is gone", []any{configEntryOf("service-defaults", "web", 30, false)}, []any{index("config-entries", 101)}, Expect{},
			"missing config entry service-defaults/web"},
		{"unknown records alike", []any{unknown(1), unknown(2), unknown(1)}, []any{unknown(1), unknown(1), unknown(2)}, Expect{}, ""},
		{"an unknown record less", []any{unknown(1), unknown(1)}, []any{unknown(1)}, Expect{},
			"missing Unknown(99) record #" + object.Fingerprint([]byte{1})},
		{"an unknown record with a name", []any{opaqueMap(99, "Name", "x", "Size", 1)}, []any{opaqueMap(99, "Name", "x", "Size", 2)}, Expect{},
			"changed Unknown(99) record x"},
		{"an unknown record with an index", []any{opaqueMap(99, "Name", "x", "ModifyIndex", uint64(5))},
			[]any{opaqueMap(99, "Name", "x", "ModifyIndex", uint64(105))}, Expect{}, "since: changed Unknown(99) record x @105"},
		{"a virtual IP in its old form", []any{oldIP}, []any{ip("1", 4)}, Expect{}, ""},
		{"a virtual IP is another one", []any{ip("1", 4)}, []any{ip("2", 4)}, Expect{}, "changed virtual IP web"},
		{"the counter of virtual IPs", []any{counter("1")}, []any{counter("2")}, Expect{}, "changed free virtual IP counter"},
		{"the counter, written since", []any{counter("1")}, []any{counter("2"), index("service-virtual-ips", 103)}, Expect{},
			"since: changed free virtual IP counter @103"},
		{"a virtual IP is set free with its service", []any{ip("1", 4)},
			[]any{opaqueMap(record.TypeFreeVirtualIP, "IP", "\x0a\x00\x00\x01", "IsCounter", false),
				index("peer.~:service_last_extinction", 104)}, Expect{},
			"since: added free virtual IP 10.0.0.1 @104\nsince: deleted virtual IP web @104"},
		{"a virtual IP is lost", []any{ip("1", 4)}, []any{index("services", 104)}, Expect{}, "missing virtual IP web"},
		{"the secrets of a peering", []any{secrets("a")}, []any{secrets("b")}, Expect{}, "changed peering secret of peering p"},
		{"the stream of a peering", []any{peering(1, 3, 1)}, []any{peering(1, 3, 2)}, Expect{}, ""},
		{"a peering changed since", []any{peering(1, 3, 1)}, []any{peering(2, 101, 1)}, Expect{}, "since: changed peering n @101"},
		{"a peering changed without its index", []any{peering(1, 3, 1)}, []any{peering(2, 3, 1)}, Expect{}, "changed peering n"},
	} {
		t.Run(c.name, c.run)
	}
}
