package inventory

import (
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	prefix      = "consul-"
	suffix      = ".snap"
	ageSuffix   = ".age"
	entrySuffix = ".json"
	badSuffix   = ".bad"
)

// ArchiveName is the name of the archive with an ID that is not encrypted.
func ArchiveName(id string) string { return prefix + id + suffix }

// EncryptedName is the name of an encrypted archive with an ID. The generation is 0 for the first, and the time in UNIX milliseconds for
// one that is encrypted anew: so that it does not write over the old one, nor over that of somebody else who does the same.
func EncryptedName(id string, generation int64) string {
	if generation > 0 {
		id += "." + strconv.FormatInt(generation, 10)
	}
	return prefix + id + suffix + ageSuffix
}

// EntryName is the name of the entry of an archive, or of one that was set aside. Archives of one ID have one entry, which names one of
// them. An archive with a fixed name has an entry of its own.
func EntryName(archive string) string {
	name, bad := strings.CutSuffix(archive, badSuffix)
	if id, ok := ParseArchiveName(name); ok {
		name = ArchiveName(id)
	}
	if bad {
		name += badSuffix
	}
	return name + entrySuffix
}

// BadName is the name under which an archive is set aside.
func BadName(archive string) string { return archive + badSuffix }

// ParseArchiveName returns the ID in the name of an archive, encrypted or not, if it is one.
func ParseArchiveName(name string) (id string, ok bool) {
	id, _, _, ok = parseName(name)
	return id, ok
}

// parseName takes the name of an archive apart.
func parseName(name string) (id string, encrypted bool, generation int64, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return "", false, 0, false
	}
	rest, encrypted = strings.CutSuffix(rest, ageSuffix)
	if id, ok = strings.CutSuffix(rest, suffix); !ok {
		return "", false, 0, false
	}
	id, digits, again := strings.Cut(id, ".")
	if again {
		if generation = number(digits); !encrypted || generation == 0 {
			return "", false, 0, false
		}
	}
	if number(id) == 0 {
		return "", false, 0, false
	}
	return id, encrypted, generation, true
}

// number is the nanoseconds of an ID, or 0 if it is none: IDs are positive, fit into 64 bits with sign, and have no leading zeros.
func number(id string) int64 {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != id {
		return 0
	}
	return n
}

// IDTime is the time that an ID stands for, zero if it is not an ID.
func IDTime(id string) time.Time {
	n := number(id)
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// newestID is the largest ID that this process has given out.
var newestID atomic.Int64

// NewID returns an ID for a backup that begins now. It is larger than any that this process has had before and than newest, the newest ID
// in the stores, which may be empty: a clock that was set back must not make the new backup the oldest one.
func NewID(now time.Time, newest string) string {
	for {
		last := newestID.Load()
		id := max(now.UnixNano(), last+1, 1)
		if n := number(newest); n < math.MaxInt64 {
			id = max(id, n+1)
		}
		if newestID.CompareAndSwap(last, id) {
			return strconv.FormatInt(id, 10)
		}
	}
}
