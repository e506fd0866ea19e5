package comparison

import (
	"fmt"
	"strings"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// A judge finds out what has become of the objects that are not alike.
type judge struct {
	expect   Expect
	index    uint64
	now      *survey
	unlike   table
	restored *background
	present  *presence
	found    *findings
}

func newJudge(expect Expect, before, after *survey, found *findings, types []record.Type) *judge {
	room := int64(0)
	for _, t := range types {
		room += before.families[t].Count
	}
	return &judge{
		expect: expect, index: before.index, now: after, unlike: make(table, room), restored: newBackground(expect), present: newPresence(),
		found: found,
	}
}

// judge reads the two streams, once to find what is unlike and once to name it.
func (j *judge) judge(restored, now digest.Source) error {
	for _, step := range []struct {
		src   digest.Source
		visit func(*object.Object) error
	}{{restored, j.takeRestored}, {now, j.takeNow}, {restored, j.nameRestored}, {now, j.nameNow}} {
		s := object.NewSplitter()
		err := step.src(func(raw record.Raw) error {
			if err := s.Each(raw, step.visit); err != nil {
				return fmt.Errorf("compare with what was restored: %w", err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *judge) takeRestored(o *object.Object) error {
	j.restored.look(o)
	sum, err := o.Digest()
	j.unlike.restored(o.ID, sum)
	return err
}

func (j *judge) takeNow(o *object.Object) error {
	j.present.look(o, j.index)
	if e, ok := o.Value.(*record.KVEntry); ok {
		j.now.tombs.outlives(e)
	}
	if j.restored.indexless[o.ID] && o.Modified <= j.index { // it was given one of the restore's
		o.Created, o.Modified = 0, 0
	}
	sum, err := o.Digest()
	j.unlike.now(o.ID, sum)
	return err
}

// nameRestored tells what has become of what is gone, and keeps in mind what it takes to judge what has changed.
func (j *judge) nameRestored(o *object.Object) error {
	e, unlike := j.unlike[o.ID]
	switch {
	case !unlike:
	case e.Count == 0:
		return j.restored.remember(o)
	case e.Count > 0:
		if _, first := j.unlike.tell(o.ID); first {
			j.gone(o)
		}
	}
	return nil
}

// nameNow tells of what was changed or added.
func (j *judge) nameNow(o *object.Object) error {
	e, first := j.unlike.tell(o.ID)
	if !first || e.Count > 0 {
		return nil
	}
	what := digest.Changed
	if e.Count < 0 {
		what = digest.Added
	}
	c := Change{Type: o.Family, Name: o.Name, What: what, Index: o.Modified}
	switch {
	case o.Modified > j.index:
		return j.writtenSince(o, c)
	case o.Family == object.FamilyFreeIP && j.addresses() > 0:
		c.Index = j.addresses()
		j.found.since.add(c)
	default:
		j.differ(o, what, "")
	}
	return nil
}

// writtenSince tells why something was written.
func (j *judge) writtenSince(o *object.Object, c Change) error {
	if j.serversWrite(o, c.What) {
		c.Reason = ServersWrite
		j.found.replaced.add(c)
		return nil
	}
	if e, ok := o.Value.(*record.KVEntry); ok && c.What == digest.Changed {
		released, err := j.released(o, e)
		if err != nil {
			return err
		}
		if released {
			c.Reason = SessionEnded
			j.found.reaped.add(c)
			return nil
		}
	}
	if n, ok := o.Value.(object.Node); ok && c.What == digest.Changed {
		c.Note = j.restored.nodes[o.ID].anew(n.Register)
	}
	j.found.since.add(c)
	return nil
}

func (j *judge) differ(o *object.Object, what digest.Kind, note string) {
	if what != digest.Missing && !o.Indexed {
		note = "it has no index that tells when it was written"
	}
	j.found.differences.add(Change{Type: o.Family, Name: o.Name, What: what, Note: note})
}

// reap tells of what is gone because of what the cluster does by itself.
func (j *judge) reap(o *object.Object, why Reason, index uint64) {
	j.found.reaped.add(Change{Type: o.Family, Name: o.Name, What: Deleted, Index: index, Reason: why})
}

// delete tells of what was deleted since, as the cluster shows.
func (j *judge) delete(o *object.Object, index uint64) {
	j.found.since.add(Change{Type: o.Family, Name: o.Name, What: Deleted, Index: index})
}

// gone tells what has become of an object that is there no more.
func (j *judge) gone(o *object.Object) {
	switch v := o.Value.(type) {
	case *record.KVEntry:
		j.goneKey(o, v)
	case object.Node:
		j.goneNode(o, v.Register)
	case object.Service:
		j.goneService(o, v)
	case object.Check:
		j.goneCheck(o, v)
	case *record.Session:
		j.goneSession(o, v)
	case *record.PreparedQuery:
		if v.Session != "" && j.ended(v.Session) {
			j.reap(o, SessionEnded, j.now.since("prepared-queries"))
			return
		}
		j.lost(o)
	case *record.ACLToken:
		j.goneToken(o, v)
	case *record.ACLPolicy, *record.ACLRole:
		j.unreplicated(o, true)
	default:
		j.goneElse(o)
	}
}

// tables are the entries of the Index table that are raised when objects of a family are deleted.
var tables = map[string]string{
	object.FamilyKey: "kvs", object.FamilyNode: "nodes", object.FamilyService: "services", object.FamilyCheck: "checks",
	object.FamilySession: "sessions", object.FamilyQuery: "prepared-queries", object.FamilyToken: "acl-tokens",
	object.FamilyPolicy: "acl-policies", object.FamilyRole: "acl-roles", object.FamilyRule: "acl-binding-rules",
	object.FamilyMethod: "acl-auth-methods", object.FamilyConfig: "config-entries", object.FamilyMetadata: "system-metadata",
	object.FamilyFederation: "federation-states", object.FamilyVirtualIP: "service-virtual-ips", object.FamilyFreeIP: "service-virtual-ips",
}

// lost tells of what is gone without a trace.
func (j *judge) lost(o *object.Object) {
	note := ""
	if table := tables[o.Family]; table != "" && j.now.since(table) > 0 {
		note = "something of its kind was written or deleted since: it may have been this"
	}
	j.differ(o, digest.Missing, note)
}

func (j *judge) goneKey(o *object.Object, e *record.KVEntry) {
	index := j.now.tombs.deleted(e)
	switch {
	case e.Session != "" && j.restored.sessions[object.SessionID(e.Session)].deletes && j.ended(e.Session):
		j.reap(o, SessionEnded, index)
	case index > 0:
		j.delete(o, index)
	default:
		j.lost(o)
	}
}

func (j *judge) goneToken(o *object.Object, t *record.ACLToken) {
	if at := t.ExpirationTime; at != nil && !at.After(j.expect.At) {
		j.reap(o, TokenExpired, j.now.since("acl-tokens"))
		return
	}
	j.unreplicated(o, !t.Local)
}

// unreplicated tells of ACLs that are gone. In a secondary datacenter they may be there no more because the primary does not have them.
func (j *judge) unreplicated(o *object.Object, global bool) {
	if index := j.now.since(tables[o.Family]); index > 0 && global && j.expect.ACLsReplicated {
		j.reap(o, NotInPrimary, index)
		return
	}
	j.lost(o)
}

// goneElse tells of what Lictor carries without serving it.
func (j *judge) goneElse(o *object.Object) {
	switch o.Family {
	case object.FamilyIntention:
		if _, destination, _ := strings.Cut(o.Name, " to "); j.present.intentions[destination] {
			j.found.replaced.add(Change{Type: o.Family, Name: o.Name, What: Deleted, Index: j.now.since("config-entries"), Reason: NewForm})
			return
		}
	case object.FamilyVirtualIP, object.FamilyFreeIP:
		if index := j.addresses(); index > 0 {
			j.delete(o, index)
			return
		}
	}
	j.lost(o)
}

// addresses is the index at which virtual IPs were given out or set free since, the latter with the last instance of a service; 0 if none
// was.
func (j *judge) addresses() uint64 {
	return j.now.since("service-virtual-ips", peerKey("")+"service_last_extinction")
}
