// Package backup takes a snapshot of a cluster and keeps it only if it is proven.
//
// [Save] is one backup. It has four steps, each of which can fail by itself: an archive comes from a [Source]; it is staged in a
// [Place]; it is read back from there and checked to its last record; and it is committed. Until the last step the place is as it was, and
// whatever goes wrong, a cancelled context included, nothing of the attempt stays behind. Errors are [*StepError] values, which say
// which step failed.
//
// [Verify] is the check. It proves the container (sums, sizes, nothing behind the end), decodes every record, and applies what is known
// about records that kill a Consul server. What does not decode is refused. What decodes, but cannot be restored by a Consul 1.21.4
// server, is no reason to throw away the only copy of a cluster's state: it is kept and listed in [Findings].
//
// Everything streams: memory does not grow with the size of a snapshot.
package backup
