package consulsnapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// A native snapshot is taken apart into the documents of an archive while it is read.
type native struct {
	*kvarchive.Writer
	picker    *picker
	elsewhere int // objects of namespaces and partitions, which the archive has no place for
}

// snapshot puts what one native snapshot holds into an archive: all of one moment. The snapshot is read to its end and checked, so
// that what was put is good if there is no error. It returns how many objects of other namespaces and partitions were left out.
func snapshot(ctx context.Context, client *api.Client, w *kvarchive.Writer, p *picker) (elsewhere int, err error) {
	stream, err := (&backup.Cluster{Client: client}).Snapshot(ctx)
	if answered(err, http.StatusForbidden) {
		return 0, fmt.Errorf("take a snapshot: %w; the token needs acl = \"write\"", err)
	}
	if err != nil {
		return 0, fmt.Errorf("take a snapshot: %w", err)
	}
	n := &native{Writer: w, picker: p}
	if p.all() {
		w.Include(kvarchive.ACLs)
	}
	_, err = backup.Verify(ctx, stream.Body, backup.Options{Visit: n.put})
	if closed := stream.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return 0, fmt.Errorf("read the snapshot: %w", err)
	}
	return n.elsewhere, nil
}

// put puts one record.
func (n *native) put(raw record.Raw, value any) error {
	if e, ok := value.(*record.KVEntry); ok {
		if n.strange(e.Extra) || !n.picker.picks(e) {
			return nil
		}
		return n.PutKey(e)
	}
	if !n.picker.all() {
		return nil
	}
	switch v := value.(type) {
	case *record.PreparedQuery:
		return n.PutQuery(v)
	case *record.ACLPolicy:
		return n.putACL(v.Extra, &kvarchive.ACL{Policy: v})
	case *record.ACLRole:
		return n.putACL(v.Extra, &kvarchive.ACL{Role: v})
	case *record.ACLToken:
		return n.putToken(v)
	case *record.Opaque:
		if raw.Type == record.TypeLegacyACL {
			return n.putLegacy(raw, v)
		}
	}
	return nil
}

func (n *native) putACL(extra msgpack.Extra, a *kvarchive.ACL) error {
	if n.strange(extra) {
		return nil
	}
	return n.PutACL(a)
}

// strange tells whether an object is of a namespace or partition of Consul Enterprise other than the default one.
func (n *native) strange(extra msgpack.Extra) bool {
	strange := object.Tenancy(extra) != ""
	if strange {
		n.elsewhere++
	}
	return strange
}

// legacyACL is a record of the ACLs before Consul 1.4.
type legacyACL struct {
	CreateIndex, ModifyIndex uint64
	ID, Name, Rules, Type    string
}

// putToken puts a token: as a legacy ACL if it has rules of its own, as tokens from before Consul 1.4 have until somebody upgrades them.
// That is how Consul itself lists them.
func (n *native) putToken(t *record.ACLToken) error {
	kind, rules := extraText(t.Extra, "Type"), extraText(t.Extra, "Rules")
	if rules == "" && (kind == "" || t.AccessorID != "") {
		return n.putACL(t.Extra, &kvarchive.ACL{Token: t})
	}
	return n.PutLegacyACL(&kvarchive.LegacyACL{CreateIndex: t.CreateIndex, ModifyIndex: t.ModifyIndex, ID: t.SecretID, Name: t.Description,
		Type: cmp.Or(kind, kvarchive.ClientACL), Rules: rules})
}

// extraText is a field that today's tokens do not have.
func extraText(extra msgpack.Extra, name string) (text string) {
	for _, e := range extra {
		if e.Key == name && msgpack.Unmarshal(e.Value, &text) != nil {
			return ""
		}
	}
	return text
}

func (n *native) putLegacy(raw record.Raw, o *record.Opaque) error {
	var l legacyACL
	if err := msgpack.Unmarshal(o.Value, &l); err != nil {
		return raw.Fault(err)
	}
	return n.PutLegacyACL(&kvarchive.LegacyACL{CreateIndex: l.CreateIndex, ModifyIndex: l.ModifyIndex, ID: l.ID, Name: l.Name, Type: l.Type,
		Rules: l.Rules})
}

// answered tells whether an error is an answer of Consul's with one of these statuses.
func answered(err error, codes ...int) bool {
	var status api.StatusError
	return errors.As(err, &status) && slices.Contains(codes, status.Code)
}

// noSnapshot tells whether an error means that there can be no native snapshot: the token may not take one, or Consul is older than 0.7.1.
func noSnapshot(err error) bool { return answered(err, http.StatusForbidden, http.StatusNotFound) }
