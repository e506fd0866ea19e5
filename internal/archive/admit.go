package archive

import (
	"archive/tar"
	"fmt"
	"strings"
)

// maxQuoted limits how much of a name from an archive goes into an error.
const maxQuoted = 128

// quote prints a name from an archive as Consul does, cut if it is absurdly long.
func quote(name string) string {
	if len(name) > maxQuoted {
		return fmt.Sprintf("%q...", name[:maxQuoted])
	}
	return fmt.Sprintf("%q", name)
}

// admit judges a member by its header: the three names only, each once, regular files only.
func (rd *reader) admit(hdr *tar.Header) error {
	switch hdr.Name {
	case nameMeta, nameState, nameSums:
	default:
		return corrupt("", rd.in.pos, "%sunexpected file %s in snapshot", stepFile, quote(hdr.Name))
	}
	if isSparse(hdr) {
		return rd.refuse(hdr.Name, "it is stored as a sparse file, only plain regular files are accepted")
	}
	if kind := irregular(hdr.Typeflag); kind != "" {
		return rd.refuse(hdr.Name, "it is "+kind+", only regular files are accepted")
	}
	if rd.seen[hdr.Name] {
		return rd.refuse(hdr.Name, "the archive holds it more than once")
	}
	rd.seen[hdr.Name] = true
	return nil
}

// refuse words a refusal so that it begins as Consul's later one does, where Consul has one.
func (rd *reader) refuse(name, why string) error {
	if name == nameSums {
		return corrupt(name, rd.in.pos, "%s%s: %s", stepSums, name, why)
	}
	return corrupt(name, rd.in.pos, "%shash check failed for %q (%s)", stepIntegrity, name, why)
}

// isSparse recognises the old GNU form and the PAX forms 0.0, 0.1 and 1.0.
func isSparse(hdr *tar.Header) bool {
	if hdr.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range hdr.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// irregular names what is not a regular file; empty for one that is.
func irregular(flag byte) string {
	switch flag {
	case tar.TypeReg, tar.TypeCont:
		return ""
	case tar.TypeSymlink:
		return "a symbolic link"
	case tar.TypeLink:
		return "a hard link"
	case tar.TypeDir:
		return "a directory"
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return "a device"
	default:
		return fmt.Sprintf("of the unknown type %q", flag)
	}
}
