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
	entrySuffix = ".json"
	badSuffix   = ".bad"
)

// ArchiveName is the name of the archive with an ID.
func ArchiveName(id string) string { return prefix + id + suffix }

// EntryName is the name of the entry that stands beside an archive, or beside one that was set aside.
func EntryName(archive string) string { return archive + entrySuffix }

// BadName is the name under which an archive is set aside.
func BadName(archive string) string { return archive + badSuffix }

// ParseArchiveName returns the ID in the name of an archive, if it is one.
func ParseArchiveName(name string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return "", false
	}
	id, ok = strings.CutSuffix(rest, suffix)
	if !ok || number(id) == 0 {
		return "", false
	}
	return id, true
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
