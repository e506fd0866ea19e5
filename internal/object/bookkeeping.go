package object

import (
	"strings"

	"github.com/lictor-dr/lictor/internal/record"
)

// bootstrapKey is the entry of the Index table that exists once ACLs have been bootstrapped.
const bootstrapKey = "acl-token-bootstrap"

// Bookkeeping tells whether a record holds no object.
func Bookkeeping(raw record.Raw) bool {
	switch raw.Type {
	case record.TypeCoordinates, record.TypeTombstone, record.TypeChunkingState:
		return true
	case record.TypeIndex:
		key, _ := record.Key(raw.Value)
		return !strings.EqualFold(string(key), bootstrapKey)
	}
	return false
}
