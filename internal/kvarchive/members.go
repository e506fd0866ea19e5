package kvarchive

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// documentKey tells documents of several runs in one archive apart, see Archive.Other.
type documentKey struct {
	name, started string
}

// members is what a tar stream held.
type members struct {
	meta      *metadata
	documents map[documentKey]*Document
	other     []string
}

// readMembers reads an archive of 0.2 or 0.3.
func (a *Archive) readMembers(r io.Reader) error {
	m := &members{documents: map[documentKey]*Document{}}
	tr := tar.NewReader(r)
	for n := 0; ; n++ {
		hdr, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // admit tells
			return err
		}
		if n == maxMembers {
			return corrupt("the archive has more than %d members", maxMembers)
		}
		if err := admit(hdr); err != nil {
			return err
		}
		if err := a.readMember(m, hdr, tr); err != nil {
			return err
		}
	}
	if err := onlyZeros(r); err != nil {
		return err
	}
	return a.settle(m)
}

// admit judges a member by its header.
func admit(hdr *tar.Header) error {
	elements := strings.FieldsFunc(hdr.Name, func(c rune) bool { return c == '/' || c == '\\' })
	switch {
	case slices.Contains(elements, ".."), strings.HasPrefix(hdr.Name, "/"), strings.HasPrefix(hdr.Name, `\`):
		return corrupt("the archive has a member %s, whose name leads out of the archive's directory: consul-snapshot wrote no such "+
			"archive, do not trust it", quote(hdr.Name))
	case hdr.Typeflag == tar.TypeGNUSparse, hasSparse(hdr):
		return corrupt("the archive has a sparse member %s: consul-snapshot writes none", quote(hdr.Name))
	case hdr.Typeflag != tar.TypeReg && hdr.Typeflag != tar.TypeDir:
		return corrupt("the archive has a member %s that is neither a file nor a directory: consul-snapshot writes none", quote(hdr.Name))
	}
	return nil
}

func hasSparse(hdr *tar.Header) bool {
	for key := range hdr.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func (a *Archive) readMember(m *members, hdr *tar.Header, r io.Reader) error {
	base := path.Base(hdr.Name)
	if hdr.Typeflag == tar.TypeDir {
		return nil
	}
	if base == metaFile {
		return m.readMeta(hdr, r)
	}
	match := documentFile.FindStringSubmatch(base)
	if match == nil {
		if len(m.other) < maxNames {
			m.other = append(m.other, quote(hdr.Name))
		}
		return nil
	}
	key := documentKey{match[1], match[2]}
	if m.documents[key] != nil {
		return corrupt("the archive has two documents %s", base)
	}
	d, err := a.keep(r)
	if err != nil {
		return err
	}
	d.Name = base
	m.documents[key] = d
	return nil
}

// others names what was not taken: documents of other runs, and what is none.
func (m *members) others() []string {
	var runs []string
	for _, d := range m.documents {
		runs = append(runs, quote(d.Name))
	}
	slices.Sort(runs)
	all := append(m.other, runs...)
	return all[:min(len(all), maxNames)]
}

func (m *members) readMeta(hdr *tar.Header, r io.Reader) error {
	if m.meta != nil {
		return corrupt("the archive has two files %s", metaFile)
	}
	if hdr.Size > maxMeta {
		return corrupt("%s has %d bytes, more than the %d that are read", metaFile, hdr.Size, maxMeta)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.meta = new(metadata)
	if err := json.Unmarshal(text, m.meta); err != nil {
		return corrupt("%s cannot be read: %s", metaFile, faultOf(err))
	}
	return nil
}

// onlyZeros reads what follows the end of the tar stream, which is padding.
func onlyZeros(r io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if slices.ContainsFunc(buf[:n], func(c byte) bool { return c != 0 }) {
			return corrupt("other bytes follow the end of the archive")
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// settle takes the documents that meta.json speaks of, and compares their checksums.
func (a *Archive) settle(m *members) error {
	if len(m.documents) == 0 {
		if slices.Contains(m.other, `"state.bin"`) {
			return corrupt("this is no archive of consul-snapshot, but one of consul snapshot save")
		}
		return corrupt("this is no archive of consul-snapshot: it has none of its documents")
	}
	if m.meta == nil {
		return corrupt("the archive has no %s, and so no checksums", metaFile)
	}
	a.Version, a.NodeName = m.meta.ConsulSnapshotVersion, m.meta.NodeName
	a.Started, a.Ended = time.Unix(m.meta.StartTime, 0), time.Unix(m.meta.EndTime, 0)
	for k := range kinds {
		if err := a.take(m, k); err != nil {
			return err
		}
	}
	a.Other = m.others()
	return a.something()
}

// take finds a document of the run that meta.json describes. It may be absent only if meta.json has no checksum for it either, and if it
// is not the one of the keys.
func (a *Archive) take(m *members, k Kind) error {
	name := k.file(m.meta.StartTime)
	match := documentFile.FindStringSubmatch(name)
	want := *m.meta.sum(k)
	if match == nil {
		return corrupt("%s has the start time %d, which no backup has", metaFile, m.meta.StartTime)
	}
	key := documentKey{match[1], match[2]}
	d := m.documents[key]
	switch {
	case d == nil && want == "" && k != Keys:
		return nil
	case d == nil:
		return corrupt("the archive lacks %s, the document of the %s", name, k)
	case want == "":
		return corrupt("%s has no checksum of %s, so that it cannot be verified", metaFile, name)
	case !strings.EqualFold(want, d.SHA256):
		return corrupt("%s is not what was saved: its SHA-256 is %s, and %s says %.80s; the archive was changed or damaged after it was "+
			"made, take another one", name, d.SHA256, metaFile, quoteSum(want))
	}
	a.documents[k] = *d
	delete(m.documents, key)
	return nil
}

// quoteSum prints what should be a digest.
func quoteSum(sum string) string {
	if strings.Trim(sum, "0123456789abcdefABCDEF") == "" {
		return sum
	}
	return quote(sum)
}

// something refuses an archive in which nothing is but null.
func (a *Archive) something() error {
	for _, d := range a.documents {
		if d.Name != "" && !d.Null {
			return nil
		}
	}
	return ErrNothingSaved
}
