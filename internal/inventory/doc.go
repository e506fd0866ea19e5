// Package inventory is what a store of backups holds: archives, the entries beside them, which cluster each belongs to, and which of
// them may be deleted.
//
// # Names
//
// An archive is consul-<id>.snap, as the snapshot agent of Consul Enterprise names it; the id is a time in UNIX nanoseconds, in decimal,
// and a larger one is newer. Its entry is consul-<id>.snap.json. An archive that failed its proof is consul-<id>.snap.bad, with the entry
// consul-<id>.snap.bad.json. So what consul-*.snap matches are archives that were not found bad, and nothing else.
//
// An encrypted archive is consul-<id>.snap.age, or consul-<id>.<time>.snap.age once it was encrypted anew, the time in UNIX milliseconds.
// Its entry has the name that it would have without encryption: archives of one ID are one backup, with one entry, which says which of them
// it is about. The others are strays.
//
// # Promises
//
// The entry is the commit point of a backup. [Commit] writes it last, once the archive is there in its full size, and reads it back.
// What a crash leaves before that is an archive without an entry: foreign, listed, never taken for a backup and never deleted.
//
// An entry says which cluster its backup is of. [Plan] names for deletion only what an entry gives to the cluster asked for: never an
// archive without an entry, with a damaged one, with one of a newer format, or of another cluster; and never the newest proven backup.
// Which of the others stay is the business of package retention.
// [Prune] reads each entry once more before it deletes, and deletes the archive before its entry. In the other order, a crash would
// leave an archive that nobody owns and nobody ever deletes. In this one it leaves an entry without an archive, which is never shown as
// a backup, and which the next run deletes because it is older than what is kept.
//
// A backup that holds much less than the proven one before it is a [Collapse]. What it was compared with is in its entry, written at the
// commit: deletions cannot make a collapse out of many small steps, and no crash loses one. The next backup is compared with the same one, so
// that the norm moves only when somebody says so: until [AcceptCollapse], Prune deletes nothing. That the state grows again changes nothing
// about it.
//
// [Supersede] puts an archive that was encrypted anew in the place of the old one: the entry is rewritten when both are there, and before
// the old one is deleted.
//
// [SetAside] marks the entry bad before anything is moved, so that nothing on the way looks like a good backup.
//
// A lost or damaged entry can be made again from its archive: [Rebuild] for all that are of a cluster, [Adopt] for one. Both read the
// archive to its last record. Such a backup is unproven until it is verified.
//
// # Refusals
//
// Entries of more than 1 MiB, of a format newer than this one, and entries that contradict their name are not used; what this version does
// not know inside an entry is kept when the entry is rewritten.
//
// Two writers of one entry are not kept apart here: the lock of the snapshot agents does that.
package inventory
