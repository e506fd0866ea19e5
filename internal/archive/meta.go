package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Meta is meta.json: what Raft knows about a snapshot. Field names, order and types are those of the file.
type Meta struct {
	// Version is the version of this metadata, 1 in every snapshot that can be restored. It is not Consul's version.
	Version int
	// ID is TERM-INDEX-MILLIS by convention and opaque to a restore.
	ID string
	// Index is the Raft index of the last log entry that the snapshot covers.
	Index uint64
	// Term is the Raft term of that entry.
	Term uint64
	// Peers is the old form of the server list: a msgpack array of the addresses of the voters.
	Peers []byte
	// Configuration is the Raft configuration at Index.
	Configuration Configuration
	// ConfigurationIndex is the index of the log entry that set Configuration.
	ConfigurationIndex uint64
	// Size is the length of state.bin in bytes.
	Size int64
}

// Configuration lists the servers of a Raft cluster, in Raft's order.
type Configuration struct {
	Servers []Server
}

// Server is one server of a Raft configuration.
type Server struct {
	// Suffrage is one of Voter, Nonvoter and Staging.
	Suffrage Suffrage
	// ID is the node ID of the server.
	ID string
	// Address is the host:port of its RPC port.
	Address string
}

// Suffrage tells whether a server votes.
type Suffrage int

// The values of Suffrage.
const (
	Voter Suffrage = iota
	Nonvoter
	Staging
)

// Encode gives the bytes of meta.json as Consul writes them: one line, ended by a line feed.
func (m *Meta) Encode() ([]byte, error) {
	var buf bytes.Buffer
	if err := json.NewEncoder(&buf).Encode(m); err != nil {
		return nil, fmt.Errorf("encode meta.json: %w", err)
	}
	return buf.Bytes(), nil
}

// decodeMeta reads meta.json as leniently as Consul does: any case, unknown and missing fields, null.
func decodeMeta(data []byte) (*Meta, error) {
	// The name of the type appears in the errors of encoding/json; operators know it as SnapshotMeta.
	type SnapshotMeta Meta
	var m SnapshotMeta
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	return (*Meta)(&m), nil
}

const restorePrefix = "Raft error when restoring snapshot: "

// CheckSize compares the length of state.bin with Size. The error satisfies ErrNotRestorable and has Consul's text.
func (m *Meta) CheckSize(actual int64) error {
	if actual == m.Size {
		return nil
	}
	return notRestorable("failed to write snapshot, size didn't match (%d != %d)", actual, m.Size)
}

// CheckRestorable says whether Consul's Raft layer would take a snapshot with this metadata, whose state.bin has
// actualSize bytes: version first, then size. The error satisfies ErrNotRestorable and has Consul's text.
func (m *Meta) CheckRestorable(actualSize int64) error {
	switch m.Version {
	case 1:
		return m.CheckSize(actualSize)
	case 0:
		return notRestorable("failed to create snapshot: unsupported snapshot version 0")
	default:
		return notRestorable("unsupported snapshot version %d", m.Version)
	}
}

func notRestorable(format string, args ...any) error {
	return &Error{Member: nameMeta, kind: ErrNotRestorable, text: restorePrefix + fmt.Sprintf(format, args...)}
}
