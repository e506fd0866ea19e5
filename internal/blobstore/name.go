package blobstore

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName leaves room for the digits of a temporary file in the 255 bytes that file systems give to a name.
const maxName = 230

// temporary is how names of temporary files end, see internal/atomicfile.
var temporary = regexp.MustCompile(`\.tmp[0-9]*$`)

// CheckName tells why no store takes an object of that name: it is empty, longer than 230 bytes, begins with a dot, ends like a temporary
// file (.tmp and digits), or has a slash, a backslash or a character that cannot be printed.
func CheckName(name string) error {
	why := ""
	switch {
	case name == "":
		why = "it is empty"
	case len(name) > maxName:
		why = fmt.Sprintf("it is longer than %d bytes", maxName)
	case name[0] == '.':
		why = "it begins with a dot"
	case strings.ContainsAny(name, `/\`):
		why = "it has a slash"
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		why = "it has a character that cannot be printed"
	case temporary.MatchString(name):
		why = "it ends like the name of a temporary file"
	default:
		return nil
	}
	return fmt.Errorf("object name %q is refused: %s", name, why)
}
