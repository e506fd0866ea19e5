package registration

import (
	"regexp"
	"strings"
)

// maxNote is how long a text may be that is shown in Consul, in bytes.
const maxNote = 1024

// addresses finds the parts of a URL where secrets stand: user and password, query, fragment.
var addresses = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)(?:[^\s/?#"'@]*@)?([^\s?#"']*)(?:[?#][^\s"']*)?`)

// Presentable is a text without what may be secret in a URL, valid, and at most a kilobyte long.
func Presentable(text string) string {
	text = addresses.ReplaceAllString(strings.ToValidUTF8(text, "\uFFFD"), "$1$2")
	if len(text) <= maxNote {
		return text
	}
	return strings.ToValidUTF8(text[:maxNote-len("…")], "") + "…"
}
