// Package aclreplicate keeps the ACLs of a datacenter level with those of its primary datacenter: policies, roles and, where tokens are
// replicated, all tokens that are not local. The leader of the secondary runs a [Replicator] while it leads; the primary answers with
// [Read] and [IndexesOf].
//
// A round fetches what has changed, whole, compares it with the state of the secondary record by record, and writes the difference in
// bounded batches: policies first, then roles, then tokens; of each what is gone before what is new. What is compared is all that a
// record holds but its indexes, not what hashes and indexes say of it. Objects keep their IDs, secrets, hashes, times and also fields
// that this version does not know. Local tokens are never touched. A round that was interrupted anywhere is made good by the next one.
//
// Everything is compared again whenever an index of the primary is another one than before, higher or lower (it may have been restored),
// when the secondary's own state has been replaced, when the replication token is another one, and otherwise every few minutes.
//
// Nothing is deleted on the word of an answer that is not whole: one that breaks off, that holds another number of records than it says,
// or that lacks what every primary has. Rounds are limited in rate; after an error the next one waits, longer each time, up to a minute.
package aclreplicate
