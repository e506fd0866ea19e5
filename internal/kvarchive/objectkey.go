package kvarchive

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// DefaultPrefix is the first part of the names of archives, if CONSUL_SNAPSHOT_UPLOAD_PREFIX does not say otherwise.
const DefaultPrefix = "backups"

// Object is what the name of an archive in a bucket tells.
type Object struct {
	Prefix string    // what comes before the date; empty for 0.1.0, which put archives at the root
	Host   string    // on which the backup was made; empty before 0.2.2
	Time   time.Time // when the backup began, to the second
	KVOnly bool      // an archive of 0.1, which has nothing but keys
}

// ArchiveName is the base name of an archive without its extension, and the name of the directory in it.
func ArchiveName(host string, t time.Time) string {
	return fmt.Sprintf("%s.consul.snapshot.%d", host, t.Unix())
}

// ObjectKey is the name that consul-snapshot 0.3.1 gives an archive in a bucket. The date is that of t in its own time zone, for which
// the real tool takes the host's; its numbers are not padded. An empty prefix is left as it is, which makes a name that begins with a
// slash; see DefaultPrefix.
func ObjectKey(prefix, host string, t time.Time) string {
	return fmt.Sprintf("%s/%d/%d/%d/%s.tar.gz", prefix, t.Year(), t.Month(), t.Day(), ArchiveName(host, t))
}

var (
	keysFile    = regexp.MustCompile(`^consul\.backup\.([0-9]{1,12})\.gz$`)
	archiveFile = regexp.MustCompile(`^(?:(.+)\.)?consul\.snapshot\.([0-9]{1,12})\.tar\.gz$`)
	dateDir     = regexp.MustCompile(`(?:^|/)[0-9]{4,}/(?:[0-9]{1,2}|[A-Z][a-z]{2,8})/[0-9]{1,2}$`)
)

// ParseObjectKey reads the name of an archive, of any generation: in a bucket, or of a file. It returns false for other names, also for
// acceptancetest.tar.gz, which says nothing. The date in the directories is not compared with the time: it depends on the host's zone.
func ParseObjectKey(key string) (Object, bool) {
	dir, base := path.Split(key)
	dir = strings.TrimSuffix(dir, "/")
	o := Object{Prefix: dir}
	if at := dateDir.FindStringIndex(dir); at != nil {
		o.Prefix = dir[:at[0]]
	}
	var seconds string
	if m := keysFile.FindStringSubmatch(base); m != nil {
		o.KVOnly, seconds = true, m[1]
	} else if m := archiveFile.FindStringSubmatch(base); m != nil {
		o.Host, seconds = m[1], m[2]
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return Object{}, false
	}
	o.Time = time.Unix(n, 0)
	return o, true
}

// InBucket tells whether a directory at the top of a bucket, or of what lies below a prefix there, may hold archives: that of
// [DefaultPrefix], and years.
func InBucket(dir string) bool { return dir == DefaultPrefix || yearDir.MatchString(dir) }

var yearDir = regexp.MustCompile(`^[0-9]{4}$`)
