package snapshotconfig

import (
	"strings"
	"testing"
)

// Whatever a file holds, it is read or refused, without a panic, and what is read again as the flags' file gives the same.
func FuzzDecodeFile(f *testing.F) {
	f.Add(everyKeyJSON, false)
	f.Add(everyKeyHCL, true)
	f.Add(`{"snapshot_agent": null}`, false)
	f.Add(`snapshot_agent { login { meta { a = "b" } } backup_destinations = [] }`, true)
	f.Add(`snapshot_agent "x" { log "y" {} }`, true)
	f.Add("snapshot_agent { token = <<EOF\nx\nEOF\n}", true)
	f.Add(`{"snapshot_agent": {"snapshot": {"retain": 1e300, "interval": -0}, "drill": {"memory": 9e15}}}`, false)
	f.Fuzz(func(t *testing.T, text string, isHCL bool) {
		name := "c.json"
		if isHCL {
			name = "c.hcl"
		}
		raw, err := source{name, []byte(text)}.parse()
		if err != nil {
			if !strings.HasPrefix(err.Error(), "failed to parse "+name+": ") {
				t.Errorf("error without the file: %v", err)
			}
			return
		}
		got, err := decode(name, raw)
		if err != nil {
			return
		}
		s := &settings{set: values{}}
		s.add(got)
		s.refuseUnserved()
		c := &Config{}
		s.setSnapshot(c)
		s.setAgent(c)
		s.setConnection(c)
		s.setDestinations(c)
		if len(s.faults) == 0 && c.Destinations.Count() == 0 {
			t.Error("a configuration without destination is accepted")
		}
		_ = c.Banner("x")
	})
}

func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"1", "512MB", "2 GiB", "auto", "-1", "9223372036854775807T", "BK", "1BB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := parseSize(text); err == nil && v != nil && v.(int64) <= 0 {
			t.Errorf("%q is %d bytes", text, v)
		}
	})
}
