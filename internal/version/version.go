package version

import "runtime/debug"

const (
	// Lictor is this release's own version, without a leading v.
	Lictor = "0.1.0"
	// Consul is the release of Consul whose API, command line and snapshot
	// format are followed.
	Consul = "1.21.4"
	// Prerelease is the marker of an unfinished release; empty for a release.
	Prerelease = ""
	// Metadata is the semantic-version build metadata that tells Lictor from
	// the Consul it follows.
	Metadata = "lictor." + Lictor
	// Full is what stands wherever Consul's API, tags or JSON give a version.
	Full = Consul + "+" + Metadata
)

// The versions of Consul's agent protocol that are spoken.
const (
	ProtocolDefault = 2
	ProtocolMin     = 2
	ProtocolMax     = 3
)

// Build tells from which commit the running binary was made. Its fields are
// empty when the toolchain recorded nothing, as for a test binary.
type Build struct {
	// Revision is the commit's full hash, with the suffix "-dirty" if the
	// tree had changes.
	Revision string
	// Date is the commit's time in RFC 3339.
	Date string
}

// ReadBuild returns the build information recorded in the running binary.
func ReadBuild() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Build{}
	}
	return fromSettings(info.Settings)
}

func fromSettings(settings []debug.BuildSetting) Build {
	var b Build
	dirty := false
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			dirty = s.Value == "true"
		}
	}
	if dirty && b.Revision != "" {
		b.Revision += "-dirty"
	}
	return b
}
