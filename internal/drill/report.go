package drill

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/version"
)

// A Proof is what is known of a backup.
type Proof string

// The outcomes of a drill.
const (
	Proven   Proof = "proven"   // all was rebuilt and compared, and is the same
	Unproven Proof = "unproven" // it could not be found out; the reason says why
	Bad      Proof = "bad"      // the archive is damaged, or what was rebuilt is not what is in it
)

const engineName = "lictor " + version.Lictor

// A Report is the outcome of a drill.
type Report struct {
	Proof  Proof
	Reason string `json:",omitempty"` // why it is not proven
	Engine string // what the archive was rebuilt in

	Records   int64 // in the archive
	Facts     int64 // objects that were compared with what the API answered
	StateSize int64 // of the stream of records, in bytes
	Families  digest.Set

	// Differences are those between the archive and what it should hold, and then Tables and Answers in short.
	Differences []digest.Difference `json:",omitempty"`
	Tables      []Mismatch          `json:",omitempty"` // between the archive and what the tables encode afresh
	Answers     []Mismatch          `json:",omitempty"` // between the archive and what the API answers
	Mismatches  int64               `json:",omitempty"` // how many Tables and Answers would have, if all were named

	// ByBytes are the records that are carried without interpretation: their bytes were compared with what the engine wrote out, which are
	// the bytes that it had kept.
	ByBytes map[string]int64 `json:",omitempty"`
	// Completed are the types of records that are the same but for fields that the archive lacks, and that are written out empty.
	Completed []string `json:",omitempty"`

	Duration   time.Duration
	PeakMemory int64 `json:",omitempty"` // of the child process, in bytes; 0 if there was none

	Consul *Report `json:",omitempty"` // of the drill with a real Consul, if there was one
}

// Proven tells whether the engine has everything that the archive holds, and nothing else.
func (r *Report) Proven() bool { return r.Proof == Proven }

// conclude makes the outcome of what was found and, with err, of what could not be.
func (r *Report) conclude(err error) {
	read := len(r.Differences)
	for _, m := range slices.Concat(r.Tables, r.Answers) {
		r.Differences = append(r.Differences, digest.Difference{Type: familyTypes[m.Family], Name: m.Name, What: m.What})
	}
	switch unknown := r.unknown(); {
	case read > 0:
		r.become(Bad, "%s, %s: %s", r.Differences[0].Type, r.Differences[0].Name, r.Differences[0].What)
	case len(r.Tables) > 0:
		r.become(Bad, "what the tables encode: %s", r.Tables[0])
	case len(r.Answers) > 0:
		r.become(Bad, "what the API answers: %s", r.Answers[0])
	case err != nil && damaged(err):
		r.become(Bad, "%v", err)
	case err != nil:
		r.become(Unproven, "%v", err)
	case unknown != "":
		r.become(Unproven, "records that Lictor does not know, and has compared by their bytes alone: %s", unknown)
	}
}

func (r *Report) become(p Proof, format string, args ...any) {
	r.Proof, r.Reason = p, strings.TrimSpace(fmt.Sprintf(format, args...))
}

// unknown lists the types that nothing is known about, with their number of records.
func (r *Report) unknown() string {
	var all []string
	for _, t := range slices.Sorted(maps.Keys(r.Families)) {
		if !t.Restorable() {
			all = append(all, fmt.Sprintf("%d of type %d (%s)", r.Families[t].Count, uint8(t), t))
		}
	}
	return strings.Join(all, ", ")
}

// familyTypes are the types of the records that families of facts come from.
var familyTypes = func() map[string]record.Type {
	types := map[string]record.Type{familyNode: record.TypeRegister, familyService: record.TypeRegister, familyCheck: record.TypeRegister,
		familyCoordinate: record.TypeCoordinates}
	for i := range 256 {
		types[record.Type(i).String()] = record.Type(i)
	}
	for t, family := range served {
		types[family.family] = t
	}
	return types
}()

// byBytes counts the records that have no table but their bytes.
func byBytes(families digest.Set) map[string]int64 {
	kept := map[string]int64{}
	for t, f := range families {
		if !tabled[t] {
			kept[t.String()] = f.Count
		}
	}
	return kept
}

// tabled are the types whose records are decoded into tables.
var tabled = map[record.Type]bool{
	record.TypeRegister: true, record.TypeKVS: true, record.TypeTombstone: true, record.TypeSession: true, record.TypeCoordinates: true,
	record.TypePreparedQuery: true, record.TypeAutopilot: true, record.TypeIndex: true, record.TypeACLToken: true, record.TypeACLPolicy: true,
	record.TypeACLRole: true, record.TypeACLBindingRule: true, record.TypeACLAuthMethod: true, record.TypeSystemMetadata: true,
}
