package definition

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

//lint:file-ignore ST1005 the texts are Consul's own, capitals included.

var metaKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// CheckMeta checks the metadata of a node or a service: at most 64 pairs, keys of at most 128 and values of at most 512 bytes. The
// words are the same for both.
func CheckMeta(meta map[string]string) error {
	if len(meta) > 64 {
		return errors.New("Node metadata cannot contain more than 64 key/value pairs")
	}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		if fault := metaFault(key, meta[key]); fault != "" {
			return fmt.Errorf("Couldn't load metadata pair ('%s', '%s'): %s", key, meta[key], fault)
		}
	}
	return nil
}

// metaFault says what is wrong with a pair of metadata.
func metaFault(key, value string) string {
	switch {
	case key == "":
		return "Key cannot be blank"
	case !metaKey.MatchString(key):
		return "Key contains invalid characters"
	case len(key) > 128:
		return "Key is too long (limit: 128 characters)"
	case strings.HasPrefix(key, "consul-"):
		return "Key prefix 'consul-' is reserved for internal use"
	case len(value) > 512:
		return "Value is too long (limit: 512 characters)"
	}
	return ""
}
