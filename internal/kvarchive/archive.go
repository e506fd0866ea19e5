package kvarchive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lictor-dr/lictor/internal/kvjson"
	"github.com/lictor-dr/lictor/internal/record"
)

// Archive is an archive that was read to its end and has the checksums it claims. Its documents wait in a scratch file until Close.
type Archive struct {
	// Version is the version of consul-snapshot that wrote the archive, or 0.1 for those of 0.1.x, which do not carry it.
	Version string
	// Started and Ended tell when the backup was made, to the second. They are zero for 0.1.
	Started, Ended time.Time
	// NodeName is the Consul agent that was asked, or empty.
	NodeName string
	// Size and SHA256 are those of the archive as it was read, in bytes and in lower-case hex.
	Size   int64
	SHA256 string
	// Encrypted tells that the archive was encrypted.
	Encrypted bool
	// Other are the names of members that are no part of the backup, at most 20 of them: local mode of the real tool leaves documents of
	// earlier runs, for example. They are checked for nothing but their names.
	Other []string

	documents [kinds]Document
	spool     *spool
}

// Document tells about one of the documents of an archive.
type Document struct {
	Name   string // of the member, empty if the archive has none
	Size   int64  // in bytes
	SHA256 string // in lower-case hex
	// Null tells that the document is null: nothing came from Consul. For keys it also stands for an empty store, and for a token that
	// may read none.
	Null bool

	off int64 // in the spool
}

// Document tells about a document. One that the archive lacks has no name.
func (a *Archive) Document(k Kind) Document { return a.documents[k] }

// Close gives the scratch file back. The archive is of no use afterwards.
func (a *Archive) Close() error { return a.spool.close() }

// KeysOnly tells whether the archive is of 0.1 and can hold nothing but keys.
func (a *Archive) KeysOnly() bool { return a.Version == keysOnlyVersion }

// Keys calls visit with each key, in the order of the archive, which is that of the keys. It stops at the first error, and returns that
// of visit as it is. Like the other documents it may be read again, and by several at once.
func (a *Archive) Keys(ctx context.Context, visit func(*record.KVEntry) error) error {
	return each(ctx, a, Keys, parseKey, visit)
}

// Queries calls visit with each prepared query, as Keys does. The Token of a query is <hidden> if the backup was made with a token that
// may not manage ACLs.
func (a *Archive) Queries(ctx context.Context, visit func(*record.PreparedQuery) error) error {
	return each(ctx, a, Queries, parseQuery, visit)
}

// LegacyACLs calls visit with each legacy ACL, as Keys does. Archives of Consul 1.11 and later have none.
func (a *Archive) LegacyACLs(ctx context.Context, visit func(*LegacyACL) error) error {
	return each(ctx, a, LegacyACLs, parseLegacyACL, visit)
}

// ACLs calls visit with each policy, role and token, as Keys does. Only archives of a Writer have them.
func (a *Archive) ACLs(ctx context.Context, visit func(*ACL) error) error {
	return each(ctx, a, ACLs, parseACL, visit)
}

// each reads one document.
func each[T any](ctx context.Context, a *Archive, k Kind, parse func([]byte) (T, error), visit func(T) error) error {
	d := a.documents[k]
	if d.Name == "" {
		return nil
	}
	var stopped error // by visit
	n := 0
	err := kvjson.Elements(a.spool.section(d.off, d.Size), maxElement, func(raw []byte) error {
		if n++; n&1023 == 1 && ctx.Err() != nil {
			stopped = fmt.Errorf("read %s: %w", d.Name, context.Cause(ctx))
			return stopped
		}
		entry, err := parse(raw)
		if err != nil {
			return corrupt("entry %d cannot be read: %s", n, faultOf(err))
		}
		stopped = visit(entry)
		return stopped
	})
	var form *kvjson.FormError
	switch {
	case err == nil:
		return nil
	case stopped != nil:
		return stopped
	case errors.Is(err, ErrCorrupt), errors.Is(err, kvjson.ErrCut), errors.As(err, &form):
		return corrupt("%s, the document of the %s: %v", d.Name, k, err)
	}
	return fmt.Errorf("read %s: %w", d.Name, err)
}

// faultOf words an error of the JSON decoder without what it quotes, which may be a secret.
func faultOf(err error) string {
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
		found  *fault
	)
	switch {
	case errors.As(err, &found):
		return found.text
	case errors.As(err, &syntax):
		return fmt.Sprintf("it is not JSON after %d bytes", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("%s cannot be a JSON %.10s", field(kind.Field), kind.Value)
	}
	return "it is not what its document holds"
}

func field(name string) string {
	if name == "" {
		return "it"
	}
	return fmt.Sprintf("%.60q", name)
}

// Counts is how much an archive holds.
type Counts struct {
	Keys, Queries, LegacyACLs, Policies, Roles, Tokens int
}

// of is where an object of the ACLs is counted.
func (c *Counts) of(a *ACL) *int {
	switch {
	case a.Policy != nil:
		return &c.Policies
	case a.Role != nil:
		return &c.Roles
	}
	return &c.Tokens
}

// Verify reads every entry of every document, and counts them. Open has compared the checksums already; this finds what was saved badly.
func (a *Archive) Verify(ctx context.Context) (Counts, error) {
	var c Counts
	err := a.Keys(ctx, func(*record.KVEntry) error { c.Keys++; return nil })
	if err == nil {
		err = a.Queries(ctx, func(*record.PreparedQuery) error { c.Queries++; return nil })
	}
	if err == nil {
		err = a.LegacyACLs(ctx, func(*LegacyACL) error { c.LegacyACLs++; return nil })
	}
	if err == nil {
		err = a.ACLs(ctx, func(acl *ACL) error { *c.of(acl)++; return nil })
	}
	return c, err
}

// isNull looks at a document in the spool.
func (d *Document) isNull(s *spool) (bool, error) {
	const longest = 64 // with white space around it
	if d.Size > longest {
		return false, nil
	}
	text, err := io.ReadAll(s.section(d.off, d.Size))
	return isNullText(text), err
}
