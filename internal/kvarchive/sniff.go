package kvarchive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// A Start tells what a file is, as far as its first bytes do.
type Start struct {
	// Old tells that it is an archive of consul-snapshot, sound or not: Open is the one to judge it.
	Old bool
	// Encrypted tells that such an archive is encrypted.
	Encrypted bool
	// Looks says in a few words what a file is that nothing in Lictor reads. It is empty if the file may be a snapshot of Consul, also a
	// damaged one, which its own reader judges: of any bytes of which nothing is known, too.
	Looks string
}

// sniffed is how much of a file is looked at, and of what it unpacks to.
const (
	sniffed        = 64 << 10
	unpackedLooked = 256 << 10
)

// Sniff looks at the start of a stream. whole gives all of the stream, also if it fails later.
func Sniff(r io.Reader) (start Start, whole io.Reader) {
	b := bufio.NewReaderSize(r, sniffed)
	bytes, _ := b.Peek(sniffed)
	return Recognize(bytes), b
}

// Recognize looks at the first bytes of a file: 64 KiB of them are enough.
func Recognize(start []byte) Start {
	switch {
	case len(start) == 0:
		return Start{}
	case strings.HasPrefix(string(start), sealMark):
		return Start{Old: true, Encrypted: true}
	case !strings.HasPrefix(string(start), gzipMark[:2]):
		return Start{Looks: looksLike(start)}
	}
	gz, err := gzip.NewReader(bytes.NewReader(start))
	if err != nil {
		return Start{}
	}
	plain := make([]byte, unpackedLooked)
	n, _ := io.ReadFull(gz, plain) // as far as it goes
	return recognizePlain(plain[:n])
}

func recognizePlain(plain []byte) Start {
	const block = 512
	switch {
	case len(plain) == 0:
		return Start{}
	case isArray(plain[:min(block, len(plain))]):
		return Start{Old: true}
	}
	return recognizeMembers(plain)
}

// isArray tells whether bytes begin as the array of keys does.
func isArray(start []byte) bool {
	text := bytes.TrimLeft(start, " \t\r\n")
	return (bytes.HasPrefix(text, []byte("[")) || bytes.HasPrefix(text, []byte("null"))) && bytes.IndexByte(start, 0) < 0
}

// directoryName is how the directory in an archive is called.
var directoryName = regexp.MustCompile(`^(?:.+\.)?consul\.snapshot\.[0-9]{1,19}$|^acceptancetest$`)

// recognizeMembers decides by the first member that says something.
func recognizeMembers(plain []byte) Start {
	tr := tar.NewReader(bytes.NewReader(plain))
	first := ""
	for range 16 {
		hdr, err := tr.Next()
		if hdr == nil || err != nil && err != tar.ErrInsecurePath {
			break
		}
		name := path.Clean(strings.TrimPrefix(hdr.Name, "./"))
		dir, base := path.Split(name)
		switch {
		case slices.Contains([]string{"meta.json", "state.bin", "SHA256SUMS"}, name):
			return Start{}
		case documentFile.MatchString(base), base == metaFile && dir != "",
			hdr.Typeflag == tar.TypeDir && directoryName.MatchString(base):
			return Start{Old: true}
		}
		if first == "" && hdr.Typeflag == tar.TypeReg {
			first = hdr.Name
		}
	}
	if first == "" {
		return Start{}
	}
	return Start{Looks: "a tar archive that begins with " + quote(first)}
}

// looksLike names what is not compressed, if it is known.
func looksLike(start []byte) string {
	for _, known := range []struct{ mark, name string }{
		{"PK\x03\x04", "a zip archive"}, {"\xfd7zXZ\x00", "a file compressed by xz"}, {"\x28\xb5\x2f\xfd", "a file compressed by zstd"},
		{"BZh", "a file compressed by bzip2"}, {"\x7fELF", "a program"}, {"%PDF", "a PDF document"}, {"-----BEGIN ", "a text in PEM"},
		{"<!DOCTYPE", "a web page"}, {"<html", "a web page"}, {"<?xml", "XML, such as the errors of object stores"},
	} {
		if strings.HasPrefix(string(start), known.mark) {
			return known.name
		}
	}
	text := start[:min(len(start), 512)]
	switch {
	case len(start) > 262 && string(start[257:262]) == "ustar":
		return "a tar archive that is not compressed"
	case isArray(text) || bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")):
		return "JSON that is not compressed"
	}
	return ""
}
