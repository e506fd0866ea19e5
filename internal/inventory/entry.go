package inventory

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
)

// Format is the format of the entries that are written.
const Format = 1

// MaxEntry is the largest entry that is read or written, in bytes.
const MaxEntry = 1 << 20

// maxReason limits the reason that is put into an entry, in bytes.
const maxReason = 4 << 10

var (
	// ErrEntry marks an entry whose content cannot be used.
	ErrEntry = errors.New("damaged entry")
	// ErrFormat marks an entry of a format that this version does not know. It is sound as far as can be told.
	ErrFormat = errors.New("entry of a newer format")
)

// A Proof says how far a backup is to be trusted.
type Proof string

// The values of Proof.
const (
	Proven   Proof = "proven"   // read back from where it is stored, rebuilt and compared
	Unproven Proof = "unproven" // sound as far as it was looked at; the reason says why no further
	Bad      Proof = "bad"      // failed its proof
)

// A TypeCensus sums up the records of one type.
type TypeCensus struct {
	Type   record.Type `json:"type"`
	Name   string      `json:"name"`
	Count  int64       `json:"count"`
	Bytes  int64       `json:"bytes"`  // type bytes included, the header of the stream not
	Digest string      `json:"digest"` // free of order, in hex

	extra extra
}

// An Entry is what is known about a backup. It is stored as JSON beside the archive. An Entry that was read keeps what it does not know.
type Entry struct {
	Format        int    `json:"format"`
	ID            string `json:"id"`
	Name          string `json:"name"`    // of the archive
	Cluster       string `json:"cluster"` // as ClusterName makes it
	Datacenter    string `json:"datacenter,omitempty"`
	ServerVersion string `json:"server_version,omitempty"`

	Index     uint64       `json:"index"` // of Raft
	Term      uint64       `json:"term"`
	Census    []TypeCensus `json:"census"` // by type
	SHA256    string       `json:"sha256"` // of the archive as it is stored, in hex
	Size      int64        `json:"size"`   // of the archive as it is stored, in bytes
	StateSize int64        `json:"state_size"`
	// Essence is a digest of the content without what changes by itself: see Sum.
	Essence string `json:"essence"`
	// Encryption says how the archive is encrypted; nil if it is not. All that is told of the content is about what was encrypted.
	Encryption *Encryption `json:"encryption,omitempty"`

	Started   time.Time `json:"started"`   // the request for the snapshot
	Saved     time.Time `json:"saved"`     // it had arrived
	Committed time.Time `json:"committed"` // this entry
	// LockIndex is that of the agents' lock key at the commit; 0 without a lock.
	LockIndex uint64 `json:"lock_index"`

	Proof    Proof      `json:"proof"`
	Reason   string     `json:"reason,omitempty"` // why it is not proven
	ProvenAt *time.Time `json:"proven_at,omitempty"`
	// Confirmed is when the cluster was last found to hold still what is in the backup, and no other was made because of that.
	Confirmed *time.Time `json:"confirmed,omitempty"`

	// Previous is what it was compared with: the proven backup before it, or the last one whose size is not in doubt.
	Previous *Compared `json:"previous,omitempty"`
	// CollapseAccepted is when an operator said that it has shrunk for a good reason.
	CollapseAccepted *time.Time `json:"collapse_accepted,omitempty"`

	Writer  string `json:"writer"`            // program and version
	Rebuilt bool   `json:"rebuilt,omitempty"` // made from the archive, after the backup was taken

	extra extra
}

// Fresh is until when the backup is known to be what the cluster held: when it was proven, or last confirmed. It is zero if it is not proven.
func (e *Entry) Fresh() time.Time {
	switch {
	case e.Proof != Proven || e.ProvenAt == nil:
		return time.Time{}
	case e.Confirmed != nil && e.Confirmed.After(*e.ProvenAt):
		return *e.Confirmed
	}
	return *e.ProvenAt
}

// Check tells what is wrong with an entry. The error is an [ErrEntry], or an [ErrFormat].
func (e *Entry) Check() error {
	if e.Format > Format {
		return fmt.Errorf("%w: format %d, this version knows %d: "+
			"use the version of lictor that wrote it, or a newer one", ErrFormat, e.Format, Format)
	}
	for _, check := range []func() error{e.checkNames, e.checkContent, e.checkProof} {
		if err := check(); err != nil {
			return fmt.Errorf("%w: %w", ErrEntry, err)
		}
	}
	return nil
}

func (e *Entry) checkNames() error {
	id, archive := ParseArchiveName(e.Name)
	switch {
	case e.Format != Format:
		return fmt.Errorf("format %d", e.Format)
	case number(e.ID) == 0:
		return fmt.Errorf("id %q is not a number of nanoseconds", e.ID)
	case e.Name == "":
		return errors.New("no name")
	case archive && id != e.ID:
		return fmt.Errorf("id %s does not fit name %q", e.ID, e.Name)
	case e.Cluster == "":
		return errors.New("no cluster")
	}
	return nil
}

func (e *Entry) checkContent() error {
	switch {
	case e.Size <= 0 || e.StateSize < 0:
		return fmt.Errorf("size %d of the archive, %d of its state", e.Size, e.StateSize)
	case !isSHA256(e.SHA256):
		return fmt.Errorf("sha256 %q", e.SHA256)
	case e.Essence != "" && !isSHA256(e.Essence):
		return fmt.Errorf("essence %q", e.Essence)
	case e.Committed.IsZero():
		return errors.New("no time of commit")
	case e.Previous != nil && (number(e.Previous.ID) == 0 || e.Previous.Records < 0 || e.Previous.StateSize < 0):
		return fmt.Errorf("previous id %q with %d records, %d bytes of state", e.Previous.ID, e.Previous.Records, e.Previous.StateSize)
	}
	if err := e.checkEncryption(); err != nil {
		return err
	}
	last := -1
	for _, c := range e.Census {
		if int(c.Type) <= last {
			return fmt.Errorf("type %d of the census is out of order", c.Type)
		}
		last = int(c.Type)
		if c.Count <= 0 || c.Bytes <= 0 || !isSHA256(c.Digest) {
			return fmt.Errorf("census of type %d: count %d, bytes %d, digest %q", c.Type, c.Count, c.Bytes, c.Digest)
		}
	}
	return nil
}

func (e *Entry) checkProof() error {
	switch e.Proof {
	case Proven:
		if e.ProvenAt == nil || e.ProvenAt.IsZero() {
			return errors.New("proven, but not when")
		}
	case Unproven, Bad:
		if e.Reason == "" {
			return fmt.Errorf("%s without a reason", e.Proof)
		}
	default:
		return fmt.Errorf("proof %q is none of proven, unproven, bad", e.Proof)
	}
	return nil
}

func isSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && s == strings.ToLower(s)
}

// clone copies an entry, but for what nobody changes.
func (e *Entry) clone() *Entry {
	c := *e
	return &c
}

// doubt says that the backup is not proven, and why.
func (e *Entry) doubt(p Proof, reason string) {
	if len(reason) > maxReason {
		reason = reason[:maxReason] + "…"
	}
	e.Proof, e.Reason, e.ProvenAt = p, strings.ToValidUTF8(reason, "?"), nil
}
