package diff

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	linediff "github.com/rogpeppe/go-internal/diff"
)

// What is shown of values, at most.
const (
	maxQuoted = 80       // bytes of a text on one line
	maxHex    = 16       // bytes of what is no text
	maxText   = 64 << 10 // bytes of a text that is compared line by line
	maxLines  = 60       // lines of such a comparison
	maxWidth  = 200      // bytes of each of them
)

// isText tells whether a value is text that a terminal can show.
func isText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	return !bytes.ContainsFunc(b, func(r rune) bool { return !unicode.IsPrint(r) && !strings.ContainsRune("\n\t\r", r) })
}

// describe says what a value is, in a few words: the text itself if it is short.
func describe(b []byte) string {
	sum := sha256.Sum256(b)
	switch {
	case len(b) == 0:
		return "nothing"
	case isText(b) && len(b) <= maxQuoted:
		return fmt.Sprintf("%q", b)
	case isText(b):
		return fmt.Sprintf("text of %d bytes, SHA-256 %s…", len(b), hex.EncodeToString(sum[:8]))
	case len(b) <= maxHex:
		return fmt.Sprintf("%s, hex %x", bytesOf(len(b)), b)
	}
	return fmt.Sprintf("%d bytes, hex %x…, SHA-256 %s…", len(b), b[:maxHex], hex.EncodeToString(sum[:8]))
}

// bytesOf is a number of bytes.
func bytesOf(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// compareValues says in lines how a value has changed: the lines that differ if both are text of several lines, and what they are otherwise.
func compareValues(name string, before, after []byte) []string {
	several := bytes.ContainsRune(bytes.TrimSuffix(before, []byte("\n")), '\n') || bytes.ContainsRune(bytes.TrimSuffix(after, []byte("\n")), '\n')
	if !several || len(before) > maxText || len(after) > maxText || !isText(before) || !isText(after) || len(before) == 0 || len(after) == 0 {
		return []string{name + ": " + describe(before) + " → " + describe(after)}
	}
	unified := strings.TrimSuffix(string(linediff.Diff("before", before, "after", after)), "\n")
	lines := strings.Split(unified, "\n")
	if len(lines) > 3 {
		lines = lines[3:] // without its headings
	}
	out := []string{name + ":"}
	for i, line := range lines {
		if i == maxLines {
			out = append(out, fmt.Sprintf("  … and %d more lines", len(lines)-i))
			break
		}
		out = append(out, "  "+shorten(strings.ReplaceAll(line, "\r", `\r`)))
	}
	return out
}

// shorten cuts a line that is long.
func shorten(line string) string {
	if len(line) <= maxWidth {
		return line
	}
	n := maxWidth
	for n > 0 && !utf8.RuneStart(line[n]) {
		n--
	}
	return line[:n] + "…"
}
