package kvarchive

import (
	"regexp"
	"strconv"
)

// FormatVersion is the version of consul-snapshot whose layout a Writer writes, and which its archives carry.
const FormatVersion = "0.3.1"

// MaxSealed is how large an encrypted archive may be, in bytes. One seal cannot be written or checked in parts, so that it is held in
// memory.
const MaxSealed = 512 << 20

// Bounds of an archive that is read.
const (
	maxMeta     = 1 << 20  // bytes of meta.json
	maxMembers  = 100_000  // local mode of the real tool leaves four more with each run
	maxUnpacked = 64 << 30 // bytes of the tar stream
	maxElement  = 64 << 20 // bytes of one entry of a document
	maxNames    = 20       // names of other members that are kept
)

// Kind is one of the documents in an archive.
type Kind int

// The documents, in the order in which a Writer writes them.
const (
	LegacyACLs Kind = iota // ACLs as they were before Consul 1.4
	Keys                   // the key/value store
	Queries                // prepared queries
	ACLs                   // tokens, policies and roles since Consul 1.4; not of the real tool
	kinds
)

// names are as in the names of files.
var names = [kinds]string{LegacyACLs: "acl", Keys: "kv", Queries: "pq", ACLs: "acl-v2"}

func (k Kind) String() string {
	return [kinds]string{"legacy ACLs", "keys", "prepared queries", "ACLs"}[k]
}

// file is the base name of a document in the archive of a time.
func (k Kind) file(started int64) string {
	return "consul." + names[k] + "." + strconv.FormatInt(started, 10) + ".json"
}

const metaFile = "meta.json"

var documentFile = regexp.MustCompile(`^consul\.(kv|pq|acl|acl-v2)\.([0-9]{1,19})\.json$`)

// metadata is meta.json. The fields stand in the order in which the real tool writes them; the last is ours.
type metadata struct {
	ACLSha256             string
	ConsulSnapshotVersion string
	EndTime               int64
	KVSha256              string
	NodeName              string
	PQSha256              string
	StartTime             int64
	ACLV2Sha256           string `json:",omitempty"`
}

// sum is where the digest of a document stands.
func (m *metadata) sum(k Kind) *string {
	return [kinds]*string{LegacyACLs: &m.ACLSha256, Keys: &m.KVSha256, Queries: &m.PQSha256, ACLs: &m.ACLV2Sha256}[k]
}
