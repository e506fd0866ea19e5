package comparison

import (
	"slices"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// A fate is what has become of a restored node.
type fate int

const (
	stays   fate = iota // it is there, as the one that was restored
	removed             // it was deregistered since, or deregistered and registered again
	reaped              // the same, and the cluster does that by itself
	absent              // it is gone, and nothing shows why
)

// fate tells what has become of a node of a peer, empty for the local cluster. One of a name that was not restored has no fate.
func (j *judge) fate(n object.ID, peer string) fate {
	e, unlike := j.unlike[n]
	anew := j.present.born[n] > j.index
	if !unlike || e.Count < 0 || e.Count == 0 && !anew {
		return stays
	}
	gone := anew || j.now.since(extinction(peer)) > 0
	switch {
	case j.restored.mayGo[n] && (gone || j.now.since("nodes") > 0):
		return reaped
	case gone:
		return removed
	}
	return absent
}

// peerKey begins the entries of the Index table that are about one peer, ~ for the local cluster.
func peerKey(peer string) string {
	if peer == "" {
		return "peer.~:"
	}
	return "peer." + object.Fold(peer) + ":"
}

// extinction is the entry of the Index table that is raised when a node is removed.
func extinction(peer string) string { return peerKey(peer) + "node_last_extinction" }

// removal is the index at which nodes were removed since, 0 if there is none.
func (j *judge) removal(r *record.Register) uint64 {
	if index := j.now.since(extinction(r.PeerName)); index > 0 {
		return index
	}
	return j.now.since("nodes")
}

// nodeChanged is the index at which something on a node was registered or removed since, 0 if nothing was. Before 1.13 the entries do not
// have the peer.
func (j *judge) nodeChanged(r *record.Register) uint64 {
	return j.now.since(peerKey(r.PeerName)+"node."+r.Node, "node."+r.Node)
}

// serviceChanged is the index at which an instance of a service was removed since, or changed in any way; 0 if none was.
func (j *judge) serviceChanged(r *record.Register, name string) uint64 {
	peer := peerKey(r.PeerName)
	if index := j.now.since(peer+"service."+name, "service."+name); index > 0 {
		return index
	}
	if j.now.has(peer+"service."+name) || j.now.has("service."+name) {
		return 0
	}
	return j.now.since(peer+"service_last_extinction", "service_last_extinction") // of the last instance
}

func (j *judge) goneNode(o *object.Object, r *record.Register) {
	index := j.removal(r)
	if name, there := j.present.renamed[object.Fold(r.ID)]; there && r.ID != "" && r.PeerName == "" && object.Fold(name) != object.Fold(r.Node) {
		j.found.reaped.add(Change{Type: o.Family, Name: o.Name, What: Deleted, Index: index, Reason: NodeRenamed,
			Note: "its name is " + name + " now"})
		return
	}
	switch j.fate(o.ID, r.PeerName) {
	case reaped:
		j.reap(o, NoMember, index)
	case removed:
		j.delete(o, index)
	default:
		j.lost(o)
	}
}

// withNode tells of what is gone with its node, and whether it is.
func (j *judge) withNode(o *object.Object, r *record.Register) bool {
	switch j.fate(object.NodeID(r), r.PeerName) {
	case reaped:
		j.reap(o, NoMember, j.removal(r))
	case removed:
		j.delete(o, j.removal(r))
	default:
		return false
	}
	return true
}

// deregistered tells of what is gone from a node that is there. Agents remove what they do not know of.
func (j *judge) deregistered(o *object.Object, r *record.Register, index uint64) {
	switch {
	case index == 0:
		j.lost(o)
	case j.restored.agents[object.NodeID(r)]:
		j.reap(o, NotAtAgent, index)
	default:
		j.delete(o, index)
	}
}

func (j *judge) goneService(o *object.Object, s object.Service) {
	if j.withNode(o, s.On) {
		return
	}
	index := j.nodeChanged(s.On)
	if j.serviceChanged(s.On, s.Service) == 0 {
		index = 0
	}
	j.deregistered(o, s.On, index)
}

func (j *judge) goneCheck(o *object.Object, c object.Check) {
	if j.withNode(o, c.On) {
		return
	}
	index := j.now.since(peerKey(c.On.PeerName)+"checks", "checks")
	if c.ServiceID != "" && j.serviceChanged(c.On, c.ServiceName) == 0 {
		index = 0
	}
	j.deregistered(o, c.On, index)
}

// sessionFate tells what has become of the node of a session.
func (j *judge) sessionFate(s object.ID) fate {
	return j.fate(j.restored.sessions[s].node, "")
}

// ended tells whether a restored session is gone, and rightly so: with its node, or with others since the restore.
func (j *judge) ended(session string) bool {
	s := object.SessionID(session)
	if !j.unlike.missing(s) {
		return false
	}
	f := j.sessionFate(s)
	return f == reaped || f == removed || j.now.since("sessions") > 0
}

func (j *judge) goneSession(o *object.Object, s *record.Session) {
	index := j.now.since("sessions")
	f := j.sessionFate(o.ID)
	lost, touched := j.checks(s)
	switch {
	case f == reaped:
		j.reap(o, NoMember, index)
	case f == removed:
		j.delete(o, index)
	case index == 0:
		j.lost(o)
	case lost || touched && s.TTL == "":
		j.reap(o, CheckLost, index)
	case s.TTL != "":
		j.reap(o, TTLExpired, index)
	default:
		j.delete(o, index)
	}
}

// checks tells whether one of the checks that a session depends on is gone or critical, and whether one is not as it was: it may have been
// critical for a while.
func (j *judge) checks(s *record.Session) (lost, touched bool) {
	on := &record.Register{Node: s.Node}
	for _, name := range dependencies(s) {
		c := object.CheckID(on, name)
		_, unlike := j.unlike[c]
		lost = lost || j.unlike.missing(c) || j.present.critical[c]
		touched = touched || unlike
	}
	return lost, touched
}

// dependencies are the IDs of the checks that a session depends on.
func dependencies(s *record.Session) []string {
	ids := slices.Concat(s.Checks, s.NodeChecks)
	for _, c := range s.ServiceChecks {
		ids = append(ids, c.ID)
	}
	return ids
}
