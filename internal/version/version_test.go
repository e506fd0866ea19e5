package version

import (
	"regexp"
	"runtime/debug"
	"testing"
)

// semver is the grammar published on semver.org, without its named groups.
var semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?` +
	`(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$`)

func TestVersions(t *testing.T) {
	for name, v := range map[string]string{"Lictor": Lictor, "Consul": Consul, "Full": Full} {
		if !semver.MatchString(v) {
			t.Errorf("%s = %q is not a semantic version", name, v)
		}
	}
	if Full != "1.21.4+lictor.0.1.0" {
		t.Errorf("Full = %q", Full)
	}
	if ProtocolDefault < ProtocolMin || ProtocolDefault > ProtocolMax {
		t.Errorf("default protocol %d lies outside %d to %d", ProtocolDefault, ProtocolMin, ProtocolMax)
	}
}

func TestFromSettings(t *testing.T) {
	const hash, when = "0123abc", "2026-01-02T03:04:05Z"
	tests := []struct {
		name     string
		settings []debug.BuildSetting
		want     Build
	}{
		{"nothing recorded", nil, Build{}},
		{"clean tree", []debug.BuildSetting{
			{Key: "vcs.revision", Value: hash}, {Key: "vcs.time", Value: when}, {Key: "vcs.modified", Value: "false"},
		}, Build{Revision: hash, Date: when}},
		{"changed tree", []debug.BuildSetting{
			{Key: "vcs.modified", Value: "true"}, {Key: "vcs.revision", Value: hash},
		}, Build{Revision: hash + "-dirty"}},
		{"changed tree of an unknown commit", []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}, Build{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fromSettings(tt.settings); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
