package archive

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// encodeSums gives the bytes of SHA256SUMS.
func encodeSums(meta, state [sha256.Size]byte) []byte {
	return fmt.Appendf(nil, "%x  %s\n%x  %s\n", meta, nameMeta, state, nameState)
}

// sumLine splits a line of SHA256SUMS. fmt's scanner defines what Consul accepts and how it words what it does not: hex
// digits of either case, blanks or tabs, a name; the rest of the line is ignored.
func sumLine(line string) (digest []byte, name string, err error) {
	_, err = fmt.Sscanf(line, "%x  %s", &digest, &name)
	return digest, name, err
}

// checkSums verifies both digests, line by line in the order of the file, and that none is missing.
func (rd *reader) checkSums() error {
	listed := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(rd.sums))
	lines.Buffer(nil, maxSmallMember+1)
	for lines.Scan() {
		digest, name, err := sumLine(lines.Text())
		if err != nil {
			return rd.bad(nameSums, "%v", err)
		}
		if err := rd.checkSum(name, digest); err != nil {
			return err
		}
		listed[name] = true
	}
	if err := lines.Err(); err != nil {
		return rd.bad(nameSums, "%v", err)
	}
	for _, name := range []string{nameMeta, nameState} {
		if !listed[name] {
			return rd.bad(name, "file missing for %q", name)
		}
	}
	return nil
}

func (rd *reader) checkSum(name string, digest []byte) error {
	var sum [sha256.Size]byte
	var size int64
	switch name {
	case nameMeta:
		sum, size = rd.metaSum, rd.metaSize
	case nameState:
		sum, size = rd.stateSum, rd.stateSize
	default:
		return rd.bad(nameSums, "list missing hash for %s", quote(name))
	}
	switch {
	case !rd.seen[name]:
		return rd.bad(name, "hash check failed for %q (SHA256SUMS lists it, the archive does not hold it)", name)
	case len(digest) != sha256.Size:
		return rd.bad(name, "hash check failed for %q (SHA256SUMS has a digest of %d bytes for it, not of %d)",
			name, len(digest), sha256.Size)
	case !bytes.Equal(digest, sum[:]):
		return rd.bad(name, "hash check failed for %q (SHA256SUMS says %s, its %d bytes give %s)",
			name, brief(digest), size, brief(sum[:]))
	}
	return nil
}

// bad makes damage that the sums revealed.
func (rd *reader) bad(member, format string, args ...any) error {
	return corrupt(member, rd.in.pos, "%s%s", stepIntegrity, fmt.Sprintf(format, args...))
}

// brief prints the beginning of a digest: enough to tell two apart.
func brief(digest []byte) string { return hex.EncodeToString(digest[:8]) + "..." }
