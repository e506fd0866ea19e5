package backup

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lictor-dr/lictor/internal/record"
)

// Findings are what a Consul 1.21.4 Community Edition server cannot restore of a snapshot that is sound otherwise: it dies of such
// records.
type Findings struct {
	First        error                 // about the first record of all; nil if there is nothing
	UnknownTypes map[record.Type]int64 // records of types that such a server does not know
	LegacyACL    map[record.Type]int64 // records of the ACL system of Consul 1.3 and before
	UnknownKinds map[string]int64      // config entries of kinds that such a server does not know
	Broken       map[record.Type]int64 // records that break a rule, such as a key without a name
	FirstBroken  error                 // about the first of these
	Allowed      map[record.Type]int64 // records of unknown types that were to be let through; not a finding
}

// Warnings describe the findings, one line for each kind of them: what, how many, and what it means for a restore.
func (f *Findings) Warnings() []string {
	var lines []string
	if n := total(f.UnknownTypes); n > 0 {
		lines = append(lines, fmt.Sprintf("the snapshot holds %s that Consul 1.21.4 Community Edition does not know (%s); "+
			"such a server dies of them, so a restore refuses the snapshot. If the target knows these types: snapshot restore -allow-types=%s",
			records(n), TypeCounts(f.UnknownTypes), TypeList(f.UnknownTypes)))
	}
	if n := total(f.LegacyACL); n > 0 {
		lines = append(lines, fmt.Sprintf("the snapshot holds %s of the ACL system of Consul 1.3 and before (%s); "+
			"a Consul server since 1.15 dies of them, so a restore refuses the snapshot. To leave them out: snapshot restore -drop-legacy-acl",
			records(n), TypeCounts(f.LegacyACL)))
	}
	if n := total(f.UnknownKinds); n > 0 {
		lines = append(lines, fmt.Sprintf("the snapshot holds %s of kinds that Consul 1.21.4 Community Edition does not know (%s); "+
			"such a server dies of them, so a restore refuses the snapshot. Delete them in the cluster and save again for a snapshot that can be restored",
			plural(n, "config entry", "config entries"), kindCounts(f.UnknownKinds)))
	}
	if n := total(f.Broken); n > 0 {
		lines = append(lines, fmt.Sprintf("the snapshot holds %s that a Consul 1.21.4 server dies of (%s), so a restore refuses it. "+
			"The first is %v. Mend it in the cluster and save again for a snapshot that can be restored",
			records(n), TypeCounts(f.Broken), f.FirstBroken))
	}
	return lines
}

// TypeCounts lists types by number and name, with how many records there are of each.
func TypeCounts(counts map[record.Type]int64) string {
	var parts []string
	for _, t := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("type %d %s: %d", t, t, counts[t]))
	}
	return strings.Join(parts, ", ")
}

// TypeList lists types by number, as -allow-types takes them.
func TypeList(counts map[record.Type]int64) string {
	var parts []string
	for _, t := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, strconv.Itoa(int(t)))
	}
	return strings.Join(parts, ",")
}

func kindCounts(counts map[string]int64) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%q: %d", kind, counts[kind]))
	}
	return strings.Join(parts, ", ")
}

func total[K comparable](counts map[K]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func records(n int64) string { return plural(n, "record", "records") }

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
