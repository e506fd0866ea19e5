package house

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// layer is a set of packages and what they may import of the module.
type layer struct {
	name     string
	siblings bool // whether its packages may import each other
	packages []string
}

// layers are all packages, top down. A package imports from lower layers only, and from its own where the layer
// says so. Every package under internal stands here; a directory of commands may be a pattern.
var layers = []layer{
	{"commands", false, []string{"cmd/*", "scripts/*", "internal/compare", "internal/clientsuite"}},
	{"jobs", true, []string{
		"internal/agent", "internal/backup", "internal/restore", "internal/demo", "internal/soak", "internal/chaos", "internal/walkthrough", "internal/tlsmatrix", "internal/drill", "internal/server", "internal/interop",
		"internal/election", "internal/registration", "internal/retrieval", "internal/rekey", "internal/snapshotagent", "internal/consulsnapshot",
	}},
	{"concepts", true, []string{
		"internal/archive", "internal/record", "internal/preflight", "internal/inspect", "internal/querytemplate",
		"internal/state", "internal/fsm", "internal/snapstore", "internal/httpapi", "internal/agentconfig",
		"internal/logging", "internal/datadir", "internal/recordjson", "internal/digest", "internal/acl", "internal/aclresolve", "internal/agenttoken", "internal/aclreplicate",
		"internal/coordinate", "internal/preparedquery",
		"internal/telemetry", "internal/userevent", "internal/meshca", "internal/definition", "internal/healthcheck", "internal/localstate",
		"internal/blobstore", "internal/storetest", "internal/inventory", "internal/encryption", "internal/alarm", "internal/scratch", "internal/snapshotconfig",
		"internal/kvarchive", "internal/kvjson", "internal/selective", "internal/undofile", "internal/comparison", "internal/object", "internal/diff", "internal/serverport", "internal/gossip", "internal/history", "internal/forward", "internal/retryjoin", "internal/tlsconf", "internal/certauthority", "internal/retention",
	}},
	{"leaves", false, []string{
		"internal/msgpack", "internal/golden", "internal/tlstest", "internal/testproc", "internal/atomicfile", "internal/version", "internal/progress", "internal/house", "internal/clock", "internal/diskspace", "internal/nameless", "internal/priority",
	}},
}

// layerOf returns the index of a package's layer, or -1.
func layerOf(dir string) int {
	return slices.IndexFunc(layers, func(l layer) bool {
		return slices.ContainsFunc(l.packages, func(pattern string) bool {
			ok, err := path.Match(pattern, dir)
			return ok && err == nil
		})
	})
}

// tableFaults finds packages that are in no layer. The root is one: it may hold its documentation.
func tableFaults(tree []source) []string {
	var faults []string
	for _, dir := range directories(tree) {
		if dir != "." && layerOf(dir) < 0 {
			faults = append(faults, fmt.Sprintf("package %s is in no layer: decide which it belongs to and add it to "+
				"the table in internal/house/layers_test.go (commands, jobs, concepts or leaves)", dir))
		}
	}
	return faults
}

// layerFaults finds imports that do not point down, those of tests included.
func layerFaults(tree []source) []string {
	var faults []string
	for _, s := range tree {
		for _, imported := range s.imports() {
			to, ours := strings.CutPrefix(imported, module+"/")
			if imported == module {
				to, ours = ".", true
			}
			if !ours || to == s.dir() { // an external test imports its own package
				continue
			}
			if why := refuseImport(s.dir(), to); why != "" {
				faults = append(faults, fmt.Sprintf("%s imports %s: %s", s.path, to, why))
			}
		}
	}
	return faults
}

// refuseImport tells why one package must not import another, or nothing if it may.
func refuseImport(from, to string) string {
	const advice = "; move what is shared down a layer, or declare the interface where it is used"
	f, t := layerOf(from), layerOf(to)
	switch {
	case from == ".":
		return "the root holds documentation and imports nothing"
	case f < 0 || t < 0:
		return "" // tableFaults tells, or the compiler
	case t < f:
		return fmt.Sprintf("%s must not import %s%s", layers[f].name, layers[t].name, advice)
	case t == f && !layers[f].siblings:
		return fmt.Sprintf("%s must not import each other%s", layers[f].name, advice)
	}
	return ""
}

// consulFaults finds imports of Consul's own modules. Its API client is free to use; the server's source is not.
func consulFaults(tree []source) []string {
	const consul, api = "github.com/hashicorp/consul", "github.com/hashicorp/consul/api"
	within := func(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }
	var faults []string
	for _, s := range tree {
		for _, imported := range s.imports() {
			if within(imported, consul) && !within(imported, api) {
				faults = append(faults, fmt.Sprintf("%s imports %s: only %s may be used, for the license of the rest "+
					"is not a free one", s.path, imported, api))
			}
		}
	}
	return faults
}
